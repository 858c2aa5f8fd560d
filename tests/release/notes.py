"""Prints the section of CHANGELOG.md for the current version: `python -m release.notes`."""

import re
import sys

from harness.paths import PROJECT
from release.version import version


def notes(changelog: str, number: str) -> str:
    """Returns the text below the heading of a version, up to the next version."""
    heading = rf"^## \[?{re.escape(number)}(?![.\w])[^\n]*\n(.*?)(?=^## |\Z)"
    section = re.search(heading, changelog, re.MULTILINE | re.DOTALL)
    if not section or not section[1].strip():
        sys.exit(f"CHANGELOG.md: the section {number} is missing or empty")
    return section[1].strip() + "\n"


if __name__ == "__main__":
    print(notes((PROJECT / "CHANGELOG.md").read_text(), version()), end="")
