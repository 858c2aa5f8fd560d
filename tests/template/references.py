"""What refers to something that is not there in a position, and texts that are empty there."""

from __future__ import annotations

from typing import Any

from .document import place, walk
from .evaluation import EvaluationError, Position, Unknown

# Empty texts that mean something.
MAY_BE_EMPTY = {
    ("Environment", "Variables"),  # a function takes an empty setting for none
    ("NotificationARNs",),
}


def findings(position: Position) -> list[str]:
    try:
        return [*dangling(position), *empty(position)]
    except EvaluationError as error:
        return [str(error)]


def dangling(position: Position) -> list[str]:
    known = position.body["Resources"].keys()
    found = []
    for section, members in (("Resources", position.resources), ("Outputs", position.outputs)):
        for path, target in targets(members):
            if target not in known:
                found.append(f"{section}.{place(*path)}: there is no {target}")
            elif target not in position.present:
                found.append(f"{section}.{place(*path)}: {target} is not there in this position")
    return found


def targets(members: dict[str, Any]):
    """Everything that is referred to, with its place."""
    for path, value in walk(members):
        if isinstance(value, Unknown):
            yield from ((path, target) for target in value.targets)
        if len(path) == 2 and path[1] == "DependsOn":
            yield from ((path, target) for target in ([value] if isinstance(value, str) else value))


def empty(position: Position) -> list[str]:
    found = []
    for name, resource in position.resources.items():
        for path, value in walk(resource.get("Properties", {})):
            allowed = any(path[: len(place_of)] == place_of for place_of in MAY_BE_EMPTY)
            if value in ("", [""]) and not allowed and not within_json(position, name, path):
                found.append(f"{name}.{place(*path)}: empty")
    return found


def within_json(position: Position, name: str, path: tuple[Any, ...]) -> bool:
    """Documents of other languages have their own notion of what may be empty."""
    return bool(path) and path[0] in ("Body", "DefinitionBody")
