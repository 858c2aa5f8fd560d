"""Tests of how the benchmarks read other programs' output and format figures."""

import pathlib
import tempfile
import unittest


from bench import cbor, goals, instructions, programs, report
from bench.charts import Scale, chart, direction, number
from bench.environment import MeasurementError
from bench.parts import PARTS
from bench.report import line, markdown
from bench.rows import Row, Runs, Table
from bench.tokens import divan_medians
from bench.wrk import load_figures
from doc_tables import costs

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
  Latency Distribution
     50%  980.00us
     75%    4.10ms
     90%    5.02ms
     99%    9.87ms
  24000 requests in 3.00s, 72.10MB read
{}Requests/sec:   8000.00
Transfer/sec:     24.03MB
"""


class Parsing(unittest.TestCase):
    def test_processor_time_is_divided_by_the_requests_of_wrk(self):
        figures = load_figures(WRK.format(""), 2_400_000)
        self.assertEqual((figures["rate"], figures["processor"]), (8000.0, 100.0))

    def test_percentiles_of_wrk_are_in_milliseconds(self):
        figures = load_figures(WRK.format(""), 1)
        self.assertEqual((figures["p50"], figures["p99"]), (0.98, 9.87))

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

    def test_instructions_are_those_of_the_additional_calls(self):
        with tempfile.TemporaryDirectory() as folder:
            output = pathlib.Path(folder) / "callgrind.out"

            def count(calls: int) -> int:
                output.write_text(f"events: Ir\nsummary: {5_000_000 + calls * 60_000}\n0 0\n")
                return instructions.counted(output)

            self.assertEqual(instructions.per_call(count), 60_000)
            output.write_text("events: Ir\n")
            with self.assertRaises(MeasurementError):
                instructions.counted(output)

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
        self.assertEqual(svg.count('height="18" rx'), 1)
        self.assertIn("A &amp; B, ms (lower is better)", svg)
        self.assertIn(">2.00<", svg)
        self.assertIn("failed: no", svg)
        self.assertIn("| b | failed: no", markdown(table))

    def test_chart_explains_its_colours_and_whiskers(self):
        several = [Row("a", [1.0, 3.0], True), Row("b", [2.0, 2.5])]
        svg = chart(Table("A", "/s", several).document())
        for text in ("higher is better", "Tollgate, median", "others, median", "of the runs"):
            self.assertIn(text, svg)

        single = chart(Table("A", "ms", [Row("a", [1.0], True)]).document())
        self.assertIn("Tollgate, value", single)
        self.assertNotIn("others", single)
        self.assertNotIn("of the runs", single)

    def test_direction_follows_from_the_unit(self):
        self.assertEqual(direction("million/s"), "higher is better")
        self.assertEqual(direction("requests"), "lower is better")

    def test_scale_is_logarithmic_if_a_bar_would_be_too_short(self):
        def scale_of(*values):
            return Scale.of([Row("a", [it]).document("ms") for it in values])

        self.assertFalse(scale_of(1.0, 29.0).is_logarithmic)
        self.assertFalse(scale_of().is_logarithmic)
        self.assertFalse(scale_of(0.0, 0.0).is_logarithmic)

        scale = scale_of(2.0, 300.0)
        labels = [label for _, label in scale.ticks()]
        self.assertEqual(labels, ["1", "10", "100", "1,000"])
        positions = [scale.position(value) for value in (1.0, 10.0, 100.0, 1000.0)]
        steps = [right - left for left, right in zip(positions, positions[1:], strict=False)]
        self.assertAlmostEqual(max(steps), min(steps))

        with_zero = scale_of(0.0, 2.0, 300.0)
        self.assertEqual(with_zero.ticks()[0][1], "0")
        self.assertLess(with_zero.position(0.0), with_zero.position(2.0))


class Report(unittest.TestCase):
    def test_page_and_charts_are_those_of_the_results(self):
        results = report.results(list(PARTS))
        self.assertTrue(results)
        for path, text in report.render(results, list(PARTS)).items():
            self.assertEqual(path.read_text(), text, f"{path.name}: run `make bench`")

    def test_charts_without_a_table_are_removed(self):
        rendered = report.render(report.results(list(PARTS)), list(PARTS))
        self.assertEqual(set(report.CHARTS.glob("*.svg")), {it for it in rendered if it.suffix == ".svg"})

    def test_part_names_its_commit_and_other_versions(self):
        part = {"name": "a", "title": "A", "at": "2026-01-02T03:04Z", "load": 0.1, "load_after": 0.2}
        part |= {"commit": "abc1234", "versions": {"Tools": "old"}, "seconds": 3.2, "tables": []}
        text = report.section(part, {"Tools": "new"}, {})
        self.assertIn("at commit abc1234 in 3 s; load average 0.1 before, 0.2 after.", text)
        self.assertIn("Measured with other versions. Tools: old.", text)
        self.assertNotIn("other versions", report.section(part, {"Tools": "old"}, {}))


class Goals(unittest.TestCase):
    RESULTS = goals.Results(
        [
            {
                "name": "part",
                "tables": [
                    Table("A", "ms", [Row("ours", [6.0]), Row("peer", [4.0])]).document(),
                    {"name": "B", "printed": ["| what | 1,234 (5 of 6) | – |", "| x | 3 / 2 = 1.5 | |"]},
                ],
            },
            {"name": "failed", "failed": "no"},
        ]
    )

    def row(self, limit, measure, **options):
        return goals.Goal("work", limit, measure, **options).row(self.RESULTS)

    def test_goal_is_met_at_its_limit(self):
        ratio = goals.ratio("part", "A", "ours", "peer")
        self.assertIn("| 1.50 | ≤ 1.50 | yes |", self.row(1.5, ratio))
        self.assertIn("| 1.50 | ≤ 1.40 | **no** |", self.row(1.4, ratio))
        self.assertIn("| 1.50 | ≥ 1.60 | **no** |", self.row(1.6, ratio, is_minimum=True))

    def test_figures_of_printed_tables_are_read(self):
        self.assertEqual(goals.printed("part", "B", "what")(self.RESULTS), 1234)
        self.assertEqual(goals.printed("part", "B", "x")(self.RESULTS), 1.5)

    def test_figure_that_is_not_there_is_not_measured(self):
        for measure in (
            goals.median("part", "A", "other"),
            goals.median("none", "A", "ours"),
            goals.printed("part", "B", "other"),
        ):
            self.assertIn("| not measured |", self.row(1, measure))

    def test_each_remark_is_of_a_goal(self):
        self.assertLessEqual(set(goals.REMARKS), {goal.work for goal in goals.GOALS})

    def test_prices_are_computed_with_the_measured_writes(self):
        measured = goals.Results(report.results(["limiter"]))
        for writes, row in (
            (costs.WRITES, "allowed, Poisson at 30 % of the rate, 16 workers, key"),
            (costs.LEASED_WRITES, "leased hot key, k = 16, ample plan, 16 workers"),
        ):
            self.assertAlmostEqual(writes, goals.in_detail(row)(measured), delta=0.05)


class SystemPrograms(unittest.TestCase):
    def test_missing_program_is_named_with_its_package_and_parts(self):
        parts = {"one": ["no-such-program"], "two": []}
        programs.PACKAGES["no-such-program"] = "a-package"
        self.addCleanup(programs.PACKAGES.pop, "no-such-program")
        text = programs.missing(parts)
        self.assertIn("no-such-program, for one: apt-get install a-package", text)
        self.assertEqual(programs.missing({"two": parts["two"]}), "")

    def test_each_program_of_a_part_has_a_package(self):
        for name, part in PARTS.items():
            for program in part.programs:
                self.assertIn(program, programs.PACKAGES, name)


if __name__ == "__main__":
    unittest.main()
