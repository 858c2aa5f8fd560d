"""Writes BENCHMARKS.md and its charts from the results of the comparisons.

The results are checked in, one file per part, so that a run of one part keeps the others.
"""

import json
import pathlib
import re

from bench import goals
from bench.charts import chart, direction, number
from harness.paths import PROJECT

PAGE = PROJECT / "BENCHMARKS.md"
CHARTS = PROJECT / "docs" / "benchmarks"
RESULTS = CHARTS / "results"
HEAD = """# Benchmarks

`make bench` writes this page. It builds everything in release mode, starts all servers on loopback and runs every
comparison on one machine. **Compare ratios**: absolute times depend on the machine and its load. Comparisons that
Tollgate loses are listed too.

Each table shows the median, minimum and maximum of several runs. The compared programs take turns, and each round
starts with a different one. A warm-up round is not counted. Peers are installed from their registries at pinned
versions and used as their documentation recommends (`tests/bench`).

In a chart, Tollgate is blue and others are grey. The line with caps goes from the minimum to the maximum of the runs.
Rates (per second) are better if they are higher, and everything else is better if it is lower. A chart has dots on a
logarithmic scale where a bar would be too short to compare.
"""
REPEAT = """
## How to repeat

```sh
make bench
make bench PART=limiter
```

The first command measures everything. It builds all programs, which takes longest, and then runs for about 25 minutes.
It installs pinned packages into this folder, but no system packages: if one is missing, the command names it. The
second command measures one part: {parts}.

[`docs/benchmarks/results`](docs/benchmarks/results) has one file per part. This page shows the latest result of each
part.
"""


def render(parts: list[dict], names: list[str]) -> dict[pathlib.Path, str]:
    """Returns the texts of the page and of its charts, by path. `names` are the names of all parts,
    measured or not.
    """
    latest = max(parts, key=lambda part: part["at"])
    rows = "".join(f"| {name} | {value} |\n" for name, value in latest["versions"].items())
    page = HEAD + "\n| | |\n|---|---|\n" + rows + goals.section(parts)

    charts: dict[pathlib.Path, str] = {}
    page += "".join(section(part, latest["versions"], charts) for part in parts)
    page += REPEAT.format(parts=", ".join(f"`{name}`" for name in names))
    return {PAGE: page, **charts}


def write(names: list[str]) -> None:
    """Writes the page and its charts from the results that are checked in."""
    for old in CHARTS.glob("*.svg"):
        old.unlink()
    for path, text in render(results(names), names).items():
        path.write_text(text)


def results(names: list[str]) -> list[dict]:
    """Returns the latest result of each part that has one."""
    files = [RESULTS / f"{name}.json" for name in names]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def store(document: dict) -> None:
    """Replaces the result of a part."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (RESULTS / f"{document['name']}.json").write_text(text + "\n")


def section(part: dict, versions: dict, charts: dict[pathlib.Path, str]) -> str:
    """Returns the section of a part, and adds its charts to `charts`."""
    busy = f"load average {part['load']} before, {part['load_after']} after"
    at = f"Measured {part['at']} at commit {part['commit']} in {part['seconds']:.0f} s; {busy}."
    text = f"\n## {part['title']}\n\n{at}\n"
    others = [
        f"{name}: {value}" for name, value in part["versions"].items() if versions[name] != value
    ]
    if others:
        text += f"\nMeasured with other versions. {'. '.join(others)}.\n"
    if part.get("note"):
        text += f"\n{part['note']}\n"
    if part.get("failed"):
        return text + f"\nFailed: {part['failed']}\n"
    return text + "".join(table_section(part["name"], table, charts) for table in part["tables"])


def table_section(part: str, table: dict, charts: dict[pathlib.Path, str]) -> str:
    text = f"\n### {table['name']}\n\n" + (f"{table['note']}\n\n" if table["note"] else "")
    if "printed" in table:
        return text + "\n".join(table["printed"]) + "\n"
    if table["chart"] and any("median" in row for row in table["rows"]):
        file = CHARTS / f"{part}-{slug(table['name'])}.svg"
        charts[file] = chart(table)
        text += f"![{table['name']}]({file.relative_to(PROJECT)})\n\n"
    return text + markdown(table)


def markdown(table: dict) -> str:
    unit = f"{table['unit']}, {direction(table['unit'])}"
    lines = [f"| | median, {unit} | min to max | runs |", "|---|---|---|---|"]
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
