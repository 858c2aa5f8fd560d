"""What the judge of a soak takes for exact, and what not."""

import random
import unittest

from rig.exact import excess


def saturated(rate: float, burst: int, seconds: float, late: float = 0.0) -> list[tuple[float, float]]:
    """What a right bucket admits of calls without end, each known up to `late` seconds before and after."""
    dice = random.Random(7)
    times = [0.0] * burst + [n / rate for n in range(1, int(seconds * rate) + 1)]
    return [(time - dice.random() * late, time + 1e-9 + dice.random() * late) for time in times]


class Excess(unittest.TestCase):
    def test_what_a_bucket_admits_is_explained(self):
        for late in (0.0, 0.01, 3.0):
            self.assertEqual(excess(saturated(7, 20, 30, late), 7, 20), 0, late)

    def test_nothing_is_explained_without_calls(self):
        self.assertEqual(excess([], 1, 1), 0)

    def test_one_call_above_the_burst_is_told(self):
        self.assertEqual(excess([(0, 0.01)] * 21, 7, 20), 1)
        self.assertEqual(excess([(0, 0.01)] * 20, 7, 20), 0)

    def test_a_burst_that_was_forgotten_is_told_however_idle_the_caller_was_before(self):
        idle = [(1000.0, 1000.01)] * 40
        self.assertEqual(excess(saturated(7, 20, 30) + idle, 7, 20), 20)

    def test_a_single_call_too_early_is_told(self):
        calls = saturated(2, 3, 10)
        self.assertEqual(excess([*calls, (5.1, 5.2)], 2, 3), 1)

    def test_without_a_rate_the_burst_is_all(self):
        self.assertEqual(excess([(0, 1), (50, 51), (100, 101)], 0, 2), 1)

    def test_a_call_that_was_long_under_way_is_not_held_against_a_later_one(self):
        self.assertEqual(excess([(0, 100), (0.01, 0.02)], 20, 1), 0)

    def test_a_call_that_may_have_been_decided_later_is_no_proof(self):
        self.assertEqual(excess([(0, 0), (0, 10)], 0.1, 1), 0)


if __name__ == "__main__":
    unittest.main()
