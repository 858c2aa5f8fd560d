"""IAM: each function may do what its service files state, and nothing else, in every position."""

from __future__ import annotations

import re
from typing import Any, Iterator

from .document import Template
from .evaluation import ABSENT, Position, grouped
from .positions import all_positions
from .sources import PACKAGES

# What the logs of a function, and one in a VPC, need: Lambda's own managed policies.
MANAGED = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
}
ROLES = {
    "SyncTargetGroupArns": "TargetGroups",
    "NlbTargetGroup": "TargetGroups",
    "NlbTargets": "TargetGroups",
}
Grant = tuple[str, str]


def findings(template: Template) -> list[str]:
    found: list[tuple[str, str]] = []
    granted_anywhere: dict[str, set[Grant]] = {}
    for label, position in all_positions(template):
        for function in sorted(PACKAGES.keys() & position.present):
            grants = granted(position, function)
            granted_anywhere.setdefault(function, set()).update(grants)
            found += [(label, f"{function}: {mistake}") for mistake in mistakes(position, function, grants)]
    said = grouped(found)
    if template.path == "template.yaml":
        for function, grants in granted_anywhere.items():
            for action, resource in sorted(stated(function) - grants):
                said.append(f"{function}: {action} on {resource} is granted in no position")
    return said


def mistakes(position: Position, function: str, grants: set[Grant]) -> list[str]:
    wanted, needed = stated(function), stated(function, of_lambda=False)
    found = [f"{' on '.join(grant)} is granted, and no service file states it" for grant in sorted(grants - wanted)]
    found += [f"{' on '.join(grant)} is stated, and not granted" for grant in sorted(needed - grants)]
    role = position.resources[role_of(position, function)]["Properties"]
    strange = set(map(str, role.get("ManagedPolicyArns", []))) - MANAGED
    return found + [f"{arn} is attached" for arn in sorted(strange)]


def stated(function: str, of_lambda: bool = True) -> set[Grant]:
    """By the service files."""
    return {
        (action, statement.resource)
        for statement in PACKAGES[function].statements()
        if of_lambda or not statement.of_lambda
        for action in statement.actions
    }


def role_of(position: Position, function: str) -> str:
    return position.resources[function]["Properties"]["Role"].targets[0]


def granted(position: Position, function: str) -> set[Grant]:
    """By the function's role, in the words that service files use."""
    role = position.body["Resources"][role_of(position, function)]["Properties"]
    found = set()
    for policy in role.get("Policies", []):
        for statement in chosen(position, policy["PolicyDocument"]["Statement"]):
            statement = chosen(position, statement)
            if statement is not ABSENT:
                found |= set(grants_of(position, statement))
    return found


def grants_of(position: Position, statement: dict[str, Any]) -> Iterator[Grant]:
    if statement["Effect"] != "Allow":
        return
    keys = leading_keys(statement)
    for resource in resources(position, statement["Resource"]):
        for action in listed(statement["Action"]):
            yield action, f"{resource} {keys}".strip()


def leading_keys(statement: dict[str, Any]) -> str:
    """Which items alone, where that is narrowed."""
    for operands in statement.get("Condition", {}).values():
        if "dynamodb:LeadingKeys" in operands:
            return ", ".join(listed(operands["dynamodb:LeadingKeys"]))
    return ""


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def chosen(position: Position, value: Any) -> Any:
    """The branch that holds. Names stay names."""
    while isinstance(value, dict) and value.keys() == {"Fn::If"}:
        condition, yes, no = value["Fn::If"]
        value = yes if position.condition(condition) else no
    if value == {"Ref": "AWS::NoValue"}:
        return ABSENT
    return value


def resources(position: Position, value: Any) -> list[str]:
    value = chosen(position, value)
    if value is ABSENT:
        return []
    if isinstance(value, list):
        return [name for member in value for name in resources(position, member)]
    return [named(value)]


def named(resource: Any) -> str:
    """By the logical id, or by what an example's parameter stands for."""
    if isinstance(resource, str):
        return resource
    (function, argument), = resource.items()
    if function == "Fn::GetAtt":
        name = argument[0] if isinstance(argument, list) else argument.removesuffix(".Arn")
    else:
        name = argument if isinstance(argument, str) else argument[0]
    name = re.sub(r"\$\{(\w+)(?:\.Arn)?\}", r"\1", name)
    name = re.sub(r"^arn:.*:table/(\w+)Name$", r"\1", name)
    return ROLES.get(name, name)
