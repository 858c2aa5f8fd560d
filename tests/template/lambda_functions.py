"""Functions: consistent names, a log group, an alarm, sample events, and a timeout below those of
their triggers.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from harness.paths import PROJECT
from template.nested_stacks import whole
from template.parameter_sets import everything_on
from template.rust_sources import PACKAGES, code
from template.schedules import interval_s
from template.stack import Stack, Unknown
from template.templates import FUNCTION, Template, walk

RUNTIME = "provided.al2023"
# "Quotas for configuring and running an HTTP API": the timeout of an authorizer. REST APIs have the
# same.
AUTHORIZER_TIMEOUT_S = 10
# The code of functions in examples that are not part of Tollgate.
CODE_OF_OWNERS = "lambda-429/"
# "Lambda quotas".
MAX_TIMEOUT_S = 900


def findings(template: Template) -> list[str]:
    stack = whole(Stack(template, everything_on(template)))
    found = []
    for function, written in template.resources(FUNCTION).items():
        if written["Properties"].get("CodeUri") == CODE_OF_OWNERS:
            continue
        if function not in PACKAGES:
            found.append(f"{function}: has no package in tests/template/rust_sources.py")
            continue
        if function not in stack.resources:
            found.append(f"{function}: does not exist with everything turned on")
            continue

        errors = [*name_errors(template, function, written), *setting_errors(stack, function)]
        errors += [
            *log_group_errors(stack, function),
            *timeout_errors(stack, function),
            *event_errors(function),
        ]
        if template.path == "template.yaml" and not alarms(stack, function):
            errors.append("has no alarm")
        found += [f"{function}: {error}" for error in errors]
    return found


def name_errors(template: Template, function: str, written: dict[str, Any]) -> Iterator[str]:
    """Checks that the folder, the package, the binary and the function have the same name."""
    package = PACKAGES[function].name
    if "".join(word.capitalize() for word in package.split("-")) + "Function" != function:
        yield f"is not named after the package {package}"
    folder = (PROJECT / template.path).parent / written["Properties"]["CodeUri"]
    if folder.resolve() != PROJECT / "functions" / package:
        yield f"CodeUri is {written['Properties']['CodeUri']}, expected functions/{package}"
        return

    manifest = tomllib.loads((folder / "Cargo.toml").read_text())
    binaries = {
        binary["name"] for binary in manifest.get("bin", [{"name": manifest["package"]["name"]}])
    }
    metadata = written.get("Metadata", {})
    if manifest["package"]["name"] != package or binaries != {package}:
        yield f"the names of the package and its binaries are {manifest['package']['name']}, {sorted(binaries)}"
    if metadata.get("BuildProperties", {}).get("Binary") != package:
        yield f"Binary is {metadata.get('BuildProperties', {}).get('Binary')}, expected {package}"
    if metadata.get("BuildMethod") != "rust-cargolambda":
        yield f"BuildMethod is {metadata.get('BuildMethod')}"


def setting_errors(stack: Stack, function: str) -> Iterator[str]:
    properties = stack.resources[function]["Properties"]
    for name, expected in (("Runtime", RUNTIME), ("Handler", "bootstrap")):
        if properties.get(name) != expected:
            yield f"{name} is {properties.get(name)}, expected {expected}"
    if properties.get("Architectures") != [stack.values["Architecture"]]:
        yield "Architectures is not the value of the parameter"
    logging = properties.get("LoggingConfig", {})
    for name, expected in (("LogFormat", "JSON"), ("SystemLogLevel", "WARN")):
        if logging.get(name) != expected:
            yield f"LoggingConfig.{name} is {logging.get(name)}, expected {expected}"


def log_group_errors(stack: Stack, function: str) -> Iterator[str]:
    group = group_of(stack, function)
    properties = stack.of_type("AWS::Logs::LogGroup").get(group or "")
    if properties is None:
        yield "has no log group of its own"
    elif not isinstance(properties.get("RetentionInDays"), int):
        yield f"{group} keeps logs forever"


def group_of(stack: Stack, function: str) -> str | None:
    group = stack.resources[function]["Properties"].get("LoggingConfig", {}).get("LogGroup")
    return group.targets[0] if isinstance(group, Unknown) and group.targets else None


def event_errors(function: str) -> Iterator[str]:
    package = PACKAGES[function].name
    files = sorted((PROJECT / "events").glob(f"{package}.*.json"))
    if not files:
        yield f"there is no events/{package}.*.json"
    for path in files:
        try:
            json.loads(path.read_text())
        except ValueError as error:
            yield f"{path.name}: {error}"


def timeout_errors(stack: Stack, function: str) -> Iterator[str]:
    timeout_s = stack.resources[function]["Properties"].get("Timeout", 3)
    if timeout_s > MAX_TIMEOUT_S:
        yield f"Timeout is {timeout_s} s, and Lambda allows {MAX_TIMEOUT_S} s"
    for trigger, limit_s in timeout_limits(stack, function):
        if timeout_s > limit_s:
            yield f"Timeout is {timeout_s} s, and {trigger} allows {limit_s:g} s"


def timeout_limits(stack: Stack, function: str) -> Iterator[tuple[str, float]]:
    """Yields the resources that wait for the function, with the time they wait in seconds."""
    aliases = stack.of_type("AWS::Lambda::Alias").items()
    aliases = {name for name, it in aliases if refers_to(it["FunctionName"], {function})}
    names = {function, *aliases}

    for name, resource in stack.resources.items():
        properties = resource.get("Properties", {})
        for path, value in walk(properties):
            if path and str(path[-1]).lower() == "authorizeruri" and refers_to(value, names):
                yield name, AUTHORIZER_TIMEOUT_S
        yield from (
            (name, limit) for limit in limits_of(stack, resource["Type"], properties, names)
        )


def limits_of(
    stack: Stack, type_: str, properties: dict[str, Any], names: set[str]
) -> Iterator[float]:
    if type_ == "AWS::ApiGatewayV2::Integration" and refers_to(
        properties.get("IntegrationUri"), names
    ):
        yield properties.get("TimeoutInMillis", 30_000) / 1_000 - 1
    if type_ == "AWS::Events::Rule" and any(
        refers_to(target["Arn"], names) for target in properties["Targets"]
    ):
        if interval := interval_s(properties.get("ScheduleExpression", "")):
            yield interval - 1
    if type_ == "AWS::Lambda::EventSourceMapping" and refers_to(properties["FunctionName"], names):
        queue = stack.resources[properties["EventSourceArn"].targets[0]]["Properties"]
        # "Creating an event source mapping for Amazon SQS": the visibility timeout is six times the
        # function's.
        yield queue.get("VisibilityTimeout", 30) / 6


def refers_to(value: Any, names: set[str]) -> bool:
    return isinstance(value, Unknown) and bool(names & set(value.targets))


def alarms(stack: Stack, function: str) -> set[str]:
    """Returns the alarms on the function's own metrics, on metrics from its log, and on metrics
    that it publishes.
    """
    published = set(
        re.findall(
            r'"([A-Z][A-Za-z]+)"', "".join(code(path) for path in PACKAGES[function].files())
        )
    )
    filters = stack.of_type("AWS::Logs::MetricFilter").values()
    group = group_of(stack, function)
    counted = {
        transformation["MetricName"]
        for it in filters
        if refers_to(it["LogGroupName"], {group} if group else set())
        for transformation in it["MetricTransformations"]
    }

    found = set()
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items():
        for metric in metrics(alarm):
            dimensions = [dimension["Value"] for dimension in metric.get("Dimensions", [])]
            is_own = any(refers_to(value, {function}) for value in dimensions)
            if is_own or metric.get("MetricName") in counted | published:
                found.add(name)
    return found


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        alarm,
        *(it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it),
    ]
