"""Tests of the checks of a chaos run: each finds a violation, and accepts a record without one."""

import unittest

from chaos import checks
from chaos.callers import UNKNOWN, Call
from chaos.checks import Run
from chaos.faults import Write
from chaos.schedule import CLOCK, REGISTRY, USAGE, Episode
from soak.starvation import Starvation

BEGIN, END = 0.0, 300.0
USAGE_TABLE, REGISTRY_TABLE = frozenset({USAGE}), frozenset({REGISTRY})


def call(caller: str = "steady-0", sent: float = 10.0, status: int = 200, **more: object) -> Call:
    """Returns a call that took 10 ms. It was allowed by the store unless `more` says otherwise."""
    decision = {"decision": "allowed", "known": sent + 0.005} if status == 200 else {}
    fields = {"gateway": 0, **decision, **more}
    plan = caller.partition("-")[0]
    return Call(caller, plan, sent=sent, received=sent + 0.01, status=status, **fields)


def degraded(caller: str, sent: float, **more: object) -> Call:
    return call(caller, sent, decision="degraded", **more)


def run(calls: list[Call], **more: object) -> Run:
    fields = {"writes": [], "episodes": [], "usage": {}, "starvation": Starvation([], 1.0, [])}
    return Run(BEGIN, END, calls, **{**fields, **more})


def write(sent: float = 10.0, caller: str = "steady-0", gateway: int = 0, applied=True) -> Write:
    return Write(gateway, f"key#{caller}", sent + 0.002, applied, False)


def fault(kind: str, begin: float, end: float, tables=USAGE_TABLE, gateway: int = 0) -> Episode:
    return Episode(kind, frozenset({gateway}), tables, begin, end)


def step(begin: float, end: float, seconds: int) -> Episode:
    return Episode(CLOCK, frozenset({0}), frozenset(), begin, end, seconds)


class Limits(unittest.TestCase):
    def test_burst_is_accepted_and_one_call_more_is_found(self):
        calls = [call(sent=10.0) for _ in range(10)]
        self.assertEqual(checks.limit_errors(run(calls)), [])
        errors = checks.limit_errors(run([*calls, call(sent=10.0)]))
        self.assertIn("1 calls above its rate", errors[0])

    def test_degraded_passes_do_not_count(self):
        calls = [degraded("open-0", 10.0) for _ in range(30)]
        self.assertEqual(checks.limit_errors(run(calls)), [])

    def test_step_of_a_clock_gains_its_seconds_and_no_more(self):
        steps = [step(10, 20, 3)]
        gained = [call(sent=12.0) for _ in range(10 + 2 * (3 + 2))]
        self.assertEqual(checks.limit_errors(run(gained, episodes=steps)), [])
        errors = checks.limit_errors(run([*gained, call(sent=12.0)], episodes=steps))
        self.assertIn("steps of clocks", errors[0])

    def test_window_without_a_step_is_exact_although_the_run_has_one(self):
        calls, steps = [call(sent=5.0) for _ in range(11)], [step(10, 20, 3)]
        errors = checks.limit_errors(run(calls, episodes=steps))
        self.assertEqual(errors, ["steady-0: 1 calls above its rate"])

    def test_window_after_a_step_gains_two_seconds_and_no_more(self):
        calls, steps = [call(sent=100.0) for _ in range(10 + 2 * 2)], [step(10, 20, 3)]
        self.assertEqual(checks.limit_errors(run(calls, episodes=steps)), [])
        errors = checks.limit_errors(run([*calls, call(sent=100.0)], episodes=steps))
        self.assertEqual(errors, ["steady-0: 1 calls above its rate"])

    def test_quota_is_never_exceeded(self):
        calls = [call("few-0", number / 10) for number in range(150)]
        self.assertEqual(checks.limit_errors(run(calls)), [])
        self.assertIn("quota", checks.limit_errors(run([*calls, call("few-0", 99)]))[0])

    def test_plan_that_denies_has_no_degraded_pass(self):
        self.assertIn("denies", checks.limit_errors(run([degraded("steady-0", 10.0)]))[0])

    def test_local_share_is_per_gateway(self):
        share = [degraded("local-0", 10.0, gateway=number % 3) for number in range(9)]
        self.assertEqual(checks.limit_errors(run(share)), [])
        errors = checks.limit_errors(run([*share, degraded("local-0", 10.0)]))
        self.assertIn("above its share", errors[0])


