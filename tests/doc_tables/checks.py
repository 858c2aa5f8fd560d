"""Writes one section per check of `tollgate check`, and the IAM policy for all of them."""

from __future__ import annotations

import json
import subprocess
import textwrap
from typing import Any

from harness.paths import EVALUATOR

COLUMNS = 118
# What the command itself reads before the checks of a stack.
OWN_ACTIONS = {
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
}
ADMINISTRATION = "execute-api:Invoke"
# Actions that read the contents of objects, and the resources that the checks need.
RESOURCES = {
    ADMINISTRATION: "arn:aws:execute-api:REGION:ACCOUNT:API_ID/*/*/_tollgate/v1/*",
    "s3:GetObject": "arn:aws:s3:::TRUSTSTORE_BUCKET/*",
    "s3:GetObjectVersion": "arn:aws:s3:::TRUSTSTORE_BUCKET/*",
}
GROUPS = {
    "parameters": "The parameter file, without AWS.",
    "account": "What the parameters name in the AWS account.",
    "network": "The load balancer, its security groups and the VPC link.",
    "api": "Routes, authorizer, integrations and domain.",
    "functions": "Functions, settings and tables.",
    "monitoring": "Schedules, queues, logs and alarms.",
    "configuration": "Plans, keys and policies, as the admin API returns them.",
    "requests": "Responses to real requests.",
}


def tables() -> dict[str, str]:
    """Returns the sections of all checks, and the policy."""
    checks = catalogue()
    return {"checks": sections(checks), "policy": policy(checks)}


def catalogue() -> list[dict[str, Any]]:
    """Returns the description of each check, as the program prints it."""
    command = [EVALUATOR, "check", "--list", "--json"]
    listed = subprocess.run(command, check=True, capture_output=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return found


def sections(checks: list[dict[str, Any]]) -> str:
    unknown = {check["group"] for check in checks} - GROUPS.keys()
    if unknown:
        raise ValueError(f"groups without a description: {sorted(unknown)}")

    parts = []
    for group, description in GROUPS.items():
        of_group = [check for check in checks if check["group"] == group]
        parts += [f"## {group.capitalize()}", description, *map(section, of_group)]
    return "\n\n".join(parts)


def section(check: dict[str, Any]) -> str:
    paragraphs = [
        f"### {check['id']}",
        filled(f"**{check['title']}.** {check['explanation']}"),
        filled(f"Fix: {check['fix']}"),
    ]
    if check["permissions"]:
        actions = ", ".join(f"`{action}`" for action in check["permissions"])
        paragraphs.append(filled(f"Permissions: {actions}"))
    if check["evidence"]:
        paragraphs.append(
            filled(f"A pass on AWS is [evidence](evidence.md) for the claim: {check['evidence']} …")
        )
    return "\n\n".join(paragraphs)


def filled(text: str) -> str:
    return textwrap.fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def policy(checks: list[dict[str, Any]]) -> str:
    """Returns the policy with the actions of all checks, in a block of JSON."""
    actions = OWN_ACTIONS.union(*(check["permissions"] for check in checks))
    by_resource: dict[str, list[str]] = {"*": []}
    for action in sorted(actions):
        by_resource.setdefault(RESOURCES.get(action, "*"), []).append(action)

    statements = [
        {"Effect": "Allow", "Action": names, "Resource": resource}
        for resource, names in by_resource.items()
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    return f"```json\n{json.dumps(document, indent=2)}\n```"
