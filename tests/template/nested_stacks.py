"""A stack together with its nested stacks.

Metrics, alarms and the dashboard are checked across both: an alarm of the nested stack watches a
function of its parent.
"""

from __future__ import annotations

from typing import Any

from template.stack import REFERENCE, Stack, Unknown, substitution, text
from template.templates import Template

NESTED = "AWS::CloudFormation::Stack"


def whole(stack: Stack, templates: dict[str, Template] | None = None) -> Stack:
    """Returns the stack with the resources of its nested stacks added to its own.

    `templates` replace the templates of nested stacks, by path.
    """
    children = {
        name: child(stack, name, properties, templates or {})
        for name, properties in stack.of_type(NESTED).items()
    }
    merged = Stack(stack.template, stack.overrides)
    merged.evaluated = stack.evaluated
    merged.body = {**stack.body, "Resources": dict(stack.body["Resources"])}
    merged.resources = dict(stack.resources)

    for name, nested in children.items():
        if shared := merged.body["Resources"].keys() & nested.body["Resources"].keys():
            raise ValueError(f"{name}: {sorted(shared)} are also resources of the parent")
        merged.body["Resources"] |= nested.body["Resources"]
        merged.resources |= with_parents_references(nested.resources)
    return merged


def child(
    parent: Stack, name: str, properties: dict[str, Any], templates: dict[str, Template]
) -> Stack:
    """Returns a nested stack. Values that only a deployment can resolve are passed as their text,
    such as `${Api}`.
    """
    path = properties["TemplateURL"]
    values = {key: text(value) for key, value in properties.get("Parameters", {}).items()}
    pseudo = {key: it for key, it in parent.overrides.items() if key.startswith("AWS::")}
    nested = Stack(templates.get(path) or Template.read(path), {**pseudo, **values})

    if unexpected := values.keys() - nested.template.parameters.keys():
        raise ValueError(f"{name}: {path} has no parameters {sorted(unexpected)}")
    return nested


def with_parents_references(value: Any) -> Any:
    """Restores the references that were passed as text."""
    if isinstance(value, list):
        return [with_parents_references(item) for item in value]
    if isinstance(value, dict):
        return {name: with_parents_references(item) for name, item in value.items()}

    passed = value.text if isinstance(value, Unknown) else value
    is_reference = isinstance(passed, str) and REFERENCE.search(passed)
    return substitution(passed, {}) if is_reference else value
