"""Finds the JavaScript libraries that a program contains: those of the web console.

`tests/tools/vendor_console.mjs` copies them, and writes their names, versions and licences into the
file that is read here.
"""

import pathlib
import re
from typing import NamedTuple

LICENCES = pathlib.Path("assets", "vendor", "LICENSES.txt")
RULE = "\n" + "-" * 80 + "\n"
TITLE = re.compile(r"(?P<name>\S+) (?P<version>\S+) \((?P<licence>[^)]+)\)")


class Library(NamedTuple):
    """A library from the npm registry, with the text of its licence."""

    name: str
    version: str
    licence: str
    text: str


def libraries(folder: pathlib.Path) -> list[Library]:
    """Returns the libraries in the package of a folder, none if it has no copies."""
    path = folder / LICENCES
    if not path.exists():
        return []
    return [_library(part.strip()) for part in path.read_text().split(RULE)]


def _library(part: str) -> Library:
    title, _, text = part.partition("\n")
    found = TITLE.fullmatch(title)
    if not found:
        raise ValueError(f"{LICENCES}: expected `name version (licence)`, not {title!r}")
    return Library(found["name"], found["version"], found["licence"], text.strip())
