"""The actions that the guide for platform teams lists for a permissions boundary."""

import re

from harness.paths import PROJECT

GUIDE = PROJECT / "docs/guides/platform-teams.md"
HEADING = "## Roles and their boundary\n"
CODE = re.compile(r"`([\w-]+:?\w*)`")


def boundary_actions() -> list[str]:
    """Returns the actions of list items such as "- `sqs:` `SendMessage` and `ReceiveMessage`"."""
    _, _, section = GUIDE.read_text().partition(HEADING)
    items = section.partition("\n## ")[0].split("\n- ")[1:]

    found = []
    for item in items:
        service = ""
        for word in CODE.findall(item):
            if word.endswith(":"):
                service = word
            elif ":" in word or service:
                found.append(word if ":" in word else service + word)
    return found
