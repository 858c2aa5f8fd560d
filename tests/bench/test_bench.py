"""Tests of how the benchmarks read other programs' output and format figures."""

import unittest

from bench import cbor
from bench.charts import chart, number
from bench.compositions import load_figures
from bench.environment import MeasurementError
from bench.report import line, markdown
from bench.rows import Row, Runs, Table
from bench.tokens import divan_medians

DIVAN = """
tokens                   fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ api_key                             │               │               │               │         │
│  ├─ 10                 9.1 µs        │ 20.3 µs       │ 9.5 µs        │ 9.9 µs        │ 100     │ 100
│  ╰─ 1000               9.2 µs        │ 21.3 µs       │ 1.2 ms        │ 9.9 µs        │ 100     │ 100
╰─ bare_signature_check                │               │               │               │         │
   ╰─ RS256              812.5 ns      │ 1.4 µs        │ 830.1 ns      │ 900 ns        │ 100     │ 100
"""


WRK = """
Running 3s test @ http://127.0.0.1:7001/bff/dashboard
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.98ms    1.10ms  21.49ms   93.27%
    Req/Sec     8.09k   602.11     9.14k    80.00%
  24000 requests in 3.00s, 72.10MB read
{}Requests/sec:   8000.00
Transfer/sec:     24.03MB
"""


class Parsing(unittest.TestCase):
    def test_processor_time_is_divided_by_the_requests_of_wrk(self):
        self.assertEqual(
            load_figures(WRK.format(""), 2_400_000), {"rate": 8000.0, "processor": 100.0}
        )

    def test_failed_responses_fail_the_measurement(self):
        for line in (
            "  Non-2xx or 3xx responses: 3\n",
            "  Socket errors: connect 0, read 2, write 0, timeout 0\n",
        ):
            with self.assertRaises(MeasurementError):
                load_figures(WRK.format(line), 1)

    def test_medians_of_divan_are_parsed_in_microseconds(self):
        medians = divan_medians(DIVAN)
        self.assertEqual(medians[("api_key", "10")], 9.5)
        self.assertEqual(medians[("api_key", "1000")], 1200)
        self.assertAlmostEqual(medians[("bare_signature_check", "RS256")], 0.8301)

    def test_cbor_examples_of_the_rfc_are_decoded(self):
        for text, value in [
            ("1903e8", 1000),
            ("3863", -100),
            ("fb3ff199999999999a", 1.1),
            ("f93c00", 1.0),
            ("a26161016162820203", {"a": 1, "b": [2, 3]}),
            ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
            ("c11a514b67b0", 1363896240),
            ("83f4f5f6", [False, True, None]),
        ]:
            self.assertEqual(cbor.loads(bytes.fromhex(text)), value, text)


class Formatting(unittest.TestCase):
    def test_numbers_have_three_significant_digits(self):
        texts = [number(value) for value in (0, 0.01234, 0.5, 1.234, 12.34, 123.4, 12345.6)]
        self.assertEqual(texts, ["0", "0.012", "0.50", "1.23", "12.3", "123", "12,346"])

    def test_subject_that_fails_twice_is_skipped_and_reported(self):
        runs, calls = Runs(), []

        def fail():
            calls.append(1)
            raise ValueError("a reason")

        runs.measure({"good": lambda: {"rate": 2.0}, "bad": fail}, rounds=3)

        good, bad = (row.document("/s") for row in runs.rows("rate", ["good", "bad"], ["good"]))
        self.assertEqual((good["median"], good["runs"], good["ours"]), (2.0, 3, True))
        self.assertEqual(bad["failed"], "failed: ValueError: a reason")
        self.assertEqual(len(calls), 2)
        self.assertEqual(line(bad), "| bad | failed: ValueError: a reason | | |")

    def test_failure_among_good_runs_is_reported(self):
        document = Row("a", [1.0, 2.0, 4.0], failed="failed: once").document("ms")
        self.assertEqual(line(document), "| a | 2.00 | 1.00 to 4.00 | 3; another failed: once |")

    def test_chart_has_a_bar_and_a_value_for_each_row(self):
        table = Table(
            "A & B", "ms", [Row("a", [1.0, 3.0]), Row("b", failed="failed: no")]
        ).document()
        svg = chart(table)
        self.assertEqual(svg.count("<rect"), 1)
        self.assertIn("A &amp; B, ms", svg)
        self.assertIn(">2.00<", svg)
        self.assertIn("failed: no", svg)
        self.assertIn("| b | failed: no", markdown(table))


if __name__ == "__main__":
    unittest.main()
