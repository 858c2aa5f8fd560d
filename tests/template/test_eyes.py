"""What watches sees what there is."""

from __future__ import annotations

import json
import unittest
from typing import Any

from . import eyes, filters
from .document import Template
from .evaluation import Position
from .positions import SAMPLES, with_needs

TEMPLATE = Template.read("template.yaml")
EYES = {"CreateAlarms": "true", "CreateDashboard": "true", "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms"}
TARGETS = {"SyncTargets": SAMPLES["SyncTargets"], "SyncTargetGroupArns": SAMPLES["SyncTargetGroupArns"]}
METRICS = {
    "PublishMetrics": "true",
    "ProbeEndpoints": "true",
    "CreateMetricsQueue": "true",
    "MetricsNamespace": "Of/Our: own",
}
POSITIONS: list[dict[str, str]] = [
    {},
    EYES,
    {"CreateAlarms": "true"},
    {"CreateDashboard": "true"},
    {"GradualDeployment": "true"},
    {**EYES, "OnThrottle": "forbid"},
    {**EYES, "CreateVpcLink": "false"},
    {**EYES, **TARGETS},
    {**EYES, **METRICS},
    {**EYES, **METRICS, "DailyHealthRequest": "false"},
    {**EYES, **METRICS, **TARGETS},
]


def position(parameters: dict[str, str], template: Template = TEMPLATE) -> Position:
    return Position(template, with_needs(template, parameters))


def access_line(**members: str) -> dict[str, Any]:
    """A line as the stage's format has it."""
    stage = position({}).of_type("AWS::ApiGatewayV2::Stage")["Stage"]
    line = {name: "-" for name in json.loads(stage["AccessLogSettings"]["Format"])}
    assert members.keys() <= line.keys()
    return {**line, **members}


def pattern(name: str) -> filters.Pattern:
    return filters.Pattern(TEMPLATE.body["Resources"][name]["Properties"]["FilterPattern"])


class Eyes(unittest.TestCase):
    def test_everything_that_is_looked_at_is_emitted_whatever_is_switched_on(self) -> None:
        for parameters in POSITIONS:
            with self.subTest(sorted(parameters)):
                self.assertEqual(eyes.findings(position(parameters)), [])

    def test_the_switches_make_alarms_and_the_dashboard_and_nothing_else_does(self) -> None:
        silent = position({**METRICS, **TARGETS})
        kinds = (eyes.ALARM, eyes.COMPOSITE, "AWS::CloudWatch::Dashboard")
        self.assertEqual([silent.of_type(kind) for kind in kinds], [{}, {}, {}])
        self.assertEqual(position({"CreateDashboard": "true"}).of_type(eyes.ALARM), {})
        self.assertEqual(position({"CreateAlarms": "true"}).of_type("AWS::CloudWatch::Dashboard"), {})

    def test_every_alarm_has_its_chapter_of_the_runbook(self) -> None:
        self.assertEqual(eyes.unexplained(TEMPLATE), [])

    def test_who_is_let_through_or_refused_wrongly_is_paged_for(self) -> None:
        page = position({**EYES, **METRICS, **TARGETS}).of_type(eyes.COMPOSITE)["PageAlarm"]
        self.assertEqual(
            eyes.rule_of(page), {"AuthorizerFaultsAlarm", "ServerErrorsAlarm", "ListenerRulesAlarm", "AlbSyncAlarm"}
        )
        page = position({**EYES, "OnThrottle": "forbid"}).of_type(eyes.COMPOSITE)["PageAlarm"]
        self.assertEqual(eyes.rule_of(page), {"AuthorizerFaultsAlarm", "ServerErrorsAlarm"})


