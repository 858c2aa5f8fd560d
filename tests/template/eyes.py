"""The dashboard, alarms and log metric filters: that what they look at is there, and each alarm is explained."""

from __future__ import annotations

import json
import re
from typing import Any, Iterator

from . import filters
from .document import PROJECT, Template
from .evaluation import Position
from .metrics import Emitted, emitted, text

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
SEARCH = re.compile(
    r"SEARCH\('\{(?P<schema>[^}]*)\} MetricName=\"(?P<name>\w+)\"(?P<terms>[^']*)', '(?P<statistic>\w+)', \d+\)"
)
STATISTIC = re.compile(r"Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?")
IDENTIFIER = re.compile(r"\b[a-z]\w*\b")
RUNBOOK = "docs/operations/runbook.md"
# Namespace, name, names of the dimensions.
Use = tuple[str, str, frozenset[str]]


def findings(position: Position) -> list[str]:
    """What is wrong with them in one position."""
    known = emitted(position)
    boards = position.of_type("AWS::CloudWatch::Dashboard")
    return [
        *of_filters(position),
        *(f"{name}: {it}" for name, alarm in position.of_type(ALARM).items() for it in of_alarm(alarm, known)),
        *of_actions(position),
        *(f"{name}: {it}" for name, board in boards.items() for it in of_board(board, known)),
    ]


def of_filters(position: Position) -> Iterator[str]:
    stage = position.of_type("AWS::ApiGatewayV2::Stage")["Stage"]
    access_log_format = text(stage["AccessLogSettings"]["Format"])
    for name, properties in position.of_type("AWS::Logs::MetricFilter").items():
        known = filters.members(properties["LogGroupName"].targets[0], access_log_format)
        try:
            comparisons = filters.Pattern(properties["FilterPattern"]).comparisons
        except ValueError as mistake:
            yield f"{name}: {mistake}"
            continue
        for comparison in comparisons:
            member, value = comparison["member"], comparison["value"]
            if member.partition(".")[0] not in known:
                yield f"{name}: no line of {properties['LogGroupName'].targets[0]} has `{member}`"
            values = filters.values(member)
            if values is not None and value != "*" and value not in values:
                yield f"{name}: `{member}` is never `{value}`"


def of_alarm(alarm: dict[str, Any], known: Emitted) -> Iterator[str]:
    if "TreatMissingData" not in alarm:
        yield "does not say what missing data means"
    for use in uses_of_alarm(alarm):
        yield from unknown(use, known)
    if "Metrics" in alarm:
        yield from of_expressions([{"id": it["Id"], "expression": it.get("Expression")} for it in alarm["Metrics"]])
        if sum(it.get("ReturnData", True) for it in alarm["Metrics"]) != 1:
            yield "returns not exactly one of its metrics"


def uses_of_alarm(alarm: dict[str, Any]) -> Iterator[Use]:
    queries = [it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it]
    for metric in queries if "Metrics" in alarm else [alarm]:
        dimensions = frozenset(it["Name"] for it in metric.get("Dimensions", []))
        yield text(metric["Namespace"]), text(metric["MetricName"]), dimensions


def of_expressions(queries: list[dict[str, Any]]) -> Iterator[str]:
    """Ids that an expression names, and nobody has."""
    ids = {it["id"] for it in queries if it.get("id")}
    for query in queries:
        expression = query.get("expression") or ""
        if not expression.startswith("SEARCH"):
            for missing in sorted(set(IDENTIFIER.findall(expression)) - ids):
                yield f"`{expression}` names `{missing}`, which is no metric's id"


def unknown(use: Use, known: Emitted) -> Iterator[str]:
    namespace, name, dimensions = use
    sets = known.get((namespace, name))
    if sets is None:
        yield f"nothing emits {namespace} {name}"
    elif dimensions not in sets:
        yield f"{namespace} {name} has no dimensions {sorted(dimensions)}"


