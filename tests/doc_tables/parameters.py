"""Builds a table of a template's parameters, by group."""

from __future__ import annotations

import re
from typing import Any

from doc_tables.markdown_table import table

PRICE = re.compile(r"(?:about )?\$\d[\d.]*\d?(?: per month)?(?: per [\w ]+| on \w+| beyond[\w ]+)?")
FREE = re.compile(r"costs? nothing")


def parameter_table(body: dict[str, Any]) -> str:
    """Returns a table of all parameters, with a heading row per group."""
    rows = []
    for group in body["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        rows.append([f"**{group['Label']['default']}**", "", "", ""])
        rows += [row(name, body["Parameters"][name]) for name in group["Parameters"]]
    missing = body["Parameters"].keys() - {cells[0].strip("`") for cells in rows}
    if missing:
        raise ValueError(f"parameters without a group: {sorted(missing)}")
    return table(["parameter", "default", "meaning", "per month"], rows)


def row(name: str, parameter: dict[str, Any]) -> list[str]:
    default = str(parameter["Default"]) if "Default" in parameter else None
    shown = "required" if default is None else f"`{escaped(default)}`" if default else "–"
    return [f"`{name}`", shown, escaped(parameter["Description"]), price(parameter["Description"])]


def price(description: str) -> str:
    """Returns the amounts in a description, "nothing" if it says so, or an empty string."""
    amounts = [amount.replace(" per month", "").strip() for amount in PRICE.findall(description)]
    return "; ".join(amounts) or ("nothing" if FREE.search(description) else "")


def escaped(text: str) -> str:
    return text.strip().replace("|", "\\|")
