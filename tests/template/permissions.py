"""IAM: each function has the permissions that its service files state, and no others, in every
stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from template.parameter_sets import all_stacks
from template.rust_sources import PACKAGES
from template.stack import Stack, grouped
from template.templates import Template

# Lambda's managed policies for logs and for functions in a VPC.
ALLOWED_MANAGED_POLICIES = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
}
# Names in policies for the resources that service files call by another name.
RESOURCE_NAMES = {
    "SyncTargetGroupArns": "TargetGroups",
    "TargetGroupArn": "TargetGroups",
    "NlbTargetGroup": "TargetGroups",
    "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default": "DefaultEventBus",
}
# An action and a resource, in the words of service files.
Grant = tuple[str, str]
# "Giving Lambda functions access to resources in an Amazon VPC": the execution role.
NETWORK_INTERFACE_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
LEADING_KEYS = "dynamodb:LeadingKeys"
# PutItem is needed to write a record.
AUDIT_DENIALS = ("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem")


# "Sending trace data to X-Ray": the execution role.
TRACING_ACTIONS = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
# Items of an encrypted table, messages for an encrypted queue, and the function's settings.
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")


def findings(template: Template) -> list[str]:
    found: list[tuple[str, str]] = []
    granted_anywhere: dict[str, set[Grant]] = {}
    for label, stack in all_stacks(template):
        for function in sorted(PACKAGES.keys() & stack.resources.keys()):
            grants = granted(stack, function)
            granted_anywhere.setdefault(function, set()).update(grants)
            found += [
                (label, f"{function}: {error}")
                for error in permission_errors(stack, function, grants)
            ]

    errors = grouped(found)
    if template.path == "template.yaml":
        for function, grants in granted_anywhere.items():
            for action, resource in sorted(stated(function)):
                if not covered((action, resource), grants):
                    errors.append(f"{function}: {action} on {resource} is not granted in any stack")
    return errors


def permission_errors(stack: Stack, function: str, grants: set[Grant]) -> list[str]:
    own = lambda_grants(stack, function)
    allowed, needed = stated(function) | own, stated(function, include_lambda=False) | own
    found = [
        f"{' on '.join(grant)} is granted, but no service file states it"
        for grant in sorted(grants - allowed)
    ]
    missing = sorted(grant for grant in needed if not covered(grant, grants))
    found += [f"{' on '.join(grant)} is stated, but not granted" for grant in missing]
    found += condition_errors(stack, function)
    found += denial_errors(stack, function)

    role = stack.resources[role_of(stack, function)]["Properties"]
    unexpected = set(map(str, role.get("ManagedPolicyArns", []))) - ALLOWED_MANAGED_POLICIES
    return found + [f"{arn} is attached" for arn in sorted(unexpected)]


def stated(function: str, include_lambda: bool = True) -> set[Grant]:
    """Returns the grants that service files state, with or without those that Lambda itself needs."""
    return {
        (action, resource)
        for statement in PACKAGES[function].statements()
        if include_lambda or not statement.is_for_lambda
        for action in statement.actions
        for resource in items(statement.resource)
        if not is_unread(function, resource)
    }


def is_unread(function: str, resource: str) -> bool:
    """True if a function does not read this part of the registry, which a shared file states."""
    table, _, key = resource.partition(" ")
    return table == "RegistryTable" and key in PACKAGES[function].unread


def lambda_grants(stack: Stack, function: str) -> set[Grant]:
    """Returns the grants that a function needs for its log, its place in a VPC, traces and the key of
    the stack. A managed policy of Lambda can contain the first two.
    """
    if "ManagedPolicyArns" in stack.resources[role_of(stack, function)]["Properties"]:
        return set()
    properties = stack.resources[function]["Properties"]
    (log_group,) = properties["LoggingConfig"]["LogGroup"].targets
    grants = {(action, log_group) for action in ("logs:CreateLogStream", "logs:PutLogEvents")}
    if "VpcConfig" in properties:
        grants |= {(action, "*") for action in NETWORK_INTERFACE_ACTIONS}
    if stack.given.get("Tracing") == "Active":
        grants |= {(action, "*") for action in TRACING_ACTIONS}
    if stack.given.get("KmsKeyArn"):
        grants |= {(action, "KmsKeyArn") for action in KEY_ACTIONS}
    return grants


def items(resource: str) -> list[str]:
    """Splits a table's partition keys: `UsageTable key#*, sub#*` becomes two resources."""
    table, _, keys = resource.partition(" ")
    return [f"{table} {key}" for key in keys.split(", ")] if keys else [resource]


def covered(grant: Grant, grants: set[Grant]) -> bool:
    """True if the grant, or the same action on the whole table, is among `grants`."""
    action, resource = grant
    return grant in grants or (action, resource.partition(" ")[0]) in grants


def role_of(stack: Stack, function: str) -> str:
    return stack.resources[function]["Properties"]["Role"].targets[0]


def granted(stack: Stack, function: str) -> set[Grant]:
    """Returns the grants of the function's role."""
    return {
        grant for statement in statements(stack, function) for grant in grants_of(stack, statement)
    }