class Charges(unittest.TestCase):
    def test_every_allowed_call_is_charged_once(self):
        calls, writes = [call(), call(sent=11.0)], [write(), write(11.0)]
        for charged, count in ((2, 0), (1, 1), (3, 1)):
            with self.subTest(charged=charged):
                record = run(calls, writes=writes, usage={"steady-0": charged})
                self.assertEqual(len(checks.charge_errors(record)), count)

    def test_charge_of_a_call_whose_reply_was_lost_is_accepted_once(self):
        calls, writes = [call(), call(sent=11.0, status=503)], [write(), write(11.0)]
        for charged, count in ((1, 0), (2, 0), (3, 1)):
            with self.subTest(charged=charged):
                record = run(calls, writes=writes, usage={"steady-0": charged})
                self.assertEqual(len(checks.charge_errors(record)), count)

    def test_charge_that_was_repeated_is_doubled_although_a_reply_was_lost(self):
        writes = [write(10.0), write(10.003)]
        record = run([call()], writes=writes, usage={"steady-0": 2})
        self.assertIn("2 charges, and at most 1", checks.charge_errors(record)[0])

    def test_write_that_was_not_applied_explains_no_charge(self):
        writes = [write(), write(11.0, applied=False)]
        calls = [call(), call(sent=11.0, status=503)]
        record = run(calls, writes=writes, usage={"steady-0": 2})
        self.assertEqual(len(checks.charge_errors(record)), 1)

    def test_write_of_another_gateway_or_time_explains_no_charge(self):
        calls = [call(), call(sent=11.0, status=503)]
        for other in (write(11.0, gateway=1), write(20.0)):
            record = run(calls, writes=[write(), other], usage={"steady-0": 2})
            self.assertEqual(len(checks.charge_errors(record)), 1)

    def test_overlapping_calls_have_a_charge_each(self):
        allowed, late = call(sent=10.0), call(sent=9.0, status=503, retry_after=1)
        late.received = 10.001
        writes = [Write(0, "key#steady-0", at, True, False) for at in (10.0005, 10.009)]
        for charged, count in ((2, 0), (3, 1)):
            record = run([allowed, late], writes=writes, usage={"steady-0": charged})
            self.assertEqual(len(checks.charge_errors(record)), count)

    def test_refused_call_is_not_charged(self):
        calls = [call(), call(sent=11.0, status=429, retry_after=1)]
        record = run(calls, writes=[write(), write(11.0)], usage={"steady-0": 2})
        self.assertEqual(len(checks.charge_errors(record)), 1)

    def test_late_write_to_a_throttled_item_may_be_charged(self):
        calls = [call(), call(sent=11.0, status=429, retry_after=1)]
        throttled = [fault("throttled item", 9, 10.5)]
        writes, usage = [write(), write(11.0)], {"steady-0": 2}
        record = run(calls, writes=writes, usage=usage, episodes=throttled)
        self.assertEqual(checks.charge_errors(record), [])

    def test_leases_are_charged_at_least_what_was_allowed(self):
        calls = [call("leased-0"), call("leased-0", 11.0)]
        self.assertEqual(checks.charge_errors(run(calls, usage={"leased-0": 16})), [])
        self.assertEqual(len(checks.charge_errors(run(calls, usage={"leased-0": 1}))), 1)


