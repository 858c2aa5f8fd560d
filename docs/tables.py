"""Writes what the documents say in numbers: `.venv/bin/python docs/tables.py`. A test compares them."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from cfnlint.decode import decode_str

PROJECT = pathlib.Path(__file__).resolve().parents[1]


def template() -> dict[str, Any]:
    body, mistakes = decode_str((PROJECT / "template.yaml").read_text())
    if mistakes:
        raise ValueError(f"template.yaml: {mistakes}")
    return json.loads(json.dumps(body))


def table(head: list[str], rows: list[list[str]], right: int = 0) -> str:
    """In Markdown; the last `right` columns hold numbers."""
    left = len(head) - right
    lines = [head, ["---"] * left + ["---:"] * right, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def written() -> dict[tuple[str, str], str]:
    """Every table, by document and name."""
    import costs
    import parameters

    body = template()
    tables = {("docs/reference/parameters.md", name): text for name, text in parameters.tables(body).items()}
    for name, text in costs.tables(body).items():
        tables["README.md" if name == "summary" else "docs/operations/costs.md", name] = text
    return tables


def replaced(document: str, name: str, text: str) -> str:
    """A document with another text between its marks of that name."""
    begin, end = f"<!-- {name}: docs/tables.py -->\n", f"<!-- /{name} -->"
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"no place for the table `{name}`")
    before, _, rest = document.partition(begin)
    return f"{before}{begin}{text}\n{end}{rest.partition(end)[2]}"


def documents() -> dict[str, str]:
    """Every document that has tables, as it should be."""
    found: dict[str, str] = {}
    for (path, name), text in written().items():
        document = found.get(path, (PROJECT / path).read_text())
        found[path] = replaced(document, name, text)
    return found


if __name__ == "__main__":
    for path, document in documents().items():
        (PROJECT / path).write_text(document)
        sys.stdout.write(f"{path}\n")
