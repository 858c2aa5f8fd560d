"""The filters of the template count lines that the functions print, and need no line of an allowed
request.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
import unittest
from typing import Any

from harness.paths import EVALUATOR, PROJECT
from template import log_filters
from template.test_monitoring import METRICS, MONITORING, pattern, stack

EVENTS = PROJECT / "events"
# Nothing listens there.
UNREACHABLE = "http://127.0.0.1:1"
# So many failed calls in a row open a circuit breaker.
FAILURES = 5
STORE_FAILURE = "store_unavailable"

Line = dict[str, Any]


def invoke(
    function: str, events: list[str], settings: dict[str, str], endpoint: str | None = None
) -> list[Line]:
    """Calls a function with events, and returns the lines that it logs. `settings` are added to
    those of the events. With an endpoint, the function has tables instead of an embedded store.
    """
    environments = json.loads((EVENTS / "env.json").read_text())
    for environment in environments.values():
        environment |= settings
        if endpoint:
            environment |= {"REGISTRY_TABLE": "registry", "USAGE_TABLE": "usage"}
            environment.pop("EMBEDDED_STORE", None)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "env.json").write_text(json.dumps(environments))
        for event in set(events):
            (folder / event).write_text((EVENTS / event).read_text())
        output = subprocess.run(
            [
                EVALUATOR,
                "invoke",
                *(["--endpoint", endpoint] if endpoint else []),
                function,
                *(folder / event for event in events),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        ).stderr
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    # `invoke` prints the error of a function to the same stream.
    return [line for line in lines if "errorType" not in line]


def counted(filter_: str, lines: list[Line]) -> list[Line]:
    return [line for line in lines if pattern(filter_).matches(line)]


def reasons(lines: list[Line]) -> list[str]:
    return [line["reason"] for line in lines if line.get("message") == "decided"]


def requests(*outcomes: str) -> list[str]:
    return [f"authorizer.{outcome}.json" for outcome in outcomes]


class LogLines(unittest.TestCase):
    def test_allowed_decisions_are_not_logged(self) -> None:
        events = requests("allowed", "token", "fault", "throttled", "throttled", "unknown-key")
        lines = invoke("authorizer", events, {})

        self.assertEqual(reasons(lines), ["fault", "rate_exceeded", "unknown_key"])
        self.assertEqual(reasons(counted("AuthorizerFaultsFilter", lines)), ["fault"])
        self.assertEqual(counted("DegradedDecisionsFilter", lines), [])

    def test_no_filter_counts_an_allowed_decision(self) -> None:
        (allowed,) = invoke("authorizer", requests("allowed"), {"LOG_DECISIONS": "all"})
        self.assertEqual((allowed["decision"], allowed["reason"]), ("allowed", "ok"))

        complete = stack({**MONITORING, **METRICS, "ThresholdEvents": "true"})
        filters = complete.of_type("AWS::Logs::MetricFilter") | complete.of_type(
            "AWS::Logs::SubscriptionFilter"
        )
        patterns = [
            log_filters.Pattern(it["FilterPattern"])
            for it in filters.values()
            if it["LogGroupName"].targets[0] == "AuthorizerLogGroup"
        ]
        self.assertGreater(len(patterns), 3)
        for it in patterns:
            self.assertFalse(it.matches(allowed), it.text)

    def test_failures_of_the_store_are_counted(self) -> None:
        events = requests("allowed") * (FAILURES + 1)
        lines = invoke("authorizer", events, {}, UNREACHABLE)
        decisions = [STORE_FAILURE] * len(events)

        self.assertEqual(reasons(counted("DegradedDecisionsFilter", lines)), decisions)
        self.assertEqual(reasons(counted("AuthorizerFaultsFilter", lines)), decisions)
        opened = counted("AuthorizerBreakersFilter", lines)
        self.assertEqual([line["breaker"] for line in opened], ["registry"])

    def test_opened_breaker_reaches_the_publisher(self) -> None:
        lines = invoke("authorizer", requests("allowed") * FAILURES, {}, UNREACHABLE)
        subscription = stack(METRICS).of_type("AWS::Logs::SubscriptionFilter")[
            "AuthorizerLogSubscription"
        ]

        sent = log_filters.Pattern(subscription["FilterPattern"])
        # The call records of the failed calls are sent too, if they are written before the function ends.
        changes = [it for it in lines if sent.matches(it) and "api_calls" not in it]
        self.assertEqual([it["to"] for it in changes], ["Open"])

    def test_faults_of_the_limiter_are_counted(self) -> None:
        lines = invoke("limiter", ["limiter.list-plans.json"] * 2, {}, UNREACHABLE)
        found = counted("LimiterFaultsFilter", lines)
        self.assertEqual([line["message"] for line in found], ["the request failed"] * 2)


if __name__ == "__main__":
    unittest.main()
