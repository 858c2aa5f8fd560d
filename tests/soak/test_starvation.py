"""Tests of how a starved emulator is told from a fault of the gateway."""

import os
import unittest

from soak.probe import Probe, ProcessorWaits
from soak.starvation import Starvation, merged

DEADLINE_S = 1.0


def probes(*slow: tuple[float, float], wait_s: float = 0.0) -> list[Probe]:
    """Returns quick probes over 200 s, and slow ones. From 100 s on, a gateway waits for a
    processor for `wait_s` between two probes.
    """
    quick = [
        (number / 10, number / 10 + 0.01, wait_s if number >= 1000 else 0.0)
        for number in range(2000)
    ]
    return sorted([*quick, *((sent, received, 0.0) for sent, received in slow)])


class Starved(unittest.TestCase):
    def test_late_decision_while_the_emulator_is_quick_is_not_explained(self):
        self.assertFalse(Starvation(probes(), DEADLINE_S, []).explains(50, 51))

    def test_late_decision_while_the_emulator_is_slow_is_explained(self):
        starvation = Starvation(probes((50.2, 50.9)), DEADLINE_S, [])
        self.assertTrue(starvation.explains(50, 51))
        self.assertFalse(starvation.explains(48, 49))
        self.assertFalse(starvation.explains(52, 53))

    def test_probe_below_half_of_the_deadline_explains_nothing(self):
        self.assertFalse(Starvation(probes((50.2, 50.6)), DEADLINE_S, []).explains(50, 51))

    def test_breaker_that_opened_while_the_emulator_was_slow_explains_what_follows(self):
        slow, opening = probes((50.2, 52.9)), 53.0
        self.assertTrue(Starvation(slow, DEADLINE_S, [opening]).explains(80, 80.01))
        self.assertFalse(Starvation(slow, DEADLINE_S, [opening]).explains(120, 120.01))
        self.assertFalse(Starvation(slow, DEADLINE_S, []).explains(80, 80.01))

    def test_breaker_that_opened_without_a_cause_explains_nothing(self):
        starvation = Starvation(probes((20, 22)), DEADLINE_S, [53.0])
        self.assertFalse(starvation.explains(60, 60.01))

    def test_gateway_that_waits_for_a_processor_is_explained(self):
        starvation = Starvation(probes(wait_s=0.06), DEADLINE_S, [])
        self.assertTrue(starvation.explains(150, 151))
        self.assertFalse(starvation.explains(50, 51))

    def test_short_waits_for_a_processor_explain_nothing(self):
        self.assertFalse(Starvation(probes(wait_s=0.04), DEADLINE_S, []).explains(150, 151))

    def test_own_waits_are_counted(self):
        waits = ProcessorWaits([str(os.getpid())])
        self.assertTrue(waits.before)
        self.assertGreaterEqual(waits.longest(), 0.0)

    def test_overlapping_spans_count_once(self):
        self.assertEqual(merged([(5, 7), (1, 3), (2, 4)]), [(1, 4), (5, 7)])
        self.assertAlmostEqual(
            Starvation([(0, 1, 0.0), (0.5, 2, 0.0)], DEADLINE_S, []).seconds(), 2 + 2 * 0.1
        )


if __name__ == "__main__":
    unittest.main()
