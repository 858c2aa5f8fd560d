"""Headers that no integration passes on to a backend: the header of API keys, and headers that replace the method or the
path of a request."""

from __future__ import annotations

from typing import Any, Iterator

from .document import Template, walk
from .evaluation import Position
from .positions import required

# Rules apply to the method and the path of the request line. method-override, Rails, IIS URL Rewrite, Symfony and
# Zend prefer these headers, if they are configured so.
OVERRIDES = {"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"}
Mappings = dict[str, Any]


def findings(template: Template) -> list[str]:
    """For each value of KeyHeader."""
    values = template.parameters.get("KeyHeader", {}).get("AllowedValues", [])
    positions = [Position(template, {**required(template), "KeyHeader": value}) for value in values]
    if not positions:
        base = Position(template, required(template))
        return [f"{name}: the template has no KeyHeader" for name, _ in integrations(base)]
    return [mistake for position in positions for mistake in mistakes(position)]


def mistakes(position: Position) -> list[str]:
    key_header = position.values["KeyHeader"]
    found = []
    for name, mappings in integrations(position):
        passed = (OVERRIDES | {key_header}) - withheld(mappings)
        found += [f"KeyHeader={key_header}: {name} passes {header} on" for header in sorted(passed)]
        strange = withheld(mappings) & set(position.template.parameters["KeyHeader"]["AllowedValues"]) - {key_header}
        found += [f"KeyHeader={key_header}: {name} withholds {header}" for header in sorted(strange)]
    for name in sorted({"AuthorizerFunction", "LimiterFunction"} & position.present):
        variables = position.resources[name]["Properties"]["Environment"]["Variables"]
        if variables.get("KEY_HEADER") != key_header:
            found.append(f"KeyHeader={key_header}: {name} is given {variables.get('KEY_HEADER')!r}")
    return found


def integrations(position: Position) -> Iterator[tuple[str, Mappings]]:
    """The request mappings of each integration that leads to a backend over HTTP."""
    for name, properties in position.of_type("AWS::ApiGatewayV2::Integration").items():
        if properties["IntegrationType"] == "HTTP_PROXY":
            yield name, properties.get("RequestParameters", {})
    for name, properties in position.of_type("AWS::ApiGateway::RestApi").items():
        for path, value in walk(properties.get("Body", {})):
            if path and path[-1] == "x-amazon-apigateway-integration" and value["type"] == "http_proxy":
                yield f"{name} {path[1]}", value.get("requestParameters", {})


def withheld(mappings: Mappings) -> set[str]:
    """Headers that are removed or, in a REST API, overwritten with a value that means nothing."""
    removed = {name.removeprefix("remove:header.") for name in mappings if name.startswith("remove:header.")}
    prefix = "integration.request.header."
    overwritten = {name.removeprefix(prefix) for name, value in mappings.items() if value == "'-'" and name.startswith(prefix)}
    return removed | overwritten
