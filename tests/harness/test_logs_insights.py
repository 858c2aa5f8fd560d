"""Queries give the rows that the documentation of CloudWatch Logs Insights describes."""

import json
import unittest

from harness.logs_insights import LogLine, Query, Row, percentile


def line(second: int, group: str = "log", **fields: object) -> LogLine:
    return LogLine(group, f"2026-11-28 11:02:{second:02d}.000", json.dumps(fields))


LINES = [
    line(1, route="a", status="200", ms="10", inner={"list": ["x", "y"]}),
    line(2, route="a", status="429", ms="30"),
    line(3, route="b", status="200", ms=20),
    line(4, route="b", status="500", ms="-"),
    LogLine("other", "2026-11-28 11:02:05.000", "START RequestId: 1"),
]


def rows(query: str) -> list[Row]:
    return Query(query).run(LINES)


def routes(query: str) -> list[object]:
    return [row["route"] for row in rows(f"fields route | {query} | sort @timestamp asc")]


class Commands(unittest.TestCase):
    def test_newest_events_are_first_without_a_sort(self) -> None:
        messages = [row["@message"] for row in rows("filter ispresent(@message)")]
        self.assertEqual(messages, [it.message for it in reversed(LINES)])

    def test_fields_are_discovered_with_their_path(self) -> None:
        (row,) = rows('fields @log, inner.list.1 as second | filter inner.list.0 = "x"')
        self.assertEqual(row, {"@log": "log", "second": "y"})

    def test_filters_compare_texts_and_numbers(self) -> None:
        for condition, expected in (
            ('status = "429"', ["a"]),
            ("status = 429", ["a"]),
            ("status >= 429", ["a", "b"]),
            ('status != "200" and route = "b"', ["b"]),
            ('status in ["429", "500"]', ["a", "b"]),
            ('not (status = "200" or status = "429") and ispresent(route)', ["b"]),
            ("status like /^4/", ["a"]),
            ('@message like "429"', ["a"]),
        ):
            self.assertEqual(routes(f"filter {condition}"), expected, condition)

    def test_and_binds_more_tightly_than_or(self) -> None:
        condition = 'route = "a" and status = "429" or route = "b" and status = "500"'
        self.assertEqual(routes(f"filter {condition}"), ["a", "b"])

    def test_aggregates_are_grouped(self) -> None:
        found = rows(
            """
            fields strcontains(status, "200") as is_ok
            | filter ispresent(route)
            | stats count(*) as requests, sum(is_ok) as ok, sum(ms) as total, max(ms) as slowest,
                earliest(@timestamp) as since, latest(status) as last by route
            | sort requests desc
            | limit 1
            """
        )
        self.assertEqual(
            found,
            [
                {
                    "route": "b",
                    "requests": 2,
                    "ok": 1,
                    "total": 20,
                    "slowest": 20,
                    "since": "2026-11-28 11:02:03.000",
                    "last": "500",
                }
            ],
        )

    def test_texts_that_are_no_numbers_do_not_count_in_numbers(self) -> None:
        (row,) = rows('fields ms - 5 as rest | filter route = "b" | stats sum(rest) as sum')
        self.assertEqual(row, {"sum": 15})
        (row,) = rows('filter status = "500" | stats pct(ms, 99) as p99, max(ms) as most')
        self.assertEqual(row, {"p99": None, "most": None})

    def test_percentile_is_a_value_of_the_data(self) -> None:
        self.assertEqual(percentile([4, 1, 3, 2], 50), 2)
        self.assertEqual(percentile([float(it) for it in range(1, 101)], 99), 99)
        self.assertEqual(percentile([7], 1), 7)

    def test_bars_and_quotes_in_texts_do_not_end_a_command(self) -> None:
        self.assertEqual(rows(r'filter status = "a | b \" c" or status like /x|y/'), [])

    def test_missing_field_is_not_equal_to_anything(self) -> None:
        query = 'filter route != "a" | stats count(*) as lines'
        counts = [Query(query, it).run(LINES) for it in (False, True)]
        self.assertEqual(counts, [[{"lines": 2}], [{"lines": 3}]])

    def test_unknown_syntax_is_an_error(self) -> None:
        for query in (
            "display route",
            "fields upper(route)",
            "stats median(ms)",
            "filter route ~ 1",
            "filter (route = 1",
            "filter route = 1 route",
            "filter route in [1",
            "stats count(*) as lines by",
            "filter route like route",
        ):
            with self.assertRaises(ValueError, msg=query):
                Query(query)


if __name__ == "__main__":
    unittest.main()
