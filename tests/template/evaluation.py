"""What a template comes to in one position of its parameters, as far as that is known before a deployment."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from typing import Any, Callable

from .document import Template, walk

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/tollgate/1",
    "AWS::StackName": "tollgate",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NotificationARNs": [],
}
VARIABLE = re.compile(r"\$\{([^!}]+)\}")


@dataclasses.dataclass(frozen=True)
class Unknown:
    """What only a deployed stack knows: as text, and the resources that it is made of."""

    text: str
    targets: tuple[str, ...] = ()


class _Absent:
    """AWS::NoValue."""


ABSENT = _Absent()


class EvaluationError(Exception):
    """An intrinsic function that is wrong, or that nobody here knows."""


def typed(parameter: dict[str, Any], value: Any) -> Any:
    """A parameter's value as `Ref` gives it."""
    if parameter["Type"] == "Number":
        return int(value) if float(value).is_integer() else float(value)
    if parameter["Type"].startswith("List<") or parameter["Type"] == "CommaDelimitedList":
        return [part.strip() for part in str(value).split(",")]
    if parameter["Type"].startswith("AWS::SSM::Parameter::Value"):
        return Unknown(f"ssm:{value}")
    return str(value)


class Position:
    """A template in one position. `parameters` overrides defaults; what has none has to be there."""

    def __init__(self, template: Template, parameters: dict[str, Any]) -> None:
        defaults = {name: it["Default"] for name, it in template.parameters.items() if "Default" in it}
        missing = template.parameters.keys() - defaults.keys() - parameters.keys()
        if missing:
            raise EvaluationError(f"{template.path}: no value for {sorted(missing)}")
        self.template = template
        self.overrides = dict(parameters)
        self.given = {**defaults, **parameters}
        self.values = {name: typed(it, self.given[name]) for name, it in template.parameters.items()}
        self._conditions: dict[str, bool] = {}

    @functools.cached_property
    def body(self) -> dict[str, Any]:
        """The expanded template, unresolved."""
        return self.template.expanded(self.given)

    @functools.cached_property
    def present(self) -> set[str]:
        """The resources whose condition holds."""
        return {name for name, it in self.body["Resources"].items() if self.exists(it)}

    @functools.cached_property
    def resources(self) -> dict[str, Any]:
        """Those, resolved."""
        return {name: self.resolve(it) for name, it in self.body["Resources"].items() if name in self.present}

    @functools.cached_property
    def outputs(self) -> dict[str, Any]:
        return {name: self.resolve(it) for name, it in self.body.get("Outputs", {}).items() if self.exists(it)}

    def exists(self, resource: dict[str, Any]) -> bool:
        return "Condition" not in resource or self.condition(resource["Condition"])

    def of_type(self, kind: str) -> dict[str, Any]:
        """The resolved properties of the resources of a type."""
        return {name: it.get("Properties", {}) for name, it in self.resources.items() if it["Type"] == kind}

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            conditions = self.body.get("Conditions", {})
            if name not in conditions:
                raise EvaluationError(f"no condition {name}")
            self._conditions[name] = self.holds(conditions[name])
        return self._conditions[name]

    def holds(self, expression: Any) -> bool:
        """A condition's or a rule's expression."""
        (function, arguments), = expression.items()
        logic: dict[str, Callable[[Any], bool]] = {
            "Condition": self.condition,
            "Fn::And": lambda parts: all([self.holds(part) for part in parts]),
            "Fn::Or": lambda parts: any([self.holds(part) for part in parts]),
            "Fn::Not": lambda parts: not self.holds(parts[0]),
            "Fn::Equals": lambda parts: self.equal(*parts),
            "Fn::Contains": lambda parts: self.resolve(parts[1]) in self.resolve(parts[0]),
            "Fn::EachMemberEquals": lambda parts: all(it == self.resolve(parts[1]) for it in self.resolve(parts[0])),
            "Fn::EachMemberIn": lambda parts: set(self.resolve(parts[0])) <= set(self.resolve(parts[1])),
        }
        if function not in logic:
            raise EvaluationError(f"{function} is no function of a condition")
        return logic[function](arguments)

    def equal(self, left: Any, right: Any) -> bool:
        left, right = self.resolve(left), self.resolve(right)
        if isinstance(left, (Unknown, list)) or isinstance(right, (Unknown, list)):
            raise EvaluationError(f"Fn::Equals compares text, not {left!r} with {right!r}")
        return str(left) == str(right)

    def resolve(self, value: Any) -> Any:
        """A value without the functions that are known, and without what is absent."""
        if isinstance(value, list):
            members = [self.resolve(member) for member in value]
            return [member for member in members if member is not ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, arguments), = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self.function(name, arguments)
        members = {key: self.resolve(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not ABSENT}

    def function(self, name: str, arguments: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self.reference,
            "Fn::GetAtt": self.attribute,
            "Fn::If": lambda parts: self.resolve(parts[1] if self.condition(parts[0]) else parts[2]),
            "Fn::Sub": self.substitute,
            "Fn::Join": self.join,
            "Fn::Split": lambda parts: self.known(parts, lambda by, text: text.split(by)),
            "Fn::Select": lambda parts: self.known(parts, lambda index, members: members[int(index)]),
            "Fn::FindInMap": self.mapped,
        }
        if name in functions:
            return functions[name](arguments)
        if name in ("Fn::GetAZs", "Fn::ImportValue", "Fn::Base64", "Fn::Cidr"):
            return self.unknown(name, self.resolve(arguments))
        raise EvaluationError(f"{name} is a function that nobody here knows")

    def reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return ABSENT
        if name in PSEUDO:
            return PSEUDO[name]
        return self.values[name] if name in self.values else Unknown(f"${{{name}}}", (name,))

    @staticmethod
    def attribute(arguments: Any) -> Unknown:
        resource, attribute = arguments.split(".", 1) if isinstance(arguments, str) else arguments
        return Unknown(f"${{{resource}.{attribute}}}", (resource,))

    def substitute(self, arguments: Any) -> Any:
        text, own = (arguments, {}) if isinstance(arguments, str) else arguments
        targets: list[str] = []

        def value(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name in own:
                found = self.resolve(own[name])
            else:
                found = self.attribute(name) if "." in name else self.reference(name)
            if isinstance(found, Unknown):
                targets.extend(found.targets or ("",))
                return found.text
            return str(found)

        replaced = VARIABLE.sub(value, text)
        return Unknown(replaced, tuple(filter(None, targets))) if targets else replaced.replace("${!", "${")

    def join(self, arguments: Any) -> Any:
        by, members = self.resolve(arguments[0]), self.resolve(arguments[1])
        if isinstance(members, Unknown) or any(isinstance(member, Unknown) for member in members):
            return self.unknown("Fn::Join", members)
        return by.join(str(member) for member in members)

    def known(self, arguments: Any, of: Callable[..., Any]) -> Any:
        arguments = self.resolve(arguments)
        if any(isinstance(member, Unknown) for _, member in walk(arguments)):
            return self.unknown("Fn", arguments)
        return of(*arguments)

    def mapped(self, arguments: Any) -> Any:
        name, first, second = self.resolve(arguments)
        try:
            return self.resolve(self.body["Mappings"][name][str(first)][str(second)])
        except KeyError as missing:
            raise EvaluationError(f"Fn::FindInMap {name}, {first}, {second}: no {missing}") from missing

    @staticmethod
    def unknown(function: str, arguments: Any) -> Unknown:
        inside = [member for _, member in walk(arguments) if isinstance(member, Unknown)]
        targets = tuple(target for member in inside for target in member.targets)
        return Unknown(f"{function} {json.dumps(arguments, default=lambda it: it.text)}", targets)


def grouped(found: list[tuple[str, str]]) -> list[str]:
    """Each mistake once, with the first position in which it is made and how many more there are."""
    places: dict[str, list[str]] = {}
    for label, mistake in found:
        places.setdefault(mistake, []).append(label)
    more = {mistake: f" and {len(labels) - 1} more" if len(labels) > 1 else "" for mistake, labels in places.items()}
    return [f"{mistake} ({labels[0]}{more[mistake]})" for mistake, labels in places.items()]
