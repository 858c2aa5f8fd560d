"""Templates as plain data, as written and as the SAM translator expands them."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import logging
import os
import pathlib
import re
from typing import Any, Callable

# The translator wants a region and asks nobody there.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from cfnlint.decode import decode_str  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

# It counts its own runs, and warns where nobody takes the numbers.
logging.getLogger("samtranslator").setLevel(logging.ERROR)
PROJECT = pathlib.Path(__file__).resolve().parents[2]
FUNCTION = "AWS::Serverless::Function"
# What `sam deploy` does to a folder before the translator sees it.
UPLOADED = "s3://uploaded/"


class _NoManagedPolicies:
    """Stands for a call of IAM: our policies are written out."""

    @staticmethod
    def load() -> dict[str, str]:
        return {}


@dataclasses.dataclass(frozen=True, eq=False)
class Template:
    """A template with the path that findings name. Nobody changes one: see `changed`."""

    path: str
    body: dict[str, Any]

    @classmethod
    def read(cls, path: str) -> Template:
        body, mistakes = decode_str((PROJECT / path).read_text())
        if mistakes:
            raise ValueError(f"{path}: {mistakes}")
        return cls(path, json.loads(json.dumps(body)))

    @classmethod
    def all(cls) -> list[Template]:
        examples = sorted(path.relative_to(PROJECT) for path in PROJECT.glob("examples/*.yaml"))
        return [cls.read("template.yaml"), *(cls.read(str(path)) for path in examples)]

    def changed(self, change: Callable[[dict[str, Any]], Any]) -> Template:
        """The same with a change, which nobody else sees."""
        body = copy.deepcopy(self.body)
        change(body)
        return Template(self.path, body)

    @property
    def parameters(self) -> dict[str, Any]:
        return self.body.get("Parameters", {})

    def resources(self, kind: str) -> dict[str, Any]:
        """As written, by logical id."""
        return {name: it for name, it in self.body["Resources"].items() if it["Type"] == kind}

    @functools.cached_property
    def read_by_sam(self) -> tuple[str, ...]:
        """The parameters that SAM may look into: those that its own resources refer to."""
        own = [it for it in self.body["Resources"].values() if it["Type"].startswith("AWS::Serverless::")]
        words = set(re.findall(r"\w+", json.dumps([own, self.body.get("Globals", {})])))
        return tuple(sorted(words & self.parameters.keys()))

    def expanded(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """As CloudFormation gets it."""
        if "Transform" not in self.body:
            return self.body
        return self._expanded(tuple((name, parameters[name]) for name in self.read_by_sam))

    @functools.lru_cache(maxsize=512)
    def _expanded(self, parameters: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
        body = copy.deepcopy(self.body)
        for function in self.resources(FUNCTION):
            properties = body["Resources"][function]["Properties"]
            properties["CodeUri"] = UPLOADED + properties["CodeUri"]
        return transform(body, dict(parameters), _NoManagedPolicies())


def walk(value: Any, path: tuple[Any, ...] = ()):
    """Every member with its path, from the outside to the inside."""
    yield path, value
    if isinstance(value, (dict, list)):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(member, (*path, key))


def place(*parts: Any) -> str:
    """How findings name a member."""
    return ".".join(str(part) for part in parts)
