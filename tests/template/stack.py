"""Evaluates a template for one set of parameter values, with the evaluator of the local gateway."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import json
import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterable
from typing import Any

from harness.paths import EVALUATOR
from template.templates import Template, walk

REFERENCE = re.compile(r"\$\{([^!}]+)\}")
Parameters = dict[str, Any]


class EvaluationError(Exception):
    """A template that cannot be evaluated."""


@dataclasses.dataclass(frozen=True)
class Unknown:
    """A value that only a deployment can resolve: its text, and the resources that it refers to."""

    text: str
    targets: tuple[str, ...] = ()


class Stack:
    """The resources that CloudFormation would create from a template.

    `parameters` override defaults. They may contain pseudo parameters such as `AWS::StackName`.
    """

    def __init__(self, template: Template, parameters: Parameters) -> None:
        self.template = template
        self.overrides = dict(parameters)
        defaults = {
            name: it["Default"] for name, it in template.parameters.items() if "Default" in it
        }
        self.given = {**defaults, **parameters}

    @functools.cached_property
    def body(self) -> dict[str, Any]:
        """The template after the SAM transform, before the evaluation."""
        missing = self.template.parameters.keys() - self.given.keys()
        if missing:
            raise EvaluationError(f"{self.template.path}: no value for {sorted(missing)}")
        return self.template.expanded(self.given)

    @functools.cached_property
    def evaluated(self) -> dict[str, Any]:
        """The evaluator's output."""
        (output,) = run_evaluator(self.body, [self.overrides])
        return output

    @property
    def values(self) -> Parameters:
        """The values of all parameters, with numbers and lists as such."""
        return self._section("Parameters")

    @property
    def conditions(self) -> dict[str, bool]:
        return self._section("Conditions")

    @property
    def failed_assertions(self) -> list[str]:
        """The assertions of `Rules` that are false, as CloudFormation would print them."""
        return self._section("Rules")

    @functools.cached_property
    def resources(self) -> dict[str, Any]:
        """The resources whose condition is true, evaluated."""
        return {name: without_calls(it) for name, it in self._section("Resources").items()}

    @functools.cached_property
    def outputs(self) -> dict[str, Any]:
        return {name: without_calls(it) for name, it in self._section("Outputs").items()}

    def of_type(self, type_: str) -> dict[str, Any]:
        """Returns the evaluated properties of the resources of a type."""
        return {
            name: it.get("Properties", {})
            for name, it in self.resources.items()
            if it["Type"] == type_
        }

    def _section(self, name: str) -> Any:
        if "Error" in self.evaluated:
            raise EvaluationError(self.evaluated["Error"])
        return self.evaluated[name]


def evaluate_all(stacks: Iterable[Stack]) -> None:
    """Evaluates stacks with few processes: one for all stacks with the same expanded template."""
    by_body: dict[int, list[Stack]] = {}
    for stack in stacks:
        by_body.setdefault(id(stack.body), []).append(stack)

    def evaluate(group: list[Stack]) -> None:
        outputs = run_evaluator(group[0].body, [stack.overrides for stack in group])
        for stack, output in zip(group, outputs, strict=True):
            stack.evaluated = output

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as executor:
        list(executor.map(evaluate, by_body.values()))


def failed_assertions(template: Template, sets: list[Parameters]) -> list[list[str]]:
    """Evaluates only the `Rules` of a template. Returns the failed assertions for each set of
    parameters.
    """
    sections = ("Parameters", "Mappings", "Conditions", "Rules")
    body = {name: template.body[name] for name in sections if name in template.body} | {
        "Resources": {}
    }
    outputs = run_evaluator(body, sets)
    for output in outputs:
        if "Error" in output:
            raise EvaluationError(f"{template.path}: {output['Error']}")
    return [output["Rules"] for output in outputs]


def run_evaluator(body: dict[str, Any], sets: list[Parameters]) -> list[dict[str, Any]]:
    """Runs `tollgate template` and returns one output per set of parameters."""
    if not EVALUATOR.exists():
        raise EvaluationError(f"{EVALUATOR} does not exist, `make template` builds it")

    with tempfile.TemporaryDirectory() as folder:
        template, parameter_sets = (
            pathlib.Path(folder, "template.json"),
            pathlib.Path(folder, "sets.json"),
        )
        template.write_text(json.dumps(body, ensure_ascii=False))
        strings = [{name: str(value) for name, value in parameters.items()} for parameters in sets]
        parameter_sets.write_text(json.dumps(strings))
        command = [
            EVALUATOR,
            "template",
            "--template",
            template,
            "--parameter-sets",
            parameter_sets,
        ]
        result = subprocess.run(command, capture_output=True, text=True)

    if result.returncode:
        raise EvaluationError(result.stderr.strip())
    return json.loads(result.stdout)


def without_calls(value: Any) -> Any:
    """Replaces the function calls that the evaluator left in a value."""
    if isinstance(value, list):
        return [without_calls(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, arguments),) = value.items()
        if name == "Ref" or name.startswith("Fn::"):
            return unknown(name, without_calls(arguments))
    return {name: without_calls(item) for name, item in value.items()}


def text(value: object) -> str:
    return value.text if isinstance(value, Unknown) else str(value)


def unknown(function: str, arguments: Any) -> Unknown:
    """Converts a function call whose arguments are converted already."""
    if function == "Ref":
        return Unknown(f"${{{arguments}}}", (arguments,))
    if function == "Fn::GetAtt":
        resource, attribute = arguments
        return Unknown(f"${{{resource}.{attribute}}}", (resource,))
    if function == "Fn::Sub":
        return substitution(*([arguments, {}] if isinstance(arguments, str) else arguments))

    inside = [item for _, item in walk(arguments) if isinstance(item, Unknown)]
    targets = tuple(target for item in inside for target in item.targets)
    if function == "Fn::Join" and isinstance(arguments[1], list):
        return Unknown(arguments[0].join(text(item) for item in arguments[1]), targets)
    return Unknown(f"{function} {json.dumps(arguments, default=lambda it: it.text)}", targets)


def substitution(text: str, names: dict[str, Any]) -> Unknown:
    """Converts `Fn::Sub` with the unresolved values of its own names."""
    targets: list[str] = []

    def replace(match: re.Match[str]) -> str:
        value = names.get(match[1])
        if value is None:
            targets.append(match[1].partition(".")[0])
            return match[0]
        targets.extend(value.targets)
        return value.text

    return Unknown(REFERENCE.sub(replace, text), tuple(targets))


def grouped(findings: list[tuple[str, str]]) -> list[str]:
    """Merges equal findings. Each names the first set of parameters that has it, and the number of
    other sets.
    """
    labels: dict[str, list[str]] = {}
    for label, finding in findings:
        labels.setdefault(finding, []).append(label)
    more = {
        finding: f" and {len(found) - 1} more" if len(found) > 1 else ""
        for finding, found in labels.items()
    }
    return [f"{finding} ({found[0]}{more[finding]})" for finding, found in labels.items()]
