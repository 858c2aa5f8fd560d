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
LEADING_KEYS = "dynamodb:LeadingKeys"


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
            for action, resource in sorted(stated(function)):
                if not covered((action, resource), grants):
                    said.append(f"{function}: {action} on {resource} is granted in no position")
    return said


def mistakes(position: Position, function: str, grants: set[Grant]) -> list[str]:
    wanted, needed = stated(function), stated(function, of_lambda=False)
    found = [f"{' on '.join(grant)} is granted, and no service file states it" for grant in sorted(grants - wanted)]
    missing = sorted(grant for grant in needed if not covered(grant, grants))
    found += [f"{' on '.join(grant)} is stated, and not granted" for grant in missing]
    found += mistakes_of_keys(position, function)
    found += mistakes_of_denials(position, function)
    role = position.resources[role_of(position, function)]["Properties"]
    strange = set(map(str, role.get("ManagedPolicyArns", []))) - MANAGED
    return found + [f"{arn} is attached" for arn in sorted(strange)]


def stated(function: str, of_lambda: bool = True) -> set[Grant]:
    """By the service files."""
    return {
        (action, resource)
        for statement in PACKAGES[function].statements()
        if of_lambda or not statement.of_lambda
        for action in statement.actions
        for resource in items(statement.resource)
    }


def items(resource: str) -> list[str]:
    """A table's kinds of items, one by one: `UsageTable key#*, sub#*` names two."""
    table, _, keys = resource.partition(" ")
    return [f"{table} {key}" for key in keys.split(", ")] if keys else [resource]


def covered(grant: Grant, grants: set[Grant]) -> bool:
    """True if the grant, or one for the whole table, is among `grants`."""
    action, resource = grant
    return grant in grants or (action, resource.partition(" ")[0]) in grants


def role_of(position: Position, function: str) -> str:
    return position.resources[function]["Properties"]["Role"].targets[0]


def granted(position: Position, function: str) -> set[Grant]:
    """By the function's role, in the words that service files use."""
    return {grant for statement in statements(position, function) for grant in grants_of(position, statement)}


def statements(position: Position, function: str) -> Iterator[dict[str, Any]]:
    """Every statement of the function's role."""
    role = position.body["Resources"][role_of(position, function)]["Properties"]
    for policy in role.get("Policies", []):
        for statement in chosen(position, policy["PolicyDocument"]["Statement"]):
            statement = chosen(position, statement)
            if statement is not ABSENT:
                yield statement


def mistakes_of_keys(position: Position, function: str) -> list[str]:
    """Conditions on partition keys that do not limit every request. `ForAllValues` is true for a request without any
    key, such as a Scan, unless `Null` refuses it."""
    found = []
    for statement in statements(position, function):
        condition = statement.get("Condition", {})
        if not leading_keys(statement):
            continue
        if condition.keys() != {"ForAllValues:StringLike", "Null"}:
            found.append(f"{statement['Sid']}: dynamodb:LeadingKeys needs ForAllValues:StringLike and Null")
        elif condition["Null"] != {LEADING_KEYS: "false"}:
            found.append(f"{statement['Sid']}: a request without a partition key passes")
    return found


def mistakes_of_denials(position: Position, function: str) -> list[str]:
    """What the managed policies allow and the function must not do: a late log line must not create a log group again, and
    only Lambda itself may touch network interfaces, which it does without a source function."""
    denied = {it["Action"]: it for it in statements(position, function) if it["Effect"] == "Deny"}
    found = []
    if "logs:CreateLogGroup" not in denied or "Condition" in denied["logs:CreateLogGroup"]:
        found.append("may create log groups")
    if denied.get("ec2:*", {}).get("Condition", {}).get("ArnLike", {}).keys() != {"lambda:SourceFunctionArn"}:
        found.append("may touch network interfaces")
    return found + [f"denies {action} on less than everything" for action, it in denied.items() if it["Resource"] != "*"]


def grants_of(position: Position, statement: dict[str, Any]) -> Iterator[Grant]:
    if statement["Effect"] != "Allow":
        return
    keys = leading_keys(statement)
    for resource in resources(position, statement["Resource"]):
        for action in listed(statement["Action"]):
            yield from ((action, f"{resource} {key}") for key in keys)
            if not keys:
                yield action, resource


def leading_keys(statement: dict[str, Any]) -> list[str]:
    """The partition keys that the statement is limited to; none if it is not limited."""
    for operator, operands in statement.get("Condition", {}).items():
        if operator != "Null" and LEADING_KEYS in operands:
            return listed(operands[LEADING_KEYS])
    return []


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
    name = re.sub(r"^arn:.*:table/(\w+)Name(?=/|$)", r"\1", name)
    return ROLES.get(name, name)
