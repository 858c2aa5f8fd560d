"""Tests of the check that finds decisions without the store while it was available."""

import json
import pathlib
import tempfile
import unittest

from soak.callers import LIMITED, Caller
from soak.checks import Causes, Outage, breaker_openings, late_decisions
from soak.clients import Outcome, Results
from soak.starvation import Starvation

CALLERS = [Caller("key, steady", "key#steady-0", "steady", LIMITED)]
QUICK = Starvation([], 1.0, [])


def results(*statuses: int) -> Results:
    """Returns responses at 50 s."""
    found = Results()
    found.outcomes = [Outcome(0, 50.0, 50.01, status, False) for status in statuses]
    return found


def received(decision: str) -> list[dict]:
    headers = {"x-tollgate-key-id": "open-0", "x-tollgate-decision": decision, "x-sent": "50.0"}
    return [{"at": 50.01, "headers": headers}]


def find(outcomes: Results, requests: list[dict], causes: Causes) -> tuple[int, int]:
    found = late_decisions(outcomes, requests, CALLERS, causes)
    return found.starved, len(found.errors)


class LateDecisions(unittest.TestCase):
    def test_decision_of_the_store_is_not_late(self):
        calm = Causes([], [], QUICK)
        self.assertEqual(find(results(200, 429, 502), received("allowed"), calm), (0, 0))

    def test_missing_decision_without_a_cause_is_an_error(self):
        calm = Causes([], [], QUICK)
        self.assertEqual(find(results(503), [], calm), (0, 1))
        self.assertEqual(find(results(), received("degraded"), calm), (0, 1))

    def test_outage_of_the_store_is_a_cause_and_one_of_the_backend_is_not(self):
        outage = [Outage(40.0, 45.0, 45.0)]
        self.assertEqual(
            find(results(503), received("degraded"), Causes([], outage, QUICK)), (0, 0)
        )
        self.assertEqual(find(results(503), [], Causes(outage, [], QUICK)), (0, 1))

    def test_starved_emulator_is_counted_apart(self):
        slow = Starvation([(49.5, 50.5, 0.0)], 1.0, [])
        self.assertEqual(find(results(503), received("degraded"), Causes([], [], slow)), (2, 0))


class BreakerOpenings(unittest.TestCase):
    def test_only_openings_are_returned(self):
        line = {
            "timestamp": "2026-11-30T12:00:00.5Z",
            "message": "circuit breaker changed its state",
        }
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            lines = [{**line, "to": state} for state in ("Open", "HalfOpen", "Closed")]
            log.write_text("banner\n" + "\n".join(json.dumps(it) for it in lines) + "\n")
            self.assertEqual(len(breaker_openings(log)), 1)


if __name__ == "__main__":
    unittest.main()
