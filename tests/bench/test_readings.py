"""What is read out of others' output, and how figures are told."""

import unittest

import cbor
from charts import chart, number
from report import line, markdown
from rows import Row, Runs, Table
from tokens import divan

DIVAN = """
tokens                   fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ a_key                               │               │               │               │         │
│  ├─ 10                 9.1 µs        │ 20.3 µs       │ 9.5 µs        │ 9.9 µs        │ 100     │ 100
│  ╰─ 1000               9.2 µs        │ 21.3 µs       │ 1.2 ms        │ 9.9 µs        │ 100     │ 100
╰─ bare_signature_check                │               │               │               │         │
   ╰─ RS256              812.5 ns      │ 1.4 µs        │ 830.1 ns      │ 900 ns        │ 100     │ 100
"""


class Readings(unittest.TestCase):
    def test_medians_are_read_from_divans_table_in_microseconds(self):
        medians = divan(DIVAN)
        self.assertEqual(medians[("a_key", "10")], 9.5)
        self.assertEqual(medians[("a_key", "1000")], 1200)
        self.assertAlmostEqual(medians[("bare_signature_check", "RS256")], 0.8301)

    def test_cbor_of_the_rfcs_examples_is_read(self):
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


class Figures(unittest.TestCase):
    def test_figures_have_three_digits_that_mean_something(self):
        told = [number(value) for value in (0, 0.01234, 0.5, 1.234, 12.34, 123.4, 12345.6)]
        self.assertEqual(told, ["0", "0.012", "0.50", "1.23", "12.3", "123", "12,346"])

    def test_a_subject_that_fails_twice_is_left_out_and_says_so(self):
        runs, calls = Runs(), []

        def fails():
            calls.append(1)
            raise ValueError("a reason")

        runs.measure({"good": lambda: {"rate": 2.0}, "bad": fails}, rounds=3)
        good, bad = (row.document("/s") for row in runs.rows("rate", ["good", "bad"], ["good"]))
        self.assertEqual((good["median"], good["runs"], good["ours"]), (2.0, 3, True))
        self.assertEqual(bad["failed"], "failed: ValueError: a reason")
        self.assertEqual(len(calls), 2)
        self.assertEqual(line(bad), "| bad | failed: ValueError: a reason | | |")

    def test_a_failure_among_good_runs_is_told(self):
        document = Row("a", [1.0, 2.0, 4.0], failed="failed: once").document("ms")
        self.assertEqual(line(document), "| a | 2.00 | 1.00 to 4.00 | 3; another failed: once |")

    def test_charts_hold_a_bar_and_a_value_for_each_row(self):
        table = Table("A & B", "ms", [Row("a", [1.0, 3.0]), Row("b", failed="failed: no")]).document()
        drawn = chart(table)
        self.assertEqual(drawn.count("<rect"), 1)
        self.assertIn("A &amp; B, ms", drawn)
        self.assertIn(">2.00<", drawn)
        self.assertIn("failed: no", drawn)
        self.assertIn("| b | failed: no", markdown(table))


if __name__ == "__main__":
    unittest.main()
