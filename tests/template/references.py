"""References to resources that do not exist in a stack, and empty strings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from template.stack import EvaluationError, Stack, Unknown
from template.templates import dotted, walk

# Properties in which an empty string has a meaning.
MAY_BE_EMPTY = {
    ("Environment", "Variables"),  # the functions treat an empty variable as not set
    ("NotificationARNs",),
    ("Parameters",),  # of a nested stack
}
# These properties contain documents with their own rules about empty strings.
DOCUMENTS = ("Body", "DefinitionBody")


def findings(stack: Stack) -> list[str]:
    try:
        return [*dangling_references(stack), *empty_strings(stack)]
    except EvaluationError as error:
        return [str(error)]


def dangling_references(stack: Stack) -> list[str]:
    defined = stack.body["Resources"].keys()
    found = []
    for section, entries in (("Resources", stack.resources), ("Outputs", stack.outputs)):
        for path, target in targets(entries):
            if target not in defined:
                found.append(f"{section}.{dotted(*path)}: there is no {target}")
            elif target not in stack.resources:
                found.append(f"{section}.{dotted(*path)}: the condition of {target} is false")
    return found


def targets(entries: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yields each referenced resource with the path of the reference."""
    for path, value in walk(entries):
        if isinstance(value, Unknown):
            yield from ((path, target) for target in value.targets)
        if len(path) == 2 and path[1] == "DependsOn":
            yield from ((path, target) for target in ([value] if isinstance(value, str) else value))


def empty_strings(stack: Stack) -> list[str]:
    found = []
    for name, resource in stack.resources.items():
        for path, value in walk(resource.get("Properties", {})):
            is_allowed = any(path[: len(allowed)] == allowed for allowed in MAY_BE_EMPTY)
            is_document = bool(path) and path[0] in DOCUMENTS
            if value in ("", [""]) and not is_allowed and not is_document:
                found.append(f"{name}.{dotted(*path)}: empty")
    return found
