"""The dashboard, the alarms and the log metric filters: their metrics exist, and the runbook
explains every alarm.

The checks see a stack together with its nested stacks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from typing import Any

from harness.paths import PROJECT
from template import log_filters
from template.alarm_rules import AlarmRule
from template.metrics import Metrics, existing_metrics
from template.stack import Stack, text
from template.templates import Template


ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
QUERY = "AWS::Logs::QueryDefinition"
INSIGHT_RULE = "AWS::CloudWatch::InsightRule"
SEARCH = re.compile(
    r"SEARCH\('\{(?P<schema>[^}]*)\} MetricName=\"(?P<name>\w+)\"(?P<terms>[^']*)', '(?P<statistic>\w+)', \d+\)"
)
STATISTIC = re.compile(r"Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?")
IDENTIFIER = re.compile(r"\b[a-z]\w*\b")
ALARM_ARN = re.compile(r"\$\{(?P<name>\w+)(\.Arn)?\}$")
RUNBOOK = "docs/operations/runbook.md"
# A reference to a metric: namespace, name, and names of the dimensions.
MetricReference = tuple[str, str, frozenset[str]]


def findings(stack: Stack) -> list[str]:
    metrics = existing_metrics(stack)
    alarms = stack.of_type(ALARM).items()
    all_alarms = stack.of_type(ALARM) | stack.of_type(COMPOSITE)
    dashboards = stack.of_type("AWS::CloudWatch::Dashboard").items()
    return [
        *filter_errors(stack),
        *(f"{name}: {error}" for name, alarm in alarms for error in alarm_errors(alarm, metrics)),
        *action_errors(stack),
        *(
            f"{name}: AlarmName is {text(it.get('AlarmName'))}, expected the stack's name and {name}"
            for name, it in all_alarms.items()
            if text(it.get("AlarmName")) != f"tollgate-{name}"
        ),
        *(
            f"{name}: {error}"
            for name, dashboard in dashboards
            for error in dashboard_errors(stack, dashboard, metrics, all_alarms.keys())
        ),
    ]


def filter_errors(stack: Stack) -> Iterator[str]:
    stage = stack.of_type("AWS::ApiGatewayV2::Stage")["Stage"]
    access_log_format = text(stage["AccessLogSettings"]["Format"])
    metrics = stack.of_type("AWS::Logs::MetricFilter")
    subscriptions = stack.of_type("AWS::Logs::SubscriptionFilter")
    for name, properties in (metrics | subscriptions).items():
        known = log_filters.field_names(properties["LogGroupName"].targets[0], access_log_format)
        if properties["FilterPattern"].strip('"') in known:
            # A word, which is the name of a field.
            continue
        try:
            comparisons = log_filters.Pattern(properties["FilterPattern"]).comparisons
        except ValueError as error:
            yield f"{name}: {error}"
            continue

        for comparison in comparisons:
            field, value = comparison["field"], comparison["value"]
            if log_filters.root(field) not in known:
                yield f"{name}: no line of {properties['LogGroupName'].targets[0]} has the field `{field}`"
            values = log_filters.possible_values(field)
            if values is not None and value != "*" and value not in values:
                yield f"{name}: `{field}` is never `{value}`"


def alarm_errors(alarm: dict[str, Any], metrics: Metrics) -> Iterator[str]:
    if "TreatMissingData" not in alarm:
        yield "has no TreatMissingData"
    for reference in references_of_alarm(alarm):
        yield from reference_errors(reference, metrics)

    if "Metrics" in alarm:
        yield from expression_errors(
            [{"id": it["Id"], "expression": it.get("Expression")} for it in alarm["Metrics"]]
        )
        if sum(it.get("ReturnData", True) for it in alarm["Metrics"]) != 1:
            yield "must return exactly one of its metrics"


def references_of_alarm(alarm: dict[str, Any]) -> Iterator[MetricReference]:
    queries = [it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it]
    for metric in queries if "Metrics" in alarm else [alarm]:
        dimensions = frozenset(it["Name"] for it in metric.get("Dimensions", []))
        yield text(metric["Namespace"]), text(metric["MetricName"]), dimensions


def expression_errors(queries: list[dict[str, Any]]) -> Iterator[str]:
    """Finds IDs in expressions that no metric has."""
    ids = {it["id"] for it in queries if it.get("id")}
    for query in queries:
        expression = query.get("expression") or ""
        if not expression.startswith("SEARCH"):
            for missing in sorted(set(IDENTIFIER.findall(expression)) - ids):
                yield f"`{expression}` refers to `{missing}`, which is not the ID of a metric"


def reference_errors(reference: MetricReference, metrics: Metrics) -> Iterator[str]:
    namespace, name, dimensions = reference
    sets = metrics.get((namespace, name))
    if sets is None:
        yield f"nothing emits {namespace} {name}"
    elif dimensions not in sets:
        yield f"{namespace} {name} has no dimensions {sorted(dimensions)}"


def action_errors(stack: Stack) -> Iterator[str]:
    """Checks that each alarm notifies once: by itself or through the composite alarm."""
    rules = {name: rule_of(it) for name, it in stack.of_type(COMPOSITE).items()}
    paging = {alarm for rule in rules.values() for alarm in rule.names}
    alarms = stack.of_type(ALARM)
    for name, rule in rules.items():
        yield from (
            f"{name}: its rule names {alarm}, which does not exist"
            for alarm in rule.names - alarms.keys()
        )
    if not rules or not stack.values["AlarmTopicArn"]:
        return

    composites = stack.of_type(COMPOSITE)
    yield from (
        f"{name}: notifies no topic"
        for name, it in composites.items()
        if not it.get("AlarmActions")
    )
    for name, alarm in alarms.items():
        if (name in paging) == bool(alarm.get("AlarmActions")):
            yield f"{name}: {'notifies twice' if name in paging else 'notifies no topic'}"


def rule_of(composite: dict[str, Any]) -> AlarmRule:
    """Returns the rule with the logical IDs of the alarms as their names."""
    return AlarmRule(re.sub(r"\$\{(\w+)\}", r"\1", text(composite["AlarmRule"])))


def dashboard_errors(
    stack: Stack, dashboard: dict[str, Any], metrics: Metrics, alarms: Set[str]
) -> Iterator[str]:
    queries = stack.of_type(QUERY)
    rules = stack.of_type(INSIGHT_RULE)
    try:
        widgets = json.loads(text(dashboard["DashboardBody"]))["widgets"]
    except ValueError as error:
        yield f"its body is not JSON: {error}"
        return

    listed = [
        ALARM_ARN.search(arn)["name"]
        for widget in widgets
        if widget["type"] == "alarm"
        for arn in widget["properties"]["alarms"]
    ]
    if sorted(listed) != sorted(alarms):
        yield f"its alarm widget lists {sorted(listed)}, expected {sorted(alarms)}"

    for widget in widgets:
        title = widget["properties"].get("title", widget["properties"].get("markdown"))
        if "insightRule" in widget["properties"]:
            yield from (f"`{title}`: {error}" for error in insight_errors(widget, rules))
        elif widget["type"] == "metric":
            yield from (f"`{title}`: {error}" for error in widget_errors(widget, metrics))
        elif widget["type"] == "log":
            yield from (f"`{title}`: {error}" for error in log_widget_errors(widget, queries))
        elif widget["type"] not in ("text", "alarm"):
            yield f"`{title}`: the tests do not know widgets of type {widget['type']}"


def widget_errors(widget: dict[str, Any], metrics: Metrics) -> Iterator[str]:
    properties = widget["properties"]
    for name in {"title", "region", "metrics"} - properties.keys():
        yield f"has no {name}"

    queries = [row[-1] for row in properties["metrics"] if isinstance(row[-1], dict)]
    yield from expression_errors(queries)
    for row in properties["metrics"]:
        options = row[-1] if isinstance(row[-1], dict) else {}
        if "expression" in options:
            yield from search_errors(options["expression"], metrics)
            continue

        namespace, name, *dimensions = [it for it in row if not isinstance(it, dict)]
        yield from reference_errors((namespace, name, frozenset(dimensions[::2])), metrics)
        statistic = options.get("stat", properties.get("stat", ""))
        if not STATISTIC.fullmatch(statistic):
            yield f"{name}: `{statistic}` is not a statistic"


def insight_errors(widget: dict[str, Any], rules: dict[str, Any]) -> Iterator[str]:
    properties = widget["properties"]
    for name in {"title", "region", "period"} - properties.keys():
        yield f"has no {name}"
    name = re.fullmatch(r"\$\{(\w+)\.RuleName\}", properties["insightRule"]["ruleName"])
    if not name or name[1] not in rules:
        yield f"there is no rule {properties['insightRule']['ruleName']}"


def log_widget_errors(widget: dict[str, Any], queries: dict[str, Any]) -> Iterator[str]:
    """Checks that a widget runs a saved query, over the same log groups."""
    properties = widget["properties"]
    for name in {"title", "region", "query", "view"} - properties.keys():
        yield f"has no {name}"

    *sources, query = re.split(r" \| (?!SOURCE)", properties["query"], maxsplit=1)
    groups = re.findall(r"SOURCE '([^']+)'", " ".join(sources))
    saved = {" ".join(text(it["QueryString"]).split()): it for it in queries.values()}
    if query not in saved:
        yield "its query is not a saved query"
    elif groups != [text(group) for group in saved[query]["LogGroupNames"]]:
        yield f"it reads {groups}, and its saved query other log groups"


def search_errors(expression: str, metrics: Metrics) -> Iterator[str]:
    if not expression.startswith("SEARCH"):
        return
    search = SEARCH.fullmatch(expression)
    if not search or not STATISTIC.fullmatch(search["statistic"]):
        yield f"`{expression}` is not a search that the tests can read"
        return

    namespace, *dimensions = [it.strip().strip('"') for it in search["schema"].split(",")]
    yield from reference_errors((namespace, search["name"], frozenset(dimensions)), metrics)


def runbook_errors(templates: list[Template]) -> list[str]:
    """Finds alarms without a runbook section, sections without an alarm, and descriptions without
    the right link.
    """
    alarms: dict[str, Any] = {}
    for template in templates:
        alarms |= template.resources(ALARM) | template.resources(COMPOSITE)
    sections = set(re.findall(r"^## (\w+Alarm)$", (PROJECT / RUNBOOK).read_text(), re.MULTILINE))
    found = [f"{name}: {RUNBOOK} has no section" for name in sorted(alarms.keys() - sections)]
    found += [f"{RUNBOOK}: there is no alarm {name}" for name in sorted(sections - alarms.keys())]

    for name, alarm in alarms.items():
        description = alarm["Properties"].get("AlarmDescription", {}).get("Fn::Sub", "")
        written = description if isinstance(description, str) else description[0]
        if not written.endswith(f" ${{Runbook}}#{name.lower()}"):
            found.append(f"{name}: its description does not end in ${{Runbook}}#{name.lower()}")
    return found
