"""Tests of the exit code of a run."""

import unittest

from soak.verdict import FAILED, INCONCLUSIVE, PASSED, Verdict


def code(errors: list[str], late: list[str], starved_share: float) -> int:
    return Verdict({}, errors, late, starved_share).exit_code()


class ExitCode(unittest.TestCase):
    def test_run_without_errors_passes(self):
        self.assertEqual(code([], [], 0.0), PASSED)
        self.assertEqual(code([], [], 0.01), PASSED)

    def test_error_fails_however_slow_the_emulator_was(self):
        self.assertEqual(code(["above a limit"], [], 0.0), FAILED)
        self.assertEqual(code(["above a limit"], [], 0.5), FAILED)

    def test_missing_decision_fails_unless_the_emulator_was_starved(self):
        self.assertEqual(code([], ["late"], 0.01), FAILED)
        self.assertEqual(code([], ["late"], 0.02), INCONCLUSIVE)

    def test_starved_run_says_nothing(self):
        self.assertEqual(code([], [], 0.02), INCONCLUSIVE)


if __name__ == "__main__":
    unittest.main()
