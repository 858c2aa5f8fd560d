"""Alarms of a new stack are quiet, and those of a failed part are not."""

from __future__ import annotations

import unittest
from typing import Any

from template import alarm_rules, monitoring
from template.alarm_rules import ALARM, INSUFFICIENT_DATA, OK, AlarmRule
from template.parameter_sets import SAMPLES, with_needs
from template.stack import Stack
from template.templates import Template
from template.test_monitoring import METRICS, MONITORING, PARAMETER_SETS, TARGETS, stack

# The evaluation range of the examples in AWS's documentation.
RANGE = 5
# The examples of AWS's documentation: data points with X for a breaching one, and the state for
# `missing`, `ignore`, `breaching` and `notBreaching`.
THREE_OF_THREE = """
0 - X - X | OK     | OK     | OK    | OK
0 - - - - | OK     | OK     | OK    | OK
- - - - - | NODATA | before | ALARM | OK
0 X X - X | ALARM  | ALARM  | ALARM | ALARM
- - X - - | ALARM  | before | ALARM | OK
"""
TWO_OF_THREE = """
0 - X - X | ALARM  | ALARM  | ALARM | ALARM
0 0 X 0 X | ALARM  | ALARM  | ALARM | ALARM
0 - X - - | OK     | OK     | ALARM | OK
- - - - 0 | OK     | OK     | ALARM | OK
- - - X - | ALARM  | before | ALARM | OK
"""
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
POINTS = {"0": False, "X": True, "-": None}


class MissingData(unittest.TestCase):
    def test_examples_of_the_documentation_have_their_states(self) -> None:
        for table, needed in ((THREE_OF_THREE, 3), (TWO_OF_THREE, 2)):
            for line in table.strip().splitlines():
                text, *expected = (cell.strip() for cell in line.split("|"))
                points = [POINTS[sign] for sign in text.split()]
                for treatment, name in zip(TREATMENTS, expected, strict=True):
                    found = alarm_rules.state(points, 3, needed, treatment, before="before")
                    states = {"NODATA": INSUFFICIENT_DATA}
                    self.assertEqual(found, states.get(name, name), (line, treatment))


class Rules(unittest.TestCase):
    def test_and_binds_more_tightly_than_or(self) -> None:
        rule = AlarmRule('ALARM("a") OR ALARM("b") AND NOT OK("c")')
        self.assertTrue(rule.is_alarm({"a": ALARM, "b": OK, "c": OK}))
        self.assertFalse(rule.is_alarm({"a": OK, "b": ALARM, "c": OK}))
        self.assertTrue(rule.is_alarm({"a": OK, "b": ALARM, "c": INSUFFICIENT_DATA}))
        self.assertEqual(rule.paging(), {"a"})

    def test_errors_of_syntax_are_found(self) -> None:
        for text in ("", 'ALARM("a") OR', '(ALARM("a")', 'ALARM("a") OK("b")', "ALARM(a)"):
            with self.assertRaises(ValueError, msg=text):
                AlarmRule(text)


class Watched:
    """The alarms of a stack with their states."""

    def __init__(self, given: Stack) -> None:
        self.alarms = given.of_type(monitoring.ALARM)
        (page,) = given.of_type(monitoring.COMPOSITE).values()
        self.page = monitoring.rule_of(page)
        self.states = {name: INSUFFICIENT_DATA for name in self.alarms}

    def evaluate(self, points: dict[str, list[bool | None]]) -> None:
        """Evaluates every alarm. Those without points have no data."""
        for name, alarm in self.alarms.items():
            self.states[name] = alarm_rules.state(
                points.get(name, [None] * RANGE),
                alarm["EvaluationPeriods"],
                alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
                alarm["TreatMissingData"],
                self.states[name],
            )

    def pages(self) -> bool:
        return self.page.is_alarm(self.states)


