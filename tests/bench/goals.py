"""The goals of the project, and how far the latest results are from them.

Goals that are missed stay in the table, with what was tried and the floor, which are in `REMARKS`.
"""

import dataclasses
import re
from collections.abc import Callable

from bench.charts import number
from bench.remarks import REMARKS
from doc_tables import costs

# The stage's access log is not a part of Tollgate's own price.
WITHOUT_ACCESS_LOG = {"Resources": {"Stage": {"Properties": {"AccessLogSettings": {"Format": ""}}}}}
MANY = costs.SCALES[-1]
FUNCTIONS = ["authorizer", "alb-sync", "composer", "limiter", "metrics-publisher"]


class NotMeasuredError(LookupError):
    """The results do not have a figure."""


class Results:
    """The figures of all parts."""

    def __init__(self, parts: list[dict]) -> None:
        self.tables = {
            (part["name"], table["name"]): table
            for part in parts
            for table in part.get("tables", [])
        }

    def median(self, part: str, table: str, row: str) -> float:
        """Returns the median of a row."""
        for found in self._table(part, table).get("rows", []):
            if found["name"] == row and "median" in found:
                return found["median"]
        raise NotMeasuredError(row)

    def ratio(self, part: str, table: str, row: str, to: str) -> float:
        """Returns the ratio of the medians of two rows."""
        return self.median(part, table, row) / self.median(part, table, to)

    def printed(self, part: str, table: str, row: str) -> float:
        """Returns the number in the cell `measured` of a row that a benchmark printed: the first
        one, or the result of a division.
        """
        for line in self._table(part, table).get("printed", []):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[0] == row and (found := re.search(r"\d[\d,]*(\.\d+)?", result(cells[1]))):
                return float(found[0].replace(",", ""))
        raise NotMeasuredError(row)

    def _table(self, part: str, table: str) -> dict:
        try:
            return self.tables[part, table]
        except KeyError:
            raise NotMeasuredError(table) from None


def result(cell: str) -> str:
    """Returns the text after the last equals sign, or the whole text."""
    return cell.rsplit("=", 1)[-1]


def price(writes: float) -> float:
    """Returns Tollgate's own price per million requests in US dollars, at 100 M requests a month."""
    items = costs.tollgate(MANY, WITHOUT_ACCESS_LOG, writes)
    return sum(items.values()) / MANY.requests * 1e6 - costs.HTTP_API * 1e6


@dataclasses.dataclass(frozen=True)
class Goal:
    """A goal. `measure` returns the figure, which has to be at most `limit`, or at least."""

    work: str
    limit: float
    measure: Callable[[Results], float]
    is_minimum: bool = False
    unit: str = ""

    def row(self, results: Results) -> str:
        """Returns the row of the table."""
        sign = "≥" if self.is_minimum else "≤"
        goal = f"{sign} {number(self.limit)}{self.unit}"
        try:
            value = self.measure(results)
        except NotMeasuredError:
            return f"| {self.work} | not measured | {goal} | | {REMARKS.get(self.work, '')} |"

        is_met = value >= self.limit if self.is_minimum else value <= self.limit
        remark = "" if is_met else REMARKS.get(self.work, "")
        figure = f"{number(value)}{self.unit}"
        return f"| {self.work} | {figure} | {goal} | {'yes' if is_met else '**no**'} | {remark} |"


def median(part: str, table: str, row: str) -> Callable[[Results], float]:
    return lambda results: results.median(part, table, row)


def ratio(part: str, table: str, row: str, to: str) -> Callable[[Results], float]:
    return lambda results: results.ratio(part, table, row, to)


def printed(part: str, table: str, row: str) -> Callable[[Results], float]:
    return lambda results: results.printed(part, table, row)


def in_detail(row: str) -> Callable[[Results], float]:
    return printed("limiter", "Store requests per decision in detail", row)


GOALS = [
    Goal("own price per million requests, $", 1.05, lambda _: price(costs.WRITES)),
    Goal("the same with leases on hot keys, $", 0.35, lambda _: price(costs.LEASED_WRITES)),
    *(
        Goal(
            f"startup ÷ empty function: {name}",
            2,
            ratio("startup", "Startup", name, "Rust, empty function"),
        )
        for name in FUNCTIONS
    ),
    Goal(
        "startup and first real response of the limiter, ms",
        30,
        median("startup", "Startup and first real response", "limiter"),
    ),
    Goal(
        "instructions per warm call, cached token",
        60_000,
        median("tokens", "Instructions per warm call", "authorizer, cached token, RS256"),
    ),
    Goal(
        "new RS256 token ÷ signature only",
        1.3,
        ratio(
            "tokens", "Warm call, RS256", "authorizer, new token", "aws-lc-rs, signature only"
        ),
    ),
    *(
        Goal(
            f"requests per decision, counted by a proxy, {workers}",
            limit,
            in_detail(f"counted by a proxy, three processes, ample plan, {workers}"),
        )
        for workers, limit in (("1 workers", 1.00), ("16 workers", 1.03), ("100 workers", 1.08))
    ),
    *(
        Goal(
            f"requests per decision, Poisson at {share} % of the rate",
            limit,
            in_detail(f"allowed, Poisson at {share} % of the rate, 16 workers, key"),
        )
        for share, limit in ((30, 1.15), (60, 1.3), (90, 1.4))
    ),
    Goal(
        "embedded decisions ÷ governor, one limit",
        0.4,
        ratio("limiter", "Decisions per second in memory", "Tollgate, one limit", "governor"),
        is_minimum=True,
    ),
    Goal(
        "embedded decisions, 100,000 keys ÷ 10 keys",
        0.75,
        ratio(
            "growth",
            "Decisions per second, by number of keys",
            "Tollgate, 100,000 keys",
            "Tollgate, 10 keys",
        ),
        is_minimum=True,
    ),
    Goal(
        "local gateway ÷ nginx, requests per second",
        0.4,
        ratio("gateway", "Requests per second", "Tollgate's local gateway", "nginx with limit_req"),
        is_minimum=True,
    ),
    Goal(
        "local gateway ÷ nginx, p99",
        2,
        ratio("gateway", "Latency, p99", "Tollgate's local gateway", "nginx with limit_req"),
    ),
    *(
        Goal(f"zip for arm64, MB: {name}", 4, median("packages", "Package for arm64", name))
        for name in FUNCTIONS
    ),
    *(
        Goal(
            f"{name} of 10,000 keys ÷ plain requests",
            1.3,
            printed("administration", "Administration", f"{row}, compared with plain requests"),
        )
        for name, row in (
            ("import", "import"),
            ("listing", "listing, page by page"),
            ("export", "export"),
        )
    ),
]


def section(parts: list[dict]) -> str:
    """Returns the section of goals."""
    results = Results(parts)
    lines = [
        "",
        "## Goals",
        "",
        "Computed from the tables below. A goal that is missed stays here, with what was tried and the floor.",
        "",
        "| work | measured | goal | met | if not |",
        "|---|---|---|---|---|",
        *(goal.row(results) for goal in GOALS),
    ]
    return "\n".join(lines) + "\n"
