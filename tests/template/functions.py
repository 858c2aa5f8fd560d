"""What every function has: one name everywhere, a log group, an alarm, events, a time-out below its triggers'."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, Iterator

from .document import FUNCTION, PROJECT, Template, walk
from .evaluation import Position, Unknown
from .positions import together
from .schedules import seconds
from .sources import PACKAGES, code

RUNTIME = "provided.al2023"
# "Quotas for configuring and running an HTTP API": how long an authorizer is waited for, which a REST API does too.
AUTHORIZER_S = 10
# "Lambda quotas".
LONGEST_S = 900


def findings(template: Template) -> list[str]:
    position = Position(template, together(template))
    found = []
    for function, written in template.resources(FUNCTION).items():
        if function not in PACKAGES:
            found.append(f"{function}: is named after no package; tests/template/sources.py names them")
            continue
        if function not in position.present:
            found.append(f"{function}: is not there with everything switched on")
            continue
        mistakes = [*identity(template, function, written), *settings(position, function)]
        mistakes += [*log_group(position, function), *time_out(position, function), *events(function)]
        if template.path == "template.yaml" and not alarms(position, function):
            mistakes.append("no alarm concerns it")
        found += [f"{function}: {mistake}" for mistake in mistakes]
    return found


def identity(template: Template, function: str, written: dict[str, Any]) -> Iterator[str]:
    """Folder = package = binary = the function's name."""
    package = PACKAGES[function].name
    if "".join(word.capitalize() for word in package.split("-")) + "Function" != function:
        yield f"is not the name of the package {package}"
    folder = (PROJECT / template.path).parent / written["Properties"]["CodeUri"]
    if folder.resolve() != PROJECT / "functions" / package:
        yield f"CodeUri is {written['Properties']['CodeUri']}, not functions/{package}"
        return
    manifest = tomllib.loads((folder / "Cargo.toml").read_text())
    binaries = {binary["name"] for binary in manifest.get("bin", [{"name": manifest["package"]["name"]}])}
    metadata = written.get("Metadata", {})
    if manifest["package"]["name"] != package or binaries != {package}:
        yield f"the package and its binaries are called {manifest['package']['name']}, {sorted(binaries)}"
    if metadata.get("BuildProperties", {}).get("Binary") != package:
        yield f"Binary is {metadata.get('BuildProperties', {}).get('Binary')}, not {package}"
    if metadata.get("BuildMethod") != "rust-cargolambda":
        yield f"BuildMethod is {metadata.get('BuildMethod')}"


def settings(position: Position, function: str) -> Iterator[str]:
    properties = position.resources[function]["Properties"]
    for name, wanted in (("Runtime", RUNTIME), ("Handler", "bootstrap")):
        if properties.get(name) != wanted:
            yield f"{name} is {properties.get(name)}, not {wanted}"
    if properties.get("Architectures") != [position.values["Architecture"]]:
        yield "Architectures is not the parameter's"
    logging = properties.get("LoggingConfig", {})
    for name, wanted in (("LogFormat", "JSON"), ("SystemLogLevel", "WARN")):
        if logging.get(name) != wanted:
            yield f"LoggingConfig.{name} is {logging.get(name)}, not {wanted}"


def log_group(position: Position, function: str) -> Iterator[str]:
    group = group_of(position, function)
    properties = position.of_type("AWS::Logs::LogGroup").get(group or "")
    if properties is None:
        yield "has no log group of its own"
    elif not isinstance(properties.get("RetentionInDays"), int):
        yield f"{group} keeps logs forever"


def group_of(position: Position, function: str) -> str | None:
    group = position.resources[function]["Properties"].get("LoggingConfig", {}).get("LogGroup")
    return group.targets[0] if isinstance(group, Unknown) and group.targets else None


def events(function: str) -> Iterator[str]:
    package = PACKAGES[function].name
    files = sorted((PROJECT / "events").glob(f"{package}.*.json"))
    if not files:
        yield f"there is no events/{package}.*.json"
    for path in files:
        try:
            json.loads(path.read_text())
        except ValueError as error:
            yield f"{path.name}: {error}"


# -- time-outs -----------------------------------------------------------------------------------------------


def time_out(position: Position, function: str) -> Iterator[str]:
    given = position.resources[function]["Properties"].get("Timeout", 3)
    if given > LONGEST_S:
        yield f"Timeout is {given}, and Lambda's most is {LONGEST_S}"
    for trigger, limit in limits(position, function):
        if given > limit:
            yield f"Timeout is {given} s, and {trigger} allows {limit:g}"


def limits(position: Position, function: str) -> Iterator[tuple[str, float]]:
    """What waits for it, and for how long."""
    aliases = position.of_type("AWS::Lambda::Alias").items()
    aliases = {name for name, it in aliases if refers(it["FunctionName"], {function})}
    called = {function, *aliases}
    for name, resource in position.resources.items():
        properties = resource.get("Properties", {})
        for path, value in walk(properties):
            if path and str(path[-1]).lower() == "authorizeruri" and refers(value, called):
                yield name, AUTHORIZER_S
        yield from ((name, limit) for limit in limits_of(position, resource["Type"], properties, called))


def limits_of(position: Position, kind: str, properties: dict[str, Any], called: set[str]) -> Iterator[float]:
    if kind == "AWS::ApiGatewayV2::Integration" and refers(properties.get("IntegrationUri"), called):
        yield properties.get("TimeoutInMillis", 30_000) / 1_000 - 1
    if kind == "AWS::Events::Rule" and any(refers(target["Arn"], called) for target in properties["Targets"]):
        if interval := seconds(properties.get("ScheduleExpression", "")):
            yield interval - 1
    if kind == "AWS::Lambda::EventSourceMapping" and refers(properties["FunctionName"], called):
        queue = position.resources[properties["EventSourceArn"].targets[0]]["Properties"]
        # "Creating an event source mapping for Amazon SQS": six times the function's.
        yield queue.get("VisibilityTimeout", 30) / 6


def refers(value: Any, called: set[str]) -> bool:
    return isinstance(value, Unknown) and bool(called & set(value.targets))


# -- alarms --------------------------------------------------------------------------------------------------


def alarms(position: Position, function: str) -> set[str]:
    """Those on its own metrics, on metrics made of its log, and on gauges that it writes itself."""
    written = set(re.findall(r'"([A-Z][A-Za-z]+)"', "".join(code(path) for path in PACKAGES[function].files())))
    filters = position.of_type("AWS::Logs::MetricFilter").values()
    group = group_of(position, function)
    counted = {
        transformation["MetricName"]
        for it in filters
        if refers(it["LogGroupName"], {group} if group else set())
        for transformation in it["MetricTransformations"]
    }
    found = set()
    for name, alarm in position.of_type("AWS::CloudWatch::Alarm").items():
        for metric in metrics(alarm):
            dimensions = [dimension["Value"] for dimension in metric.get("Dimensions", [])]
            own = any(refers(value, {function}) for value in dimensions)
            if own or metric.get("MetricName") in counted | written:
                found.add(name)
    return found


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    return [alarm, *(it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it)]
