"""Writes the results of a program into a table of docs/operations/endurance.md."""

import datetime
import os
import pathlib
import re

from bench.machine import first_line, processor
from doc_tables.markdown_table import table
from harness.paths import GATEWAY, PROJECT

PAGE = PROJECT / "docs" / "operations" / "endurance.md"
Row = dict[str, str]


def origin() -> Row:
    """Returns the columns that every table begins with: date, commit and machine. The commit is
    that of the program which ran, not of the files in the folder.
    """
    now = datetime.datetime.now(datetime.UTC)
    return {
        "date": f"{now:%Y-%m-%d %H:%M}Z",
        "commit": commit_of(first_line(str(GATEWAY), "--version")),
        "machine": f"{os.cpu_count()} cores of {processor()}",
    }


def commit_of(version: str) -> str:
    """Returns the commit in the output of `tollgate --version`, or a dash."""
    found = re.search(r"commit ([0-9a-f]{8})", version)
    return found[1] if found else "–"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def parse(text: str) -> list[Row]:
    """Returns the rows of a table in Markdown."""
    lines = text.strip().splitlines()
    if len(lines) < 2:
        return []
    head = cells(lines[0])
    return [dict(zip(head, cells(line), strict=True)) for line in lines[2:]]


def merge(old: list[Row], new: list[Row], key: str | None, keep: int) -> list[Row]:
    """Returns the rows of a table after a run, at most `keep`.

    With a `key`, a new row replaces the one with the same value in this column. Without, new rows
    come first. Rows of a table that had other columns are dropped.
    """
    columns = list(new[0])
    old = [row for row in old if list(row) == columns]
    if key is None:
        return [*new, *old][:keep]
    rows = {row[key]: row for row in old} | {row[key]: row for row in new}
    return sorted(rows.values(), key=lambda row: row[key])[:keep]


def with_rows(document: str, name: str, new: list[Row], key: str | None, keep: int) -> str:
    """Returns a document with new rows in the table between the markers of a name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"expected one pair of markers for the table `{name}`")

    before, _, rest = document.partition(begin)
    old, _, after = rest.partition(end)
    rows = merge(parse(old), new, key, keep)
    text = table(list(rows[0]), [list(row.values()) for row in rows])
    return f"{before}{begin}{text}\n{end}{after}"


def write(
    name: str, new: list[Row], key: str | None = None, keep: int = 10, page: pathlib.Path = PAGE
) -> None:
    """Writes new rows into a table of the page."""
    page.write_text(with_rows(page.read_text(), name, new, key, keep))


def show(rows: list[Row]) -> None:
    """Prints rows as a table in Markdown."""
    print(table(list(rows[0]), [list(row.values()) for row in rows]), flush=True)
