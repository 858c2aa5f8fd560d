"""The saved queries of stacks/monitoring.yaml and their copies in docs/operations/observing.md."""

from __future__ import annotations

import re

from harness.paths import PROJECT
from template.templates import Template

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
