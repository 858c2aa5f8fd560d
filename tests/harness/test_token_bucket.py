"""Tests of the check that judges a soak test."""

import random
import unittest

from harness.token_bucket import excess


def saturated(
    rate: float, burst: int, seconds: float, delay: float = 0.0
) -> list[tuple[float, float]]:
    """Returns what a correct bucket admits of endless calls. Times are off by up to `delay`
    seconds.
    """
    dice = random.Random(7)
    times = [0.0] * burst + [n / rate for n in range(1, int(seconds * rate) + 1)]
    return [(time - dice.random() * delay, time + 1e-9 + dice.random() * delay) for time in times]


class Excess(unittest.TestCase):
    def test_a_correct_bucket_has_no_excess(self):
        for delay in (0.0, 0.01, 3.0):
            self.assertEqual(excess(saturated(7, 20, 30, delay), 7, 20), 0, delay)

    def test_no_calls_have_no_excess(self):
        self.assertEqual(excess([], 1, 1), 0)

    def test_one_call_above_the_burst_is_found(self):
        self.assertEqual(excess([(0, 0.01)] * 21, 7, 20), 1)
        self.assertEqual(excess([(0, 0.01)] * 20, 7, 20), 0)

    def test_an_excessive_burst_after_an_idle_time_is_found(self):
        burst = [(1000.0, 1000.01)] * 40
        self.assertEqual(excess(saturated(7, 20, 30) + burst, 7, 20), 20)

    def test_a_single_early_call_is_found(self):
        calls = saturated(2, 3, 10)
        self.assertEqual(excess([*calls, (5.1, 5.2)], 2, 3), 1)

    def test_without_a_refill_only_the_burst_is_allowed(self):
        self.assertEqual(excess([(0, 1), (50, 51), (100, 101)], 0, 2), 1)

    def test_a_slow_call_does_not_count_against_a_later_one(self):
        self.assertEqual(excess([(0, 100), (0.01, 0.02)], 20, 1), 0)

    def test_a_call_that_may_have_been_decided_later_is_not_excess(self):
        self.assertEqual(excess([(0, 0), (0, 10)], 0.1, 1), 0)


if __name__ == "__main__":
    unittest.main()
