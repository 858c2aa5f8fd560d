"""Tests of whether memory and descriptors are flat."""

import os
import unittest

from soak.functions.process_state import Sample, flatness, sample


def samples(memory_kib, descriptors=lambda _: 20) -> list[Sample]:
    """Returns the samples of 100,000 invocations."""
    counts = range(500, 100_001, 500)
    return [Sample(count, round(memory_kib(count)), descriptors(count)) for count in counts]


class Flat(unittest.TestCase):
    def test_caches_may_fill_during_the_warm_up(self):
        state = flatness(samples(lambda count: 10_000 + min(count, 10_000)))
        self.assertEqual((state.base_kib, state.errors()), (20_000, []))

    def test_leak_of_a_few_bytes_per_invocation_is_found(self):
        leaking = flatness(samples(lambda count: 20_000 + count * 14 / 1024))
        self.assertIn("memory is not flat", leaking.errors()[0])

    def test_change_below_five_percent_is_flat(self):
        state = flatness(samples(lambda count: 20_000 + (900 if count > 50_000 else 0)))
        self.assertEqual(state.errors(), [])
        self.assertAlmostEqual(state.changes()[1], 0.045)

    def test_single_sample_in_a_large_invocation_is_no_leak(self):
        state = flatness(samples(lambda count: 30_000 if count % 5_000 == 0 else 20_000))
        self.assertEqual(state.errors(), [])

    def test_smaller_memory_is_not_flat_either(self):
        state = flatness(samples(lambda count: 20_000 if count < 50_000 else 18_000))
        self.assertEqual(len(state.errors()), 1)

    def test_leak_of_descriptors_is_found_and_a_connection_is_not(self):
        few = flatness(samples(lambda _: 20_000, lambda count: 20 + (count > 50_000)))
        self.assertEqual(few.errors(), [])
        leak = flatness(samples(lambda _: 20_000, lambda count: 20 + count // 10_000))
        self.assertIn("open files grew", leak.errors()[0])

    def test_samples_after_the_warm_up_are_needed(self):
        with self.assertRaises(ValueError):
            flatness([Sample(9_500, 1, 1)])

    def test_own_process_is_sampled(self):
        state = sample(os.getpid(), 7)
        self.assertEqual(state.invocations, 7)
        self.assertGreater(state.memory_kib, 1000)
        self.assertGreater(state.descriptors, 2)


if __name__ == "__main__":
    unittest.main()
