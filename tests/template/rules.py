"""`Rules`: evaluated before a deployment, over parameters alone."""

from __future__ import annotations

from .document import Template, place, walk
from .evaluation import Position

# "Rule-specific intrinsic functions", CloudFormation. `Fn::RefAll` and `Fn::ValueOf` ask the account.
KNOWN = {"Ref"} | {f"Fn::{name}" for name in "And Contains EachMemberEquals EachMemberIn Equals Not Or".split()}


def refusals(position: Position) -> list[str]:
    """The assertions that do not hold, each as CloudFormation would say it."""
    said = []
    for name, rule in position.template.body.get("Rules", {}).items():
        if "RuleCondition" not in rule or position.holds(rule["RuleCondition"]):
            for assertion in rule["Assertions"]:
                if not position.holds(assertion["Assert"]):
                    said.append(f"{name}: {assertion['AssertDescription']}")
    return said


def findings(template: Template) -> list[str]:
    """What CloudFormation would not evaluate."""
    found = []
    for path, value in walk(template.body.get("Rules", {})):
        for name in value if isinstance(value, dict) else ():
            if (name == "Ref" or name == "Condition" or name.startswith("Fn::")) and name not in KNOWN:
                found.append(f"Rules.{place(*path)}: {name} is no function of rules")
            if name == "Ref" and value[name] not in template.parameters:
                found.append(f"Rules.{place(*path)}: {value[name]} is no parameter")
    return found
