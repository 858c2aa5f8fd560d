"""Writes the generated tables into the documents: `.venv/bin/python docs/tables.py`. A test
compares them.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from cfnlint.decode import decode_str

PROJECT = pathlib.Path(__file__).resolve().parents[1]


def template() -> dict[str, Any]:
    body, errors = decode_str((PROJECT / "template.yaml").read_text())
    if errors:
        raise ValueError(f"template.yaml: {errors}")
    return json.loads(json.dumps(body))


def table(head: list[str], rows: list[list[str]], right: int = 0) -> str:
    """Formats a table in Markdown. The last `right` columns are aligned to the right."""
    left = len(head) - right
    lines = [head, ["---"] * left + ["---:"] * right, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def generated_tables() -> dict[tuple[str, str], str]:
    """Returns every table, by document and name."""
    import costs
    import parameters

    body = template()
    tables = {
        ("docs/reference/parameters.md", name): text
        for name, text in parameters.tables(body).items()
    }
    for name, text in costs.tables(body).items():
        tables["README.md" if name == "summary" else "docs/operations/costs.md", name] = text
    return tables


def with_table(document: str, name: str, text: str) -> str:
    """Returns a document with a new text between the markers of a table."""
    begin, end = f"<!-- {name}: docs/tables.py -->\n", f"<!-- /{name} -->"
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"expected one pair of markers for the table `{name}`")

    before, _, rest = document.partition(begin)
    return f"{before}{begin}{text}\n{end}{rest.partition(end)[2]}"


def documents() -> dict[str, str]:
    """Returns every document with generated tables, by path."""
    found: dict[str, str] = {}
    for (path, name), text in generated_tables().items():
        document = found.get(path, (PROJECT / path).read_text())
        found[path] = with_table(document, name, text)
    return found


if __name__ == "__main__":
    for path, document in documents().items():
        (PROJECT / path).write_text(document)
        sys.stdout.write(f"{path}\n")
