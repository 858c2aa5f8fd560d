"""Expands `Fn::ForEach` of the transform AWS::LanguageExtensions, as far as the stacks use it."""

from __future__ import annotations

import re
from typing import Any

LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
PREFIX = "Fn::ForEach::"


def expanded(body: dict[str, Any], lists: dict[str, list[str]]) -> dict[str, Any]:
    """Returns a template with a copy of each loop's content per item. `lists` has the values of the
    parameters over which loops run.
    """
    resources: dict[str, Any] = {}
    for name, it in body["Resources"].items():
        if not name.startswith(PREFIX):
            resources[name] = it
            continue

        identifier, collection, content = it
        for item in lists[collection["Ref"]]:
            resources |= {_logical_id(key, identifier, item): _with_item(value, identifier, item)
                          for key, value in content.items()}

    rest = {name: it for name, it in body.items() if name != "Transform"}
    return {**rest, "Resources": resources}


def parameters(body: dict[str, Any]) -> frozenset[str]:
    """Returns the parameters over which a template loops."""
    loops = [it for name, it in body["Resources"].items() if name.startswith(PREFIX)]
    return frozenset(collection["Ref"] for _, collection, _ in loops)


def _logical_id(key: str, identifier: str, item: str) -> str:
    """Replaces `&{Identifier}` by the item without the characters that a logical ID cannot have."""
    return key.replace(f"&{{{identifier}}}", re.sub(r"[^A-Za-z0-9]", "", item))


def _with_item(value: Any, identifier: str, item: str) -> Any:
    if isinstance(value, list):
        return [_with_item(it, identifier, item) for it in value]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": identifier}:
        return item
    return {
        name: it.replace(f"${{{identifier}}}", item)
        if name == "Fn::Sub" and isinstance(it, str)
        else _with_item(it, identifier, item)
        for name, it in value.items()
    }
