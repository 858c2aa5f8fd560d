"""The tests are skipped without Prometheus, except in CI."""

import unittest
from unittest import mock

from observability.tools import require_prometheus


class Requirement(unittest.TestCase):
    def test_without_prometheus_the_tests_are_skipped(self):
        with (
            mock.patch.dict("os.environ", {"PATH": ""}, clear=True),
            self.assertRaisesRegex(unittest.SkipTest, "prometheus and promtool not found"),
        ):
            require_prometheus()

    def test_without_prometheus_the_tests_fail_in_ci(self):
        with (
            mock.patch.dict("os.environ", {"PATH": "", "CI": "true"}, clear=True),
            self.assertRaisesRegex(RuntimeError, "apt-get install prometheus"),
        ):
            require_prometheus()


if __name__ == "__main__":
    unittest.main()
