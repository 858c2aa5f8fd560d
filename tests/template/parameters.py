"""Parameters: described, in the groups that the console shows, used, and each with a value that is tried."""

from __future__ import annotations

import re

from .document import Template, walk
from .positions import others, required

PRICED = re.compile(r"^(Create[A-Z]\w*|\w+InVpc|GradualDeployment|AuthorizerProvisionedConcurrency|PublishMetrics)$")


def findings(template: Template) -> list[str]:
    found = []
    for name, parameter in template.parameters.items():
        found += [f"{name}: {mistake}" for mistake in mistakes(template, name, parameter)]
    return found + mistakes_of_groups(template)


def mistakes(template: Template, name: str, parameter: dict[str, object]) -> list[str]:
    found = []
    description = str(parameter.get("Description", "")).strip()
    if not description.endswith("."):
        found.append("is not described")
    priced = template.path == "template.yaml" and PRICED.match(name)
    if priced and not re.search(r"\$[0-9]|costs? nothing", description):
        found.append("does not say what it costs")
    if not others(template, name) and name not in required(template):
        found.append("has one value in all tests; tests/template/positions.py has others")
    pattern = re.compile(str(parameter.get("AllowedPattern", "")) or ".*", re.S)
    for value in others(template, name):
        if parameter["Type"] == "String" and not pattern.search(str(value)):
            found.append(f"`{value}`, which tests use, is not allowed")
    return found + ([] if name in used(template) else ["is used nowhere"])


def used(template: Template) -> set[str]:
    names = set()
    for section in ("Conditions", "Resources", "Outputs", "Rules", "Globals"):
        for path, value in walk(template.body.get(section, {})):
            if path and path[-1] == "Ref" and isinstance(value, str):
                names.add(value)
            if isinstance(value, str):
                names |= set(re.findall(r"\$\{(\w+)\}", value))
    return names


def mistakes_of_groups(template: Template) -> list[str]:
    """Each parameter is in one group, where there are groups."""
    interface = template.body.get("Metadata", {}).get("AWS::CloudFormation::Interface")
    if interface is None:
        return []
    shown = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    found = [f"{name}: is in no group" for name in template.parameters if name not in shown]
    found += [f"{name}: is in a group, and no parameter" for name in shown if name not in template.parameters]
    return found + [f"{name}: is in two groups" for name in sorted(set(shown)) if shown.count(name) > 1]
