"""Helpers that break a template in memory, to test that each check finds the error it is made for."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

from template.parameter_sets import everything_on
from template.stack import Stack
from template.templates import Template

TEMPLATE = Template.read("template.yaml")
Change = Callable[[dict[str, Any]], Any]


def at(body: dict[str, Any], *path: Any) -> Any:
    for part in path:
        body = body[part]
    return body


def with_property(resource: str, *path: Any, value: Any) -> Change:
    """Returns a change that sets a property of a resource."""

    def change(body: dict[str, Any]) -> None:
        at(body, "Resources", resource, "Properties", *path[:-1])[path[-1]] = value

    return change


class BrokenTemplateCase(unittest.TestCase):
    def assert_found(self, findings: list[str], *words: str) -> None:
        """Fails unless one of the findings contains all words."""
        self.assertTrue(
            any(all(word in finding for word in words) for finding in findings), findings
        )

    def findings_with_everything_on(
        self, change: Change, check: Callable[[Stack], list[str]]
    ) -> list[str]:
        template = TEMPLATE.changed(change)
        return check(Stack(template, everything_on(template)))
