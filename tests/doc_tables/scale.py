"""Formats the figures of the simulation (tests/scale) for docs/concepts/scale.md. `make scale` runs the simulation
and stores its figures in tests/scale/results.jsonl.
"""

from __future__ import annotations

import json
from typing import Any

from doc_tables import costs
from doc_tables.markdown_table import table
from harness.paths import PROJECT

RESULTS = PROJECT / "tests/scale/results.jsonl"
LEASES = {
    "no leases": "few instances, lease 0",
    "`lease` 16": "few instances, lease 16",
    "10,000 instances, no leases": "many instances, lease 0",
    "10,000 instances, `lease` 16": "many instances, lease 16",
}
TABLES = {
    "new": "new table",
    "warm for 40,000 writes/s": "table for 40,000 writes/s",
    "warm, default quota": "warm table, default quota",
    "warm, quota raised": "few instances, lease 0",
}
RATES = {
    "1,000 calls/s, new tables": "1000 calls/s, new tables",
    "10,000 calls/s, new tables": "10000 calls/s, new tables",
    "100,000 calls/s, new usage table": "new table",
    "100,000 calls/s, warm tables": "few instances, lease 0",
    "the same, `lease` 16": "few instances, lease 16",
    "the same, 10,000 instances": "many instances, lease 0",
    "the same, 10,000 instances, `lease` 16": "many instances, lease 16",
    "warm tables, plan of 500 calls/s": "plan of 500 calls/s",
    "warm tables, plan of 50 calls/s": "plan of 50 calls/s",
}
SECONDS_PER_MONTH = costs.HOURS * 3600


def read() -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Returns the date and the commit of the run, and the figures of each simulation by its name."""
    first, *rest = (json.loads(line) for line in RESULTS.read_text().splitlines())
    return first, {figures["name"]: figures for figures in rest}


def ranks(row: dict[str, Any]) -> str:
    first, last = row["ranks"]
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def share(part: float, whole: float) -> str:
    """Returns a percentage. 0 is exact, and more than 0 is never printed as 0."""
    if part == 0:
        return "0 %"
    percent = 100 * part / whole
    return "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %"


def calls(outcomes: dict[str, int]) -> int:
    return sum(outcomes.values())


def seconds(figures: dict[str, Any]) -> float:
    return figures["settings"]["measured_ms"] / 1000


def per_key(row: dict[str, Any], figures: dict[str, Any]) -> str:
    """Returns the calls per second of one key of a row."""
    first, last = row["ranks"]
    rate = calls(row["outcomes"]) / (last - first + 1) / seconds(figures)
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def by_rank(runs: dict[str, Any], columns: dict[str, str], outcomes: tuple[str, ...]) -> str:
    """Returns the share of each rank's calls that have one of these outcomes."""
    columns = {label: name for label, name in columns.items() if name in runs}
    selected = [runs[name] for name in columns.values()]
    rows = []
    for place, row in enumerate(selected[0]["ranks"]):
        cells = [ranks(row), per_key(row, selected[0])]
        for figures in selected:
            found = figures["ranks"][place]["outcomes"]
            cells.append(share(sum(found[name] for name in outcomes), calls(found)))
        rows.append(cells)
    total = ["all", ""]
    for figures in selected:
        found = figures["outcomes"]
        total.append(share(sum(found[name] for name in outcomes), calls(found)))
    return table(["rank of the key", "calls/s per key", *columns], [*rows, total], right=len(columns) + 1)


def outcome_table(runs: dict[str, Any]) -> str:
    head = ["", "allowed", "429 by the plan", "429, throttled item", "uncounted", "500 or 503"]
    rows = []
    for label, name in RATES.items():
        if name not in runs:
            continue
        found = runs[name]["outcomes"]
        parts = ("allowed", "limited", "hot_item", "degraded")
        failed = found["unavailable"] + found["failed"]
        rows.append([label, *(share(found[part], calls(found)) for part in parts), share(failed, calls(found))])
    return table(head, rows, right=5)


def instance_table(runs: dict[str, Any]) -> str:
    head = ["", "mean concurrency", "peak", "instances", "p50, ms", "p99, ms"]
    rows = []
    for label, name in RATES.items():
        if name not in runs:
            continue
        it = runs[name]
        rows.append([
            label, f"{it['mean_concurrency']:,.0f}", f"{it['peak_concurrency']:,}", f"{it['instances']:,}",
            f"{it['duration_ms']['p50']:.1f}", f"{it['duration_ms']['p99']:.1f}",
        ])  # fmt: skip
    return table(head, rows, right=5)


def dynamodb_cost(figures: dict[str, Any]) -> float:
    """Returns the price of DynamoDB per million calls. A throttled request costs nothing."""
    writes = figures["writes"]["made"] + figures["writes"]["refused"]
    units = figures["read_units"] + figures["usage_reads"]
    return 1e6 * (writes * costs.DYNAMODB_WRITE + units * costs.DYNAMODB_READ) / figures["decisions"]


def cost_table(runs: dict[str, Any]) -> str:
    head = ["", "writes/call", "of them refused", "writes/s", "read units/call", "DynamoDB, $/million"]
    rows = []
    for label, name in RATES.items():
        if name not in runs:
            continue
        it = runs[name]
        made, refused = it["writes"]["made"], it["writes"]["refused"]
        rows.append([
            label, f"{(made + refused) / it['decisions']:.3f}", share(refused, max(made + refused, 1)),
            f"{(made + refused) / seconds(it):,.0f}",
            f"{it['read_units'] / it['decisions']:.2f}", f"{dynamodb_cost(it):.2f}",
        ])  # fmt: skip
    return table(head, rows, right=5)


def month_table(runs: dict[str, Any], line_bytes: int) -> str:
    """Returns the price of a month with 100,000 calls in each second, at the prices of the first tiers."""
    number = runs["few instances, lease 0"]["settings"]["calls_per_s"] * SECONDS_PER_MONTH
    parts = {
        "HTTP API, requests": costs.HTTP_API,
        "access log": line_bytes / costs.GB * (costs.LOGS_IN + costs.LOGS_KEPT),
        "authorizer, requests": costs.LAMBDA_REQUEST,
        "authorizer, time": costs.AUTHORIZER_S * costs.AUTHORIZER_GB * costs.LAMBDA_GB_SECOND,
        "DynamoDB, no leases": dynamodb_cost(runs["few instances, lease 0"]) / 1e6,
        "DynamoDB, `lease` 16": dynamodb_cost(runs["few instances, lease 16"]) / 1e6,
        "ALB, capacity units": costs.EXCHANGE_BYTES / costs.GB * costs.ALB_UNIT_HOUR,
    }
    rows = [[name, f"{1e6 * price:.3f}", f"{number * price:,.0f}"] for name, price in parts.items()]
    return table(["part", "$ per million", "$ per month"], rows, right=2)


def settings(first: dict[str, str]) -> str:
    return f"Simulated on {first['date']} at commit {first['commit']}."


def tables(line_bytes: int) -> dict[str, str]:
    """Returns the tables of the page. `line_bytes` is the size of a line of the access log."""
    first, runs = read()
    return {
        "run": settings(first),
        "leases": by_rank(runs, LEASES, ("hot_item",)),
        "tables": by_rank(runs, TABLES, ("hot_item",)),
        "outcomes": outcome_table(runs),
        "instances": instance_table(runs),
        "requests": cost_table(runs),
        "month": month_table(runs, line_bytes),
    }
