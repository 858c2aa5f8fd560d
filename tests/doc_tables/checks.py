"""Writes one section per check of `tollgate check`, and the IAM policy for all of them."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from typing import Any

from doc_tables.markdown_table import table
from harness.paths import EVALUATOR, PROJECT

COLUMNS = 118
DOCUMENT = re.compile(r"docs/([\w/-]+\.md(?:#[\w-]+)?)")
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
HEADINGS = {"api": "API"}
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


PAGE = "docs/operations/check.md"
EVIDENCE = "docs/operations/evidence.md"


def tables() -> dict[tuple[str, str], str]:
    """Returns the sections of all checks, the policy, and the claims that checks support."""
    checks = catalogue()
    return {
        (PAGE, "checks"): sections(checks),
        (PAGE, "policy"): policy(checks),
        (EVIDENCE, "supported-claims"): claims(checks),
    }


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
        parts += [f"## {HEADINGS.get(group, group.capitalize())}", description, *map(section, of_group)]
    return "\n\n".join(parts)


def claims(checks: list[dict[str, Any]]) -> str:
    """Returns a table of the claims that a pass supports, in the order of the page."""
    by_claim: dict[str, list[str]] = {claim: [] for claim in known_claims()}
    for check in checks:
        if check["evidence"]:
            link = f"[{check['id']}](check.md#{check['id']})"
            by_claim[claim_of(check)].append(link)
    rows = [[claim, ", ".join(links)] for claim, links in by_claim.items() if links]
    return table(["claim", "checks"], rows)


def known_claims() -> list[str]:
    """Returns the first column of the table of claims."""
    page = (PROJECT / EVIDENCE).read_text()
    rows = page.partition("| claim | verified by |\n|---|---|\n")[2].partition("\n\n")[0]
    return [row.removeprefix("| ").partition(" | ")[0] for row in rows.splitlines()]


def claim_of(check: dict[str, Any]) -> str:
    """Returns the claim that begins as the evidence of a check."""
    found = [claim for claim in known_claims() if claim.startswith(check["evidence"])]
    if len(found) != 1:
        raise ValueError(f"{check['id']}: {len(found)} claims begin with `{check['evidence']}`")
    return found[0]


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
            filled(f"A pass on AWS is [evidence](evidence.md) for this claim: {claim_of(check)}")
        )
    return "\n\n".join(paragraphs)


def filled(text: str) -> str:
    """Returns a paragraph in lines, in which paths of documents are links."""
    text = DOCUMENT.sub(r"[\g<0>](../\1)", text)
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
