"""The saved queries of stacks/monitoring.yaml and their copies in docs/operations/observing.md, and
its Contributor Insights rules.
"""

from __future__ import annotations

import collections
import json
import re
from typing import Any

from harness.paths import PROJECT
from template.parameter_sets import required
from template.stack import Stack, text
from template.templates import Template

INSIGHT_RULE = "AWS::CloudWatch::InsightRule"
QUERY = "AWS::Logs::QueryDefinition"
DOCUMENT = "docs/operations/observing.md"
BLOCK = re.compile(r"^```text\n((?:fields|filter) .*?)\n```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^### (.+\?)$", re.MULTILINE)
NAME = re.compile(r"`STACK/([a-z-]+)`")


def saved() -> dict[str, str]:
    """Returns the queries by their names, without the name of the stack."""
    queries = Template.read("stacks/monitoring.yaml").resources(QUERY).values()
    return {
        it["Properties"]["Name"]["Fn::Sub"].removeprefix("${ParentStackName}/"): it["Properties"][
            "QueryString"
        ]
        for it in queries
    }


def rules(**parameters: str) -> dict[str, dict[str, Any]]:
    """Returns the bodies of the Contributor Insights rules."""
    template = Template.read("stacks/monitoring.yaml")
    stack = Stack(template, required(template) | parameters)
    return {
        name: json.loads(text(it["RuleBody"])) for name, it in stack.of_type(INSIGHT_RULE).items()
    }


def contributors(rule: dict[str, Any], lines: list[str]) -> collections.Counter[tuple[str, ...]]:
    """Counts the lines that match a rule, by the values of its keys.

    "Contributor Insights rule syntax": every filter has to match, and a line without a key does not
    count. Only filters with `In` are known.
    """
    counts: collections.Counter[tuple[str, ...]] = collections.Counter()
    for line in lines:
        fields = json.loads(line)
        values = [fields.get(key.removeprefix("$.")) for key in rule["Contribution"]["Keys"]]
        filters = rule["Contribution"]["Filters"]
        if None not in values and all(
            fields.get(it["Match"].removeprefix("$.")) in it["In"] for it in filters
        ):
            counts[tuple(values)] += 1
    return counts


def documented() -> dict[str, str]:
    """Returns the queries of the document, by the name in the text before each."""
    document = (PROJECT / DOCUMENT).read_text()
    found, end = {}, 0
    for block in BLOCK.finditer(document):
        names = NAME.findall(document[end : block.start()])
        if not names:
            raise ValueError(f"{DOCUMENT}: no name before the query `{block[1]}`")
        found[names[-1]] = block[1]
        end = block.end()
    return found


def questions() -> dict[str, str]:
    """Returns the name of the query that answers each question of the document."""
    document = (PROJECT / DOCUMENT).read_text()
    _, *parts = HEADING.split(document.split("\n## More queries")[0])
    return {
        question: NAME.findall(answer)[0]
        for question, answer in zip(parts[::2], parts[1::2], strict=True)
    }


def examples() -> dict[str, set[str]]:
    """Returns the columns of the examples of output in the document, by the name of their query."""
    document = (PROJECT / DOCUMENT).read_text()
    found = {}
    for block in BLOCK.finditer(document):
        name = NAME.findall(document[: block.start()])[-1]
        table = re.match(r"\n\n\| (.+) \|\n\|[-:| ]+\|\n", document[block.end() :])
        if table:
            found[name] = set(table[1].split(" | "))
    return found


def columns(query: str) -> set[str]:
    """Returns the columns of a query's output: those of `stats`, or the listed fields."""
    stats = re.search(r"^\| stats (.+?)\s+by (.+?)(?=\n\||\Z)", query, re.MULTILINE | re.DOTALL)
    if stats:
        return {*re.findall(r"\bas (\w+)", stats[1]), *re.split(r",\s*", stats[2])}
    (fields,) = re.findall(r"^fields (.+)$", query, re.MULTILINE)
    return set(fields.split(", "))
