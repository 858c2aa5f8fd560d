"""The dashboard, alarms and log metric filters refer to metrics that exist."""

from __future__ import annotations

import json
import re
import unittest
from typing import Any

from harness.paths import PROJECT
from template import log_filters, monitoring
from template.nested_stacks import whole
from template.parameter_sets import SAMPLES, required, with_needs
from template.stack import Stack, text
from template.templates import Template

TEMPLATE = Template.read("template.yaml")
NESTED = Template.read("stacks/monitoring.yaml")
THRESHOLD_LINE = PROJECT / "functions" / "metrics-publisher" / "tests" / "publishing" / "threshold.json"
# A line that the record log of a function writes.
CALL_RECORDS_LINE = PROJECT / "crates" / "telemetry" / "tests" / "api_calls.json"
MONITORING = {
    "CreateAlarms": "true",
    "CreateDashboard": "true",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
}
TARGETS = {
    "SyncTargets": SAMPLES["SyncTargets"],
    "SyncTargetGroupArns": SAMPLES["SyncTargetGroupArns"],
}
COMPOSER = {"Compositions": SAMPLES["Compositions"]}
METRICS = {
    "PublishMetrics": "true",
    "ProbeServices": "monitoring",
    "CreateMetricsQueue": "true",
    "MetricsNamespace": "Of/Our: own",
}
PARAMETER_SETS: list[dict[str, str]] = [
    {},
    MONITORING,
    {"CreateAlarms": "true"},
    {"CreateDashboard": "true"},
    {"GradualDeployment": "true"},
    {"CreateDashboard": "true", "GradualDeployment": "true"},
    {**MONITORING, "OnThrottle": "forbid"},
    {**MONITORING, "CreateVpcLink": "false"},
    {**MONITORING, **TARGETS},
    {**MONITORING, **METRICS},
    {**MONITORING, **METRICS, "DailyHealthRequest": "false"},
    {**MONITORING, **METRICS, **TARGETS},
    {**MONITORING, **METRICS, **TARGETS, "CreateDashboard": "with-key-insights"},
    {**MONITORING, **METRICS, "PublishMetrics": "once"},
    {**MONITORING, **COMPOSER},
    {**MONITORING, **METRICS, **TARGETS, **COMPOSER},
]
ALL_ALARMS = {**MONITORING, **METRICS, **TARGETS, **COMPOSER, "PublishMetrics": "once"}
RUNBOOK_ROW = re.compile(r"^\| \[(\w+Alarm)\]\(#\w+\) \| (.+?) \| .+? \| (\w+) \| \$([\d.]+) \|$", re.MULTILINE)
CENTS_PER_METRIC, CENTS_PER_COMPOSITE = 10, 50


def stack(
    parameters: dict[str, str], template: Template = TEMPLATE, nested: Template = NESTED
) -> Stack:
    """Returns the stack together with the nested stack of alarms and dashboard."""
    return whole(Stack(template, with_needs(template, parameters)), {NESTED.path: nested})


def runbook() -> str:
    return (PROJECT / monitoring.RUNBOOK).read_text()


def cents(alarm: dict[str, Any]) -> int:
    """Returns the price of an alarm per month: AWS bills each metric of it."""
    return CENTS_PER_METRIC * (sum("MetricStat" in it for it in alarm.get("Metrics", [])) or 1)


def numbers(given: Stack) -> tuple[int, str]:
    """Returns the number of alarms of a stack, and their price per month."""
    alarms = given.of_type(monitoring.ALARM).values()
    composites = given.of_type(monitoring.COMPOSITE)
    total = sum(map(cents, alarms)) + CENTS_PER_COMPOSITE * len(composites)
    return len(alarms) + len(composites), f"{total / 100:.2f}"