def statements(stack: Stack, function: str) -> Iterator[dict[str, Any]]:
    """Yields every statement of the function's role. References stay as they are written."""
    role = role_of(stack, function)
    written = stack.body["Resources"]
    attached = [
        written[name]["Properties"]
        for name, it in stack.of_type("AWS::IAM::Policy").items()
        if any(role in reference.targets for reference in it["Roles"])
    ]
    for policy in [*written[role]["Properties"].get("Policies", []), *attached]:
        for statement in choose(stack, policy["PolicyDocument"]["Statement"]):
            statement = choose(stack, statement)
            if statement is not None:
                yield statement


def condition_errors(stack: Stack, function: str) -> list[str]:
    """Finds conditions on partition keys that do not apply to every request.

    `ForAllValues` is true for a request without a key, such as a Scan, unless `Null` denies it.
    """
    found = []
    for statement in statements(stack, function):
        condition = statement.get("Condition", {})
        if statement["Effect"] != "Allow" or not leading_keys(statement):
            continue
        if condition.keys() != {"ForAllValues:StringLike", "Null"}:
            found.append(
                f"{statement['Sid']}: dynamodb:LeadingKeys needs ForAllValues:StringLike and Null"
            )
        elif condition["Null"] != {LEADING_KEYS: "false"}:
            found.append(f"{statement['Sid']}: a request without a partition key is allowed")
    return found


def denial_errors(stack: Stack, function: str) -> list[str]:
    """Checks that the role denies what it allows and the function itself must not do.

    A late log line must not create a deleted log group again, which a managed policy allows. Only
    Lambda itself, which sends no source function, may change network interfaces.
    """
    denied = {
        action: it
        for it in statements(stack, function)
        if it["Effect"] == "Deny"
        for action in as_list(it["Action"])
    }
    found = audit_errors(denied) if function == "LimiterFunction" else []
    has_managed_policy = (
        "ManagedPolicyArns" in stack.resources[role_of(stack, function)]["Properties"]
    )
    manages_interfaces = any(
        action.startswith("ec2:") for action, _ in granted(stack, function)
    )
    if has_managed_policy and (
        "logs:CreateLogGroup" not in denied or "Condition" in denied["logs:CreateLogGroup"]
    ):
        found.append("can create log groups")
    if (has_managed_policy or manages_interfaces) and denied.get("ec2:*", {}).get(
        "Condition", {}
    ).get("ArnLike", {}).keys() != {"lambda:SourceFunctionArn"}:
        found.append("can change network interfaces")
    return found + [
        f"denies {action} only on some resources"
        for action, it in denied.items()
        if it["Resource"] != "*"
    ]


def audit_errors(denied: dict[str, dict[str, Any]]) -> list[str]:
    """Checks that the role denies every change of an audit record that IAM can distinguish."""
    expected = {"ForAnyValue:StringLike": {LEADING_KEYS: ["audit#*"]}}
    return [
        f"can use {action} on audit records"
        for action in AUDIT_DENIALS
        if denied.get(action, {}).get("Condition") != expected
    ]


def grants_of(stack: Stack, statement: dict[str, Any]) -> Iterator[Grant]:
    if statement["Effect"] != "Allow":
        return
    keys = leading_keys(statement)
    for resource in resources(stack, statement["Resource"]):
        for action in as_list(statement["Action"]):
            yield from ((action, f"{resource} {key}") for key in keys)
            if not keys:
                yield action, resource


def leading_keys(statement: dict[str, Any]) -> list[str]:
    """Returns the partition keys that a statement is limited to, or an empty list if it is not
    limited.
    """
    for operator, operands in statement.get("Condition", {}).items():
        if operator != "Null" and LEADING_KEYS in operands:
            return as_list(operands[LEADING_KEYS])
    return []


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def choose(stack: Stack, value: Any) -> Any:
    """Evaluates `Fn::If` at the top of a value. `AWS::NoValue` becomes None. References stay as
    they are written.
    """
    while isinstance(value, dict) and value.keys() == {"Fn::If"}:
        condition, yes, no = value["Fn::If"]
        value = yes if stack.conditions[condition] else no
    return None if value == {"Ref": "AWS::NoValue"} else value


def resources(stack: Stack, value: Any) -> list[str]:
    value = choose(stack, value)
    if value is None:
        return []
    if isinstance(value, list):
        return [name for item in value for name in resources(stack, item)]
    return [resource_name(value)]


def resource_name(resource: Any) -> str:
    """Returns the logical ID, or the name of the table that an example's parameter stands for."""
    if isinstance(resource, str):
        return resource
    ((function, argument),) = resource.items()
    if function == "Fn::GetAtt":
        name = argument[0] if isinstance(argument, list) else argument.removesuffix(".Arn")
    else:
        name = argument if isinstance(argument, str) else argument[0]
    name = re.sub(r"\$\{(\w+)(?:\.Arn)?\}", r"\1", name)
    name = re.sub(r"^arn:.*:table/(\w+)Name(?=/|$)", r"\1", name)
    return RESOURCE_NAMES.get(name, name)
