"""Builds a table of the actions that a deploying principal needs, from the resource types of the
template and the schemas of CloudFormation.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from doc_tables.markdown_table import table
from harness.paths import PROJECT
from template.parameter_sets import everything_on
from template.stack import Stack
from template.templates import Template

REGION = "us-east-1"
HANDLERS = ("create", "read", "update", "delete")
# Services that schemas name for properties that the template does not use.
OTHER_SERVICES = {
    "cognito-idp",
    "elasticfilesystem",
    "firehose",
    "kinesis",
    "s3files",
    "vpc-lattice",
    "vpce",
}
# Policies of users and groups, and items of tables, which a deployment does not touch, and names that
# are not actions of IAM.
NO_ACTION = re.compile(
    r"iam:\w+(?:User|Group)Policy|dynamodb:(?:\w+Item|Query|Scan)"
    r"|s3:GetObjectMetadata|s3:getObject|apigateway:unTagResource"
)
ACTION = re.compile(r"[\w-]+:[A-Za-z]\w*")
# What no schema names: change sets and packages of `sam deploy`, access logs ("Configure logging for
# HTTP APIs"), and the secret of a deleted connection.
OTHER_ACTIONS = {
    *(
        f"cloudformation:{name}"
        for name in (
            "CreateChangeSet",
            "DeleteChangeSet",
            "DeleteStack",
            "DescribeChangeSet",
            "DescribeStackEvents",
            "DescribeStacks",
            "ExecuteChangeSet",
            "GetTemplate",
            "GetTemplateSummary",
        )
    ),
    *(
        f"logs:{name}LogDelivery"
        for name in ("Create", "Delete", "Get", "Update")
    ),
    "logs:ListLogDeliveries",
    "s3:PutObject",
    "secretsmanager:DeleteSecret",
}


def tables() -> dict[str, str]:
    """Returns one table with a row per service."""
    by_service = collections.defaultdict(list)
    for action in sorted(actions(Template.read("template.yaml"))):
        service, _, name = action.partition(":")
        by_service[service].append(name)
    rows = [[f"`{service}`", ", ".join(names)] for service, names in by_service.items()]
    return {"permissions": table(["service", "actions"], rows)}


def actions(template: Template) -> set[str]:
    """Returns the actions for all resources of a template."""
    named = {action for type_ in types(template) for action in schema_actions(type_)}
    return OTHER_ACTIONS | {
        action
        for action in named
        if ACTION.fullmatch(action)
        and not NO_ACTION.fullmatch(action)
        and action.partition(":")[0] not in OTHER_SERVICES
    }


def types(template: Template) -> set[str]:
    """Returns the types of a template's resources after the SAM transform, and of nested stacks."""
    resources = Stack(template, everything_on(template)).body["Resources"].values()
    found = {it["Type"] for it in resources}
    for nested in template.resources("AWS::CloudFormation::Stack").values():
        path = nested["Properties"]["TemplateURL"]
        if isinstance(path, str) and (PROJECT / path).is_file():
            found |= types(Template.read(path))
    return found


def schema_actions(type_: str) -> Iterator[str]:
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_).schema["handlers"]
    for name in HANDLERS:
        yield from handlers.get(name, {}).get("permissions", [])
