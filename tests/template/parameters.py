"""Parameters: their descriptions, prices and groups, their use, and the values that the tests use
for them.
"""

from __future__ import annotations

import re

from template.parameter_sets import other_values, required
from template.templates import Template, walk

PRICED = re.compile(
    r"^(Create[A-Z]\w*|\w+InVpc|GradualDeployment|AuthorizerProvisionedConcurrency|PublishMetrics)$"
)


def findings(template: Template) -> list[str]:
    found = []
    for name, parameter in template.parameters.items():
        found += [f"{name}: {error}" for error in parameter_errors(template, name, parameter)]
    return found + group_errors(template)


def parameter_errors(template: Template, name: str, parameter: dict[str, object]) -> list[str]:
    found = []
    description = str(parameter.get("Description", "")).strip()
    if not description.endswith("."):
        found.append("has no description that ends with a full stop")
    is_priced = not template.path.startswith("examples/") and PRICED.match(name)
    if is_priced and not re.search(r"\$[0-9]|costs? nothing", description):
        found.append("does not state its price")

    if not other_values(template, name) and name not in required(template):
        found.append(
            "has only one value in the tests: add others to tests/template/parameter_sets.py"
        )
    pattern = re.compile(str(parameter.get("AllowedPattern", "")) or ".*", re.S)
    for value in other_values(template, name):
        if parameter["Type"] == "String" and not pattern.search(str(value)):
            found.append(f"does not allow `{value}`, which the tests use")

    return found + ([] if name in used(template) else ["is not used"])


def used(template: Template) -> set[str]:
    names = set(template.looped)
    for section in ("Conditions", "Resources", "Outputs", "Rules", "Globals"):
        for path, value in walk(template.body.get(section, {})):
            if path and path[-1] == "Ref" and isinstance(value, str):
                names.add(value)
            if isinstance(value, str):
                names |= set(re.findall(r"\$\{(\w+)\}", value))
    return names


def group_errors(template: Template) -> list[str]:
    """Checks that each parameter is in exactly one group, if the template has groups."""
    interface = template.body.get("Metadata", {}).get("AWS::CloudFormation::Interface")
    if interface is None:
        return []

    listed = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    found = [f"{name}: is in no group" for name in template.parameters if name not in listed]
    found += [
        f"{name}: is in a group but is not a parameter"
        for name in listed
        if name not in template.parameters
    ]
    return found + [
        f"{name}: is in two groups" for name in sorted(set(listed)) if listed.count(name) > 1
    ]
