"""Reads templates, and expands them with the SAM transform."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from harness.paths import PROJECT
from template import loops

# The SAM transform requires a region but calls no service.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from cfnlint.decode import decode_str  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

# Otherwise the SAM transform warns that its own metrics are not collected.
logging.getLogger("samtranslator").setLevel(logging.ERROR)
FUNCTION = "AWS::Serverless::Function"
# `sam deploy` replaces the path of a folder by an address like this before the transform.
UPLOAD_PREFIX = "s3://uploaded/"
# The values of parameters over which a template loops.
LOOPS = {
    "InterfaceEndpoints": "monitoring elasticloadbalancing logs sts kms ssm secretsmanager ecr.api ecr.dkr ecs ec2"
    " lambda events xray".split()
}


class _NoManagedPolicies:
    """Replaces a call of IAM, which is not needed: the templates contain their policies."""

    @staticmethod
    def load() -> dict[str, str]:
        return {}


@dataclasses.dataclass(frozen=True, eq=False)
class Template:
    """A template and its path in the project. It is never modified: `changed` returns a copy."""

    path: str
    body: dict[str, Any]
    # The parameters over which the template loops. `body` no longer refers to them.
    looped: frozenset[str] = frozenset()

    @classmethod
    @functools.cache
    def read(cls, path: str) -> Template:
        """Reads a template of the project. All tests share the result and what is cached with it."""
        body, errors = decode_str((PROJECT / path).read_text())
        if errors:
            raise ValueError(f"{path}: {errors}")
        body = json.loads(json.dumps(body))
        if body.get("Transform") == loops.LANGUAGE_EXTENSIONS:
            return cls(path, loops.expanded(body, LOOPS), loops.parameters(body))
        return cls(path, body)

    @classmethod
    def all(cls) -> list[Template]:
        others = [*PROJECT.glob("stacks/*.yaml"), *PROJECT.glob("examples/*.yaml")]
        paths = sorted(str(path.relative_to(PROJECT)) for path in others)
        return [cls.read("template.yaml"), *(cls.read(path) for path in paths)]

    def changed(self, change: Callable[[dict[str, Any]], Any]) -> Template:
        """Returns a changed copy."""
        body = copy.deepcopy(self.body)
        change(body)
        return Template(self.path, body, self.looped)

    @property
    def parameters(self) -> dict[str, Any]:
        return self.body.get("Parameters", {})

    def resources(self, type_: str) -> dict[str, Any]:
        """Returns the resources of a type as written, by logical ID."""
        return {name: it for name, it in self.body["Resources"].items() if it["Type"] == type_}

    @functools.cached_property
    def transform_parameters(self) -> tuple[str, ...]:
        """The parameters that the transform may read: those that SAM's resources refer to."""
        resources = [
            it
            for it in self.body["Resources"].values()
            if it["Type"].startswith("AWS::Serverless::")
        ]
        words = set(re.findall(r"\w+", json.dumps([resources, self.body.get("Globals", {})])))
        return tuple(sorted(words & self.parameters.keys()))

    def expanded(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Returns the template after the SAM transform. Equal results are the same object."""
        if "Transform" not in self.body:
            return self.body
        return self._expanded(tuple((name, parameters[name]) for name in self.transform_parameters))

    @functools.lru_cache(maxsize=512)
    def _expanded(self, parameters: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
        body = copy.deepcopy(self.body)
        for function in self.resources(FUNCTION):
            properties = body["Resources"][function]["Properties"]
            properties["CodeUri"] = UPLOAD_PREFIX + properties["CodeUri"]
        return transform(body, dict(parameters), _NoManagedPolicies())


def walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yields a value and all values inside it, each with its path. Containers come before their
    content.
    """
    yield path, value
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(item, (*path, key))


def dotted(*path: Any) -> str:
    """Formats a path as findings show it."""
    return ".".join(str(part) for part in path)