def alarm_rows(given: Stack) -> dict[str, tuple[str, ...]]:
    """Returns the effect, the number of metrics and the price of each alarm."""
    rules = {name: monitoring.rule_of(it) for name, it in given.of_type(monitoring.COMPOSITE).items()}
    (page,) = rules.values()
    found = {name: ("pages", "composite", f"{CENTS_PER_COMPOSITE / 100:.2f}") for name in rules}
    for name, alarm in given.of_type(monitoring.ALARM).items():
        effect = "notifies" if alarm.get("AlarmActions") else "helper of PageAlarm"
        if name in page.paging():
            effect = "pages through PageAlarm"
        found[name] = (effect, str(cents(alarm) // CENTS_PER_METRIC), f"{cents(alarm) / 100:.2f}")
    return found


def access_log_record(**fields: str) -> dict[str, Any]:
    """Returns a record with all fields of the stage's format."""
    stage = stack({}).of_type("AWS::ApiGatewayV2::Stage")["Stage"]
    record = {name: "-" for name in json.loads(stage["AccessLogSettings"]["Format"])}
    assert fields.keys() <= record.keys()
    return {**record, **fields}


def responses_by_reason() -> dict[str, str]:
    """Returns the response of each reason, as the reference lists it."""
    document = (PROJECT / "docs" / "reference" / "reasons.md").read_text()
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ([^|]+) \|", document.split("\n## ")[0], re.MULTILINE)
    return {
        reason: response for reasons, response in rows for reason in re.findall(r"`(\w+)`", reasons)
    }


def pattern(name: str) -> log_filters.Pattern:
    resources = TEMPLATE.body["Resources"] | NESTED.body["Resources"]
    return log_filters.Pattern(resources[name]["Properties"]["FilterPattern"])


class Monitoring(unittest.TestCase):
    def test_every_referenced_metric_exists_for_all_parameter_sets(self) -> None:
        for parameters in PARAMETER_SETS:
            with self.subTest(sorted(parameters)):
                self.assertEqual(monitoring.findings(stack(parameters)), [])

    def test_only_their_parameters_create_alarms_and_the_dashboard(self) -> None:
        without = stack({**METRICS, **TARGETS})
        types = (monitoring.ALARM, monitoring.COMPOSITE, "AWS::CloudWatch::Dashboard")
        self.assertEqual([without.of_type(type_) for type_ in types], [{}, {}, {}])
        self.assertEqual(stack({"CreateDashboard": "true"}).of_type(monitoring.ALARM), {})
        self.assertEqual(stack({"CreateDashboard": "true"}).of_type(monitoring.INSIGHT_RULE), {})
        self.assertEqual(stack({"CreateAlarms": "true"}).of_type("AWS::CloudWatch::Dashboard"), {})

    def test_every_alarm_has_a_runbook_section(self) -> None:
        self.assertEqual(monitoring.runbook_errors([TEMPLATE, NESTED]), [])

    def test_descriptions_of_alarms_link_to_the_given_runbook(self) -> None:
        url = "https://wiki.example.com/tollgate/runbook"
        for parameters, runbook in (({}, monitoring.RUNBOOK), ({"RunbookUrl": url}, url)):
            given = stack({**MONITORING, **METRICS, **TARGETS, **parameters})
            alarms = given.of_type(monitoring.ALARM) | given.of_type(monitoring.COMPOSITE)
            self.assertIn("AuthorizerFaultsAlarm", alarms)
            for name, alarm in alarms.items():
                description = text(alarm["AlarmDescription"])
                self.assertTrue(description.endswith(f" {runbook}#{name.lower()}"), description)

    def test_runbook_lists_every_alarm_with_its_effect_and_price(self) -> None:
        given = stack(ALL_ALARMS)
        self.assertEqual(
            {row[0]: row[1:] for row in RUNBOOK_ROW.findall(runbook())}, alarm_rows(given)
        )

    def test_documents_state_the_number_of_alarms_and_their_price(self) -> None:
        default, most = (numbers(stack({"CreateAlarms": "true", **it})) for it in ({}, ALL_ALARMS))
        least = numbers(stack({"CreateAlarms": "true", "HttpApiId": "none"}))
        self.assertIn(
            f"has {default[0]} alarms for ${default[1]}. All {most[0]} cost ${most[1]}.",
            runbook().replace("\n", " "),
        )
        description = TEMPLATE.parameters["CreateAlarms"]["Description"]
        self.assertIn(f"creates {least[0]} to {most[0]} alarms", description)
        self.assertIn(f"Costs ${least[1]} to ${most[1]} per month", description)
        nested = NESTED.parameters["CreateAlarms"]["Description"]
        self.assertIn(f"${least[1]} to ${most[1]} per month", nested)

    def test_lost_records_are_watched_if_deliveries_count_once(self) -> None:
        alarms = stack({**MONITORING, **METRICS}).of_type(monitoring.ALARM)
        self.assertNotIn("MetricsLostAlarm", alarms)
        self.assertIn("MetricsLostAlarm", stack(ALL_ALARMS).of_type(monitoring.ALARM))

    def test_page_alarm_covers_wrong_decisions(self) -> None:
        page = stack({**MONITORING, **METRICS, **TARGETS}).of_type(monitoring.COMPOSITE)[
            "PageAlarm"
        ]
        self.assertEqual(
            monitoring.rule_of(page).paging(),
            {"AuthorizerFaultsAlarm", "ServerErrorsAlarm", "ListenerRulesAlarm", "AlbSyncAlarm"},
        )
        page = stack({**MONITORING, "OnThrottle": "forbid"}).of_type(monitoring.COMPOSITE)[
            "PageAlarm"
        ]
        self.assertEqual(
            monitoring.rule_of(page).names, {"AuthorizerFaultsAlarm", "ServerErrorsAlarm"}
        )

    def test_without_an_access_log_of_its_own_the_stack_does_not_watch_listener_rules(self) -> None:
        given = {**required(NESTED), "ListenerRules": "true"}
        watched = Stack(NESTED, {**given, "AccessLogGroupName": SAMPLES["AccessLogGroupName"]})
        unwatched = Stack(NESTED, {**given, "AccessLogGroupName": ""})
        self.assertEqual(
            watched.resources.keys() - unwatched.resources.keys(),
            {
                "ListenerRulesAlarm",
                "SlowestRoutesQuery",
                "StageThrottlesFilter",
                "UnansweredThrottlesFilter",
                "UnansweredUnavailableFilter",
            },
        )
        (dashboard,) = unwatched.of_type("AWS::CloudWatch::Dashboard").values()
        self.assertNotIn("access log", text(dashboard["DashboardBody"]))


class Patterns(unittest.TestCase):
    def test_throttled_request_without_a_429_is_counted(self) -> None:
        for status, counted in (("429", False), ("200", True), ("404", True), ("502", True)):
            line = access_log_record(decision="throttled", status=status)
            self.assertEqual(pattern("UnansweredThrottlesFilter").matches(line), counted, status)
        allowed = access_log_record(decision="allowed", status="200")
        self.assertFalse(pattern("UnansweredThrottlesFilter").matches(allowed))

    def test_requests_that_no_listener_rule_answers_are_not_counted(self) -> None:
        for decision, name in (
            ("throttled", "UnansweredThrottlesFilter"),
            ("unavailable", "UnansweredUnavailableFilter"),
        ):
            for status, route in (
                ("463", "ANY /{proxy+}"),
                ("200", "GET /_tollgate/usage"),
                ("504", "GET /_tollgate/usage"),
            ):
                line = access_log_record(decision=decision, status=status, route_key=route)
                self.assertFalse(pattern(name).matches(line), (status, route))
            line = access_log_record(decision=decision, status="200", route_key="ANY /{proxy+}")
            self.assertTrue(pattern(name).matches(line))

    def test_unavailable_decision_without_a_503_is_counted(self) -> None:
        for status, counted in (("503", False), ("200", True)):
            line = access_log_record(decision="unavailable", status=status)
            self.assertEqual(pattern("UnansweredUnavailableFilter").matches(line), counted, status)

    def test_lines_of_functions_reach_the_publisher(self) -> None:
        calls = json.loads(CALL_RECORDS_LINE.read_text())
        line = json.loads(THRESHOLD_LINE.read_text())
        for switch, sent in (("true", True), ("false", False)):
            subscriptions = stack({**METRICS, "ThresholdEvents": switch}).of_type(
                "AWS::Logs::SubscriptionFilter"
            )
            for name in ("AuthorizerLogSubscription", "LimiterLogSubscription"):
                filter_ = log_filters.Pattern(subscriptions[name]["FilterPattern"])
                self.assertEqual(filter_.matches(line), sent, (name, switch))
                self.assertTrue(filter_.matches(calls))
                self.assertTrue(filter_.matches({"to": "Open"}))

            candidate = {"event": "candidate_decisions", "evaluated": 3, "differs": 1}
            for name, counted in (
                ("AuthorizerLogSubscription", True),
                ("LimiterLogSubscription", False),
            ):
                filter_ = log_filters.Pattern(subscriptions[name]["FilterPattern"])
                self.assertEqual(filter_.matches(candidate), counted, (name, switch))

            groups = [str(it["LogGroupName"]) for it in subscriptions.values()]
            self.assertEqual(len(groups), len(set(groups)), "a log group has at most two")

    def test_every_reason_is_counted_by_the_filter_of_its_response(self) -> None:
        filters = {
            "401": "UnauthorizedRequestsFilter",
            "403": "ForbiddenRequestsFilter",
            "429": "ThrottledRequestsFilter",
        }
        responses = responses_by_reason()
        self.assertEqual(responses.keys(), log_filters.possible_values("reason"))
        for reason, response in responses.items():
            decision = "throttled" if response == "429" else "-"
            line = {"message": "decided", "decision": decision, "reason": reason}
            counting = {name for name in filters.values() if pattern(name).matches(line)}
            self.assertEqual(counting, {filters[response]} if response in filters else set(), reason)

            other = {**line, "message": "quota threshold reached"}
            self.assertFalse(any(pattern(name).matches(other) for name in filters.values()))

    def test_throttles_of_the_stage_are_counted_and_those_of_the_backend_are_not(self) -> None:
        counts = pattern("StageThrottlesFilter").matches
        self.assertTrue(counts(access_log_record(status="429")))
        for fields in (
            {"status": "429", "integration_status": "429", "decision": "allowed"},
            {"status": "429", "integration_status": "429", "decision": "throttled"},
            {"status": "403"},
        ):
            self.assertFalse(counts(access_log_record(**fields)), fields)

    def test_shares_of_refusals_do_not_depend_on_an_access_log(self) -> None:
        for parameters, namespace in (({}, "AWS/ApiGateway"), ({"HttpApiId": "none"}, "AWS/Lambda")):
            alarms = stack({**MONITORING, **parameters}).of_type(monitoring.ALARM)
            for name in ("UnauthorizedAlarm", "ForbiddenAlarm", "ThrottledAlarm"):
                (requests,) = (it for it in alarms[name]["Metrics"] if it["Id"] == "requests")
                self.assertEqual(requests["MetricStat"]["Metric"]["Namespace"], namespace, name)
                self.assertIn(SAMPLES["AlarmTopicArn"], alarms[name]["AlarmActions"])

    def test_log_records_of_the_authorizer_are_counted(self) -> None:
        fault = {
            "level": "INFO",
            "message": "decided",
            "request_id": "-",
            "decision": "-",
            "reason": "fault",
        }
        unknown_key = {
            **fault,
            "reason": "store_unavailable",
            "problem": "the registry gives no answer",
        }
        unread = {
            "level": "WARN",
            "message": "a plan could not be read",
            "reason": "network",
            "kind": "plan",
        }
        degraded = {
            "level": "INFO",
            "message": "decided",
            "decision": "degraded",
            "reason": "store_unavailable",
        }
        opened = {
            "level": "WARN",
            "breaker": "registry",
            "from": "Closed",
            "to": "Open",
            "opened": 1,
        }
        closed = {
            "level": "WARN",
            "breaker": "registry",
            "from": "HalfOpen",
            "to": "Closed",
            "opened": 1,
        }
        lines = [fault, unknown_key, unread, degraded, opened, closed]
        for name, counted in (
            ("AuthorizerFaultsFilter", [fault, unknown_key]),
            ("LimiterFaultsFilter", [fault]),
            ("DegradedDecisionsFilter", [unknown_key, degraded]),
            ("AuthorizerBreakersFilter", [opened]),
        ):
            self.assertEqual([line for line in lines if pattern(name).matches(line)], counted, name)


class BrokenMonitoring(unittest.TestCase):
    def assert_found(
        self, expected: str, change: Any, parameters: dict[str, str] | None = None
    ) -> None:
        broken = stack(
            {**MONITORING, **(parameters or {})},
            nested=NESTED.changed(lambda body: change(body["Resources"])),
        )
        findings = monitoring.findings(broken)
        self.assertTrue(any(expected in finding for finding in findings), findings)

    def test_unknown_metric(self) -> None:
        def rename(resources: Any) -> None:
            resources["LatencyAlarm"]["Properties"]["MetricName"] = "latency"

        self.assert_found("LatencyAlarm: nothing emits AWS/ApiGateway latency", rename)

    def test_wrong_dimensions(self) -> None:
        def rename(resources: Any) -> None:
            resources["MetricsSilentAlarm"]["Properties"]["Dimensions"][0]["Name"] = "Path"

        self.assert_found("has no dimensions ['Path', 'StatusClass']", rename, METRICS)

    def test_dashboard_that_is_not_json(self) -> None:
        def cut(resources: Any) -> None:
            body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
            body[0] = body[0].rstrip()[:-1]

        self.assert_found("its body is not JSON", cut)

    def test_search_with_wrong_dimensions(self) -> None:
        def misspell(resources: Any) -> None:
            widgets = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][1][
                "Published"
            ]["Fn::If"]
            widgets[1]["Fn::Sub"] = widgets[1]["Fn::Sub"].replace(
                "Plan,Decision", "Plan,Verdict"
            )

        self.assert_found("Decisions has no dimensions ['Plan', 'Verdict']", misspell, METRICS)

    def test_expression_with_an_unknown_id(self) -> None:
        def misspell(resources: Any) -> None:
            resources["ServerErrorsAlarm"]["Properties"]["Metrics"][0]["Expression"] = (
                "100 * errors / request"
            )

        self.assert_found("refers to `request`", misspell)

    def test_filter_with_an_unknown_field_or_value(self) -> None:
        def misspell(resources: Any) -> None:
            resources["UnansweredThrottlesFilter"]["Properties"]["FilterPattern"] = (
                '{ $.verdict = "throttled" }'
            )
            resources["LimiterFaultsFilter"]["Properties"]["FilterPattern"] = (
                '{ $.reason = "error" }'
            )

        self.assert_found(
            "UnansweredThrottlesFilter: no line of AccessLogGroup has the field `verdict`", misspell
        )
        self.assert_found("LimiterFaultsFilter: `reason` is never `error`", misspell)

    def test_subscription_to_a_field_that_no_line_has(self) -> None:
        def misspell(body: Any) -> None:
            subscription = body["Resources"]["AlbSyncLogSubscription"]
            subscription["Properties"]["FilterPattern"] = '{ $.api_call[0].service = "*" }'

        broken = stack({**METRICS, **TARGETS}, template=TEMPLATE.changed(misspell))
        self.assertIn(
            "AlbSyncLogSubscription: no line of AlbSyncLogGroup has the field `api_call[0].service`",
            monitoring.findings(broken),
        )

    def test_alarm_without_notification_and_alarm_that_notifies_twice(self) -> None:
        def change(resources: Any) -> None:
            del resources["LatencyAlarm"]["Properties"]["AlarmActions"]
            resources["ServerErrorsAlarm"]["Properties"]["AlarmActions"] = [
                {"Ref": "AlarmTopicArn"}
            ]

        self.assert_found("LatencyAlarm: notifies no topic", change)
        self.assert_found("ServerErrorsAlarm: notifies twice", change)


    def test_alarm_that_the_dashboard_does_not_list(self) -> None:
        def drop(resources: Any) -> None:
            alarms = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][1]["Alarms"]
            alarms["Fn::If"][1]["Fn::Sub"][1]["Arns"]["Fn::Join"][1].pop()

        self.assert_found("its alarm widget lists", drop, METRICS)

    def test_alarm_without_the_name_of_the_stack(self) -> None:
        def rename(resources: Any) -> None:
            resources["LatencyAlarm"]["Properties"]["AlarmName"] = "LatencyAlarm"

        self.assert_found("LatencyAlarm: AlarmName is LatencyAlarm", rename)


if __name__ == "__main__":
    unittest.main()