class Refusals(unittest.TestCase):
    def problems(self, *calls: Call, **more: object) -> int:
        return len(checks.refusal_findings(run(list(calls), **more)).errors)

    def test_unknown_key_gets_401_and_never_passes(self):
        self.assertEqual(self.problems(call(UNKNOWN, status=401)), 0)
        self.assertEqual(self.problems(call(UNKNOWN)), 1)
        self.assertEqual(self.problems(call(UNKNOWN, status=500)), 1)
        hang = [fault("hang", 9, 12, REGISTRY_TABLE)]
        self.assertEqual(self.problems(call(UNKNOWN, status=500), episodes=hang), 0)
        self.assertEqual(self.problems(call(UNKNOWN), episodes=hang), 1)

    def test_valid_key_is_never_unauthorized_forbidden_or_failed(self):
        hang = [fault("hang", 9, 12)]
        for status in (401, 403, 500, 502):
            self.assertEqual(self.problems(call(status=status), episodes=hang), 1, status)

    def test_decision_without_the_store_needs_a_fault_of_its_gateway(self):
        refused = call(status=503, retry_after=1)
        self.assertEqual(self.problems(refused), 1)
        self.assertEqual(self.problems(refused, episodes=[fault("hang", 9, 12)]), 0)
        self.assertEqual(self.problems(refused, episodes=[fault("hang", 9, 12, gateway=1)]), 1)
        self.assertEqual(self.problems(refused, episodes=[step(9, 12, 5)]), 1)
        self.assertEqual(self.problems(degraded("open-0", 10.0)), 1)

    def test_open_breaker_explains_a_refusal_if_a_fault_opened_it(self):
        refused, hang = call(sent=30.0, status=503, retry_after=9), [fault("hang", 9, 12)]
        self.assertEqual(self.problems(refused, episodes=hang), 1)
        self.assertEqual(self.problems(refused, episodes=hang, breakers=[(0, 12.0, 42.0)]), 0)
        self.assertEqual(self.problems(refused, episodes=hang, breakers=[(1, 12.0, 42.0)]), 1)
        self.assertEqual(self.problems(refused, episodes=hang, breakers=[(0, 25.0, 42.0)]), 1)

    def test_unavailable_response_says_when_to_come_back(self):
        hang = [fault("hang", 9, 12)]
        for retry_after, count in ((None, 1), (0, 1), (30, 0), (31, 1)):
            refused = call(status=503, retry_after=retry_after)
            self.assertEqual(self.problems(refused, episodes=hang), count, retry_after)

    def test_caller_within_its_limits_is_only_refused_if_its_item_is_throttled(self):
        refused = call("roomy-0", status=429, retry_after=1)
        self.assertEqual(self.problems(refused), 1)
        self.assertEqual(self.problems(refused, episodes=[fault("hang", 9, 12)]), 1)
        self.assertEqual(self.problems(refused, episodes=[fault("throttled item", 9, 12)]), 0)

    def test_retry_after_is_right(self):
        self.assertEqual(self.problems(call(status=429, retry_after=1)), 0)
        self.assertEqual(self.problems(call(status=429)), 1)
        self.assertEqual(self.problems(call(status=429, retry_after=60)), 1)

    def test_patient_caller_is_admitted_after_retry_after(self):
        first = call("patient-0", 10.0, 429, retry_after=2)
        again = call("patient-0", 12.05, 429, retry_after=2, waited_for=first)
        self.assertEqual(self.problems(first, call("patient-0", 12.05, waited_for=first)), 0)
        self.assertEqual(self.problems(first, again), 1)
        self.assertEqual(self.problems(first, again, episodes=[step(5, 11, 5)]), 0)

    def test_gateway_that_is_behind_asks_for_two_more_seconds_and_no_more(self):
        steps, first = [step(5, 11, 5)], call("patient-0", 100.0, 429, retry_after=2)
        for retry_after, count in ((2, 0), (3, 1)):
            again = call("patient-0", 102.05, 429, retry_after=retry_after, waited_for=first)
            self.assertEqual(self.problems(first, again, episodes=steps), count)

    def test_starved_call_is_counted_apart(self):
        slow = Starvation([(9.9, 11.0, 0.0)], 1.0, [])
        record = run([call(status=503, retry_after=1)], starvation=slow)
        findings = checks.refusal_findings(record)
        self.assertEqual((findings.errors, findings.starved), ([], 1))


class Recovery(unittest.TestCase):
    def test_every_gateway_decides_on_every_caller_at_the_end(self):
        calls = [call(sent=290.0, gateway=number) for number in range(3)]
        record = run(calls, usage={"steady-0": 3})
        self.assertEqual(checks.recovery_findings(record, 280.0).errors, [])
        self.assertEqual(len(checks.recovery_findings(record, 295.0).errors), 3)


if __name__ == "__main__":
    unittest.main()