class Patterns(unittest.TestCase):
    def test_a_throttled_request_that_was_not_answered_429_is_counted(self) -> None:
        for status, counted in (("429", False), ("200", True), ("404", True), ("502", True)):
            line = access_line(decision="throttled", status=status)
            self.assertEqual(pattern("UnansweredThrottlesFilter").matches(line), counted, status)
        allowed = access_line(decision="allowed", status="200")
        self.assertFalse(pattern("UnansweredThrottlesFilter").matches(allowed))

    def test_what_no_listener_rule_answers_is_not_counted(self) -> None:
        for decision, name in (("throttled", "UnansweredThrottlesFilter"), ("unavailable", "UnansweredUnavailableFilter")):
            for status, route in (("463", "ANY /{proxy+}"), ("200", "GET /_tollgate/usage"), ("504", "GET /_tollgate/usage")):
                line = access_line(decision=decision, status=status, route_key=route)
                self.assertFalse(pattern(name).matches(line), (status, route))
            line = access_line(decision=decision, status="200", route_key="ANY /{proxy+}")
            self.assertTrue(pattern(name).matches(line))

    def test_an_unavailable_one_that_was_not_answered_503_is_counted(self) -> None:
        for status, counted in (("503", False), ("200", True)):
            line = access_line(decision="unavailable", status=status)
            self.assertEqual(pattern("UnansweredUnavailableFilter").matches(line), counted, status)

    # Lines of the deployed authorizer, as it wrote them.
    def test_lines_of_the_authorizer_are_counted_by_what_they_say(self) -> None:
        fault = {"level": "INFO", "message": "decided", "request_id": "-", "decision": "-", "reason": "fault"}
        unknown_key = {**fault, "reason": "store_unavailable", "problem": "the registry gives no answer"}
        unread = {"level": "WARN", "message": "a plan could not be read: network", "reason": "network", "kind": "plan"}
        degraded = {"level": "INFO", "message": "decided", "decision": "degraded", "reason": "store_unavailable"}
        opened = {"level": "WARN", "breaker": "registry", "from": "Closed", "to": "Open", "opened": 1}
        closed = {"level": "WARN", "breaker": "registry", "from": "HalfOpen", "to": "Closed", "opened": 1}
        lines = [fault, unknown_key, unread, degraded, opened, closed]
        for name, counted in (
            ("AuthorizerFaultsFilter", [fault, unknown_key]),
            ("LimiterFaultsFilter", [fault]),
            ("DegradedDecisionsFilter", [unknown_key, degraded]),
            ("AuthorizerBreakersFilter", [opened]),
        ):
            self.assertEqual([line for line in lines if pattern(name).matches(line)], counted, name)


class Mistakes(unittest.TestCase):
    """Each check sees what it is for."""

    def finds(self, expected: str, change: Any, parameters: dict[str, str] | None = None) -> None:
        broken = position({**EYES, **(parameters or {})}, TEMPLATE.changed(lambda body: change(body["Resources"])))
        self.assertTrue(any(expected in it for it in eyes.findings(broken)), eyes.findings(broken))

    def test_a_metric_that_nobody_emits(self) -> None:
        def rename(resources: Any) -> None:
            resources["LatencyAlarm"]["Properties"]["MetricName"] = "latency"

        self.finds("LatencyAlarm: nothing emits AWS/ApiGateway latency", rename)

    def test_other_dimensions_than_the_published_ones(self) -> None:
        def rename(resources: Any) -> None:
            resources["MetricsSilentAlarm"]["Properties"]["Dimensions"][0]["Name"] = "Path"

        self.finds("has no dimensions ['Path', 'StatusClass']", rename, METRICS)

    def test_a_dashboard_that_is_no_json(self) -> None:
        def cut(resources: Any) -> None:
            body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
            body[0] = body[0].rstrip()[:-1]

        self.finds("its body is no JSON", cut)

    def test_a_search_for_what_is_not_published(self) -> None:
        def misspell(resources: Any) -> None:
            widgets = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][1]["Published"]["Fn::If"]
            widgets[1]["Fn::Sub"][0] = widgets[1]["Fn::Sub"][0].replace("Plan,Decision", "Plan,Verdict")

        self.finds("Decisions has no dimensions ['Plan', 'Verdict']", misspell, METRICS)

    def test_an_expression_with_a_name_that_is_no_metric(self) -> None:
        def misspell(resources: Any) -> None:
            resources["ServerErrorsAlarm"]["Properties"]["Metrics"][0]["Expression"] = "100 * errors / request"

        self.finds("names `request`", misspell)

    def test_a_filter_on_a_member_that_no_line_has_and_a_value_that_it_never_takes(self) -> None:
        def misspell(resources: Any) -> None:
            resources["UnansweredThrottlesFilter"]["Properties"]["FilterPattern"] = '{ $.verdict = "throttled" }'
            resources["AuthorizerFaultsFilter"]["Properties"]["FilterPattern"] = '{ $.reason = "error" }'

        self.finds("UnansweredThrottlesFilter: no line of AccessLogGroup has `verdict`", misspell)
        self.finds("AuthorizerFaultsFilter: `reason` is never `error`", misspell)

    def test_an_alarm_that_tells_nobody_and_one_that_tells_twice(self) -> None:
        def change(resources: Any) -> None:
            del resources["LatencyAlarm"]["Properties"]["AlarmActions"]
            resources["ServerErrorsAlarm"]["Properties"]["AlarmActions"] = [{"Ref": "AlarmTopicArn"}]

        self.finds("LatencyAlarm: tells nobody", change)
        self.finds("ServerErrorsAlarm: tells twice", change)


if __name__ == "__main__":
    unittest.main()
