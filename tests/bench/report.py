"""Writes BENCHMARKS.md and its charts from the results of the comparisons."""

import re

from bench.charts import chart, number
from harness.paths import PROJECT

CHARTS = PROJECT / "docs" / "benchmarks"
HEAD = """# Benchmarks

`make bench` writes this page. It builds everything in release mode, starts all servers on loopback and runs every
comparison on one machine. **Compare ratios**: absolute times depend on the machine and its load. Comparisons that
Tollgate loses are listed too.

Each table shows the median, minimum and maximum of several runs. The compared programs take turns, and each round
starts with a different one. A warm-up round is not counted. Peers are installed from their registries at pinned
versions and used as their documentation recommends (`tests/bench`).
"""
REPEAT = """
## How to repeat

```sh
make bench
make bench PART=limiter
```

The first command measures everything. It builds all programs, which takes longest, and then runs for about 20 minutes.
wrk and nginx-light are installed from Debian packages. The second command measures one part: {parts}.

`target/bench` contains one result file per part. This page shows the latest result of each part.
"""


def write(machine: dict, parts: list[dict], names: list[str]):
    """Writes the results in `parts`. `names` are the names of all parts, measured or not."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    for old in CHARTS.glob("*.svg"):
        old.unlink()
    text = (
        HEAD
        + "\n| | |\n|---|---|\n"
        + "".join(f"| {name} | {value} |\n" for name, value in machine.items())
    )
    text += "".join(section(part) for part in parts) + REPEAT.format(
        parts=", ".join(f"`{name}`" for name in names)
    )
    (PROJECT / "BENCHMARKS.md").write_text(text)


def section(part: dict) -> str:
    busy = f"load average {part['load']} before, {part['load_after']} after"
    text = f"\n## {part['title']}\n\nMeasured {part['at']} in {part['seconds']:.0f} s; {busy}.\n"
    if part["dev"]:
        text += "\n**Measured with the dev profile, which is not optimised. This only shows that the comparison runs.**\n"
    if part.get("failed"):
        return text + f"\nFailed: {part['failed']}\n"
    return text + "".join(table_section(part["name"], table) for table in part["tables"])


def table_section(part: str, table: dict) -> str:
    text = f"\n### {table['name']}\n\n" + (f"{table['note']}\n\n" if table["note"] else "")
    if "printed" in table:
        return text + "\n".join(table["printed"]) + "\n"
    if table["chart"] and any("median" in row for row in table["rows"]):
        file = CHARTS / f"{part}-{slug(table['name'])}.svg"
        file.write_text(chart(table))
        text += f"![{table['name']}]({file.relative_to(PROJECT)})\n\n"
    return text + markdown(table)


def markdown(table: dict) -> str:
    lines = [f"| | median, {table['unit']} | min to max | runs |", "|---|---|---|---|"]
    return "\n".join(lines + [line(row) for row in table["rows"]]) + "\n"


def line(row: dict) -> str:
    name = f"**{row['name']}**" if row["ours"] else row["name"]
    if "failed" in row:
        return f"| {name} | {row['failed'].replace('|', '/')} | | |"
    spread = f"{number(row['min'])} to {number(row['max'])}" if row["runs"] > 1 else ""
    runs = (
        f"{row['runs']}; another {row['incomplete'].replace('|', '/')}"
        if "incomplete" in row
        else row["runs"]
    )
    return f"| {name} | {number(row['median'])} | {spread} | {runs} |"


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def terminal(part: dict) -> str:
    """Formats a part for a terminal."""
    if part.get("failed"):
        return f"{part['title']}: failed: {part['failed']}\n"
    tables = (
        "\n".join(table["printed"]) + "\n" if "printed" in table else markdown(table)
        for table in part["tables"]
    )
    text = "\n".join(
        f"\n{table['name']}\n{text}" for table, text in zip(part["tables"], tables, strict=True)
    )
    return text.replace("**", "")
