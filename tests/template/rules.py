"""`Rules`, which CloudFormation evaluates before a deployment. They see only parameters."""

from __future__ import annotations

from template.templates import Template, dotted, walk

# "Rule-specific intrinsic functions", CloudFormation. `Fn::RefAll` and `Fn::ValueOf` would query
# the account.
SUPPORTED = {"Ref"} | {
    f"Fn::{name}" for name in "And Contains EachMemberEquals EachMemberIn Equals Not Or".split()
}


def findings(template: Template) -> list[str]:
    """Finds functions that CloudFormation does not support in rules, and unknown parameters."""
    found = []
    for path, value in walk(template.body.get("Rules", {})):
        for name in value if isinstance(value, dict) else ():
            is_function = name in ("Ref", "Condition") or name.startswith("Fn::")
            if is_function and name not in SUPPORTED:
                found.append(f"Rules.{dotted(*path)}: rules do not support {name}")
            if name == "Ref" and value[name] not in template.parameters:
                found.append(f"Rules.{dotted(*path)}: there is no parameter {value[name]}")
    return found
