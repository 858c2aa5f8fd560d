"""Tests of how a starved emulator is told from a fault of the gateway."""

import unittest

from soak.starvation import Starvation, merged

DEADLINE_S = 1.0


def probes(*slow: tuple[float, float]) -> list[tuple[float, float]]:
    """Returns quick probes over 200 s, and slow ones."""
    quick = [(number / 10, number / 10 + 0.01) for number in range(2000)]
    return sorted([*quick, *slow])


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

    def test_overlapping_spans_count_once(self):
        self.assertEqual(merged([(5, 7), (1, 3), (2, 4)]), [(1, 4), (5, 7)])
        self.assertAlmostEqual(
            Starvation([(0, 1), (0.5, 2)], DEADLINE_S, []).seconds(), 2 + 2 * 0.1
        )


if __name__ == "__main__":
    unittest.main()