class Sync(unittest.TestCase):
    def setUp(self) -> None:
        self.watched = Watched(stack({**MONITORING, **METRICS, **TARGETS}))

    def evaluate(self, runs: str, started: bool | None = None) -> str:
        """Evaluates data of alb-sync: `0` for a run that succeeded, `X` for one that failed."""
        points = [POINTS[sign] for sign in runs]
        self.watched.evaluate({"AlbSyncAlarm": points, "AlbSyncStartedAlarm": [started]})
        return self.watched.states["AlbSyncAlarm"]

    def start(self) -> None:
        self.evaluate("-0000", started=False)

    def test_silence_of_a_new_stack_does_not_page(self) -> None:
        self.assertEqual(self.evaluate("-----"), INSUFFICIENT_DATA)
        self.assertFalse(self.watched.pages())

    def test_first_runs_do_not_page_if_they_succeed(self) -> None:
        for runs in ("----0", "---00", "--000"):
            self.evaluate(runs)
            self.assertFalse(self.watched.pages(), runs)
        self.start()
        self.assertEqual(self.watched.states["AlbSyncStartedAlarm"], OK)
        self.assertFalse(self.watched.pages())

    def test_silence_pages_after_the_first_runs(self) -> None:
        self.start()
        for _ in range(3):
            self.assertEqual(self.evaluate("-----"), INSUFFICIENT_DATA)
            self.assertEqual(self.watched.states["AlbSyncStartedAlarm"], OK)
            self.assertTrue(self.watched.pages())

    def test_runs_that_never_report_page(self) -> None:
        """The function is invoked, but stops before it writes its gauges."""
        self.evaluate("-----", started=False)
        self.assertTrue(self.watched.pages())

    def test_failed_runs_page_and_the_next_successful_ones_end_it(self) -> None:
        self.start()
        self.assertEqual(self.evaluate("00XXX", started=False), ALARM)
        self.assertTrue(self.watched.pages())
        self.assertEqual(self.evaluate("XXX00", started=False), ALARM)
        self.assertEqual(self.evaluate("XX000", started=False), OK)
        self.assertFalse(self.watched.pages())

    def test_single_failed_run_does_not_page(self) -> None:
        self.start()
        self.assertEqual(self.evaluate("000X0", started=False), OK)
        self.assertFalse(self.watched.pages())

    def test_silence_after_failed_runs_still_pages(self) -> None:
        self.start()
        self.evaluate("00XXX", started=False)
        self.evaluate("-----")
        self.assertTrue(self.watched.pages())

    def test_started_alarm_needs_four_runs_and_is_never_in_alarm(self) -> None:
        alarm = self.watched.alarms["AlbSyncStartedAlarm"]
        expressions = [it["Expression"] for it in alarm["Metrics"] if "Expression" in it]
        self.assertEqual(expressions, ["runs / (runs >= 4)"])
        self.assertEqual(alarm["ComparisonOperator"], "LessThanThreshold")
        self.assertLess(alarm["Threshold"], 4)
        self.assertNotIn("AlarmActions", alarm)


class NewStack(unittest.TestCase):
    def test_no_alarm_of_a_new_stack_changes_to_alarm_or_to_a_state_that_notifies(self) -> None:
        for parameters in PARAMETER_SETS:
            if parameters.get("CreateAlarms") != "true":
                continue
            watched = Watched(stack(parameters))
            watched.evaluate({})
            self.assertFalse(watched.pages(), parameters)
            for name, state in watched.states.items():
                # A new alarm is in the state INSUFFICIENT_DATA, and only changes notify.
                self.assertIn(state, (OK, INSUFFICIENT_DATA), (name, parameters))

    def test_no_alarm_of_any_template_treats_the_silence_of_a_new_stack_as_a_failure(self) -> None:
        treatments = {
            (template.path, name): alarm["Properties"]["TreatMissingData"]
            for template in Template.all()
            for name, alarm in template.resources(monitoring.ALARM).items()
        }
        self.assertIn(("examples/alb-sync.yaml", "AlbSyncAlarm"), treatments)
        self.assertEqual([it for it, how in treatments.items() if how == "breaching"], [])

    def test_alarm_of_the_example_notifies_if_alb_sync_stops(self) -> None:
        given = {"AlarmTopicArn": SAMPLES["AlarmTopicArn"]}
        template = Template.read("examples/alb-sync.yaml")
        alarm = Stack(template, with_needs(template, given)).of_type(monitoring.ALARM)["AlbSyncAlarm"]
        self.assertEqual(alarm["TreatMissingData"], "missing")
        for actions in ("AlarmActions", "InsufficientDataActions"):
            self.assertEqual(alarm[actions], [SAMPLES["AlarmTopicArn"]])

    def test_data_of_good_periods_keeps_every_alarm_quiet(self) -> None:
        watched = Watched(stack({**MONITORING, **METRICS, **TARGETS}))
        for count in range(1, RANGE + 1):
            points: list[Any] = [None] * (RANGE - count) + [False] * count
            watched.evaluate({name: points for name in watched.alarms})
            self.assertEqual(set(watched.states.values()), {OK})
            self.assertFalse(watched.pages())

    def test_page_alarm_waits_for_no_other_alarm(self) -> None:
        watched = Watched(stack({**MONITORING, **METRICS, **TARGETS}))
        self.assertEqual(
            watched.page.paging(),
            {"AuthorizerFaultsAlarm", "ServerErrorsAlarm", "ListenerRulesAlarm", "AlbSyncAlarm"},
        )


if __name__ == "__main__":
    unittest.main()