def of_actions(position: Position) -> Iterator[str]:
    """An alarm is heard of once: by itself, or by the composite one."""
    rules = {name: rule_of(it) for name, it in position.of_type(COMPOSITE).items()}
    paging = {alarm for alarms in rules.values() for alarm in alarms}
    alarms = position.of_type(ALARM)
    for name, named in rules.items():
        yield from (f"{name}: its rule names {alarm}, which is not there" for alarm in named - alarms.keys())
    if not rules or not position.values["AlarmTopicArn"]:
        return
    composites = position.of_type(COMPOSITE)
    yield from (f"{name}: tells nobody" for name, it in composites.items() if not it.get("AlarmActions"))
    for name, alarm in alarms.items():
        if (name in paging) == bool(alarm.get("AlarmActions")):
            yield f"{name}: tells {'twice' if name in paging else 'nobody'}"


def rule_of(composite: dict[str, Any]) -> set[str]:
    rule = text(composite["AlarmRule"])
    return set(re.findall(r"ALARM\(\W*\$\{(\w+)\}\W*\)", rule))


def of_board(board: dict[str, Any], known: Emitted) -> Iterator[str]:
    try:
        widgets = json.loads(text(board["DashboardBody"]))["widgets"]
    except ValueError as mistake:
        yield f"its body is no JSON: {mistake}"
        return
    for widget in widgets:
        title = widget["properties"].get("title", widget["properties"].get("markdown"))
        if widget["type"] == "metric":
            yield from (f"`{title}`: {it}" for it in of_widget(widget, known))
        elif widget["type"] not in ("text", "alarm"):
            yield f"`{title}`: {widget['type']} is no kind of widget that is used here"


def of_widget(widget: dict[str, Any], known: Emitted) -> Iterator[str]:
    properties = widget["properties"]
    for member in {"title", "region", "metrics"} - properties.keys():
        yield f"has no {member}"
    queries = [row[-1] for row in properties["metrics"] if isinstance(row[-1], dict)]
    yield from of_expressions(queries)
    for row in properties["metrics"]:
        options = row[-1] if isinstance(row[-1], dict) else {}
        if "expression" in options:
            yield from of_search(options["expression"], known)
            continue
        namespace, name, *dimensions = [it for it in row if not isinstance(it, dict)]
        yield from unknown((namespace, name, frozenset(dimensions[::2])), known)
        statistic = options.get("stat", properties.get("stat", ""))
        if not STATISTIC.fullmatch(statistic):
            yield f"{name}: `{statistic}` is no statistic"


def of_search(expression: str, known: Emitted) -> Iterator[str]:
    if not expression.startswith("SEARCH"):
        return
    search = SEARCH.fullmatch(expression)
    if not search or not STATISTIC.fullmatch(search["statistic"]):
        yield f"`{expression}` is no search as it is written here"
        return
    namespace, *dimensions = [it.strip().strip('"') for it in search["schema"].split(",")]
    yield from unknown((namespace, search["name"], frozenset(dimensions)), known)


def unexplained(template: Template) -> list[str]:
    """Alarms without a chapter of the runbook, chapters without an alarm, and descriptions that lead nowhere."""
    alarms = template.resources(ALARM) | template.resources(COMPOSITE)
    chapters = set(re.findall(r"^## (\w+Alarm)$", (PROJECT / RUNBOOK).read_text(), re.MULTILINE))
    found = [f"{name}: {RUNBOOK} has no chapter" for name in sorted(alarms.keys() - chapters)]
    found += [f"{RUNBOOK}: there is no {name}" for name in sorted(chapters - alarms.keys())]
    for name, alarm in alarms.items():
        if not str(alarm["Properties"].get("AlarmDescription", "")).endswith(f" {RUNBOOK}#{name.lower()}"):
            found.append(f"{name}: its description does not end in {RUNBOOK}#{name.lower()}")
    return found
