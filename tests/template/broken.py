"""The template, broken on purpose in memory, so that each check is seen to name the mistake that it is there for."""

from __future__ import annotations

import unittest
from typing import Any, Callable

from .document import Template
from .evaluation import Position
from .positions import together

TEMPLATE = Template.read("template.yaml")
Change = Callable[[dict[str, Any]], Any]


def at(body: dict[str, Any], *path: Any) -> Any:
    for part in path:
        body = body[part]
    return body


def of(resource: str, *path: Any, value: Any) -> Change:
    """Sets a property of a resource."""

    def change(body: dict[str, Any]) -> None:
        at(body, "Resources", resource, "Properties", *path[:-1])[path[-1]] = value

    return change


class Broken(unittest.TestCase):
    def named(self, found: list[str], *words: str) -> None:
        self.assertTrue(any(all(word in it for word in words) for it in found), found)

    def all_on(self, change: Change, check: Callable[[Position], list[str]]) -> list[str]:
        """What a check finds with everything switched on."""
        template = TEMPLATE.changed(change)
        return check(Position(template, together(template)))
