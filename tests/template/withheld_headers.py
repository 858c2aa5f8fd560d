"""Headers that no integration forwards to a backend: the API key, the secret of the front, and headers
that override the method or the path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from template.parameter_sets import required
from template.stack import Stack, evaluate_all
from template.templates import Template, walk

# Rules apply to the method and the path in the request line. method-override, Rails, IIS URL
# Rewrite, Symfony and Zend prefer these headers if they are configured to.
OVERRIDES = {
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
}
# The header of the secret that the `front` of a policy sends.
FRONT = "x-origin-verify"
Mappings = dict[str, Any]


def findings(template: Template) -> list[str]:
    """Checks the template for each value of KeyHeader."""
    values = template.parameters.get("KeyHeader", {}).get("AllowedValues", [])
    if not values:
        default = Stack(template, required(template))
        return [f"{name}: the template has no KeyHeader" for name, _ in integrations(default)]

    stacks = [Stack(template, {**required(template), "KeyHeader": value}) for value in values]
    evaluate_all(stacks)
    return [error for stack in stacks for error in stack_errors(stack)]


def stack_errors(stack: Stack) -> list[str]:
    key_header = stack.values["KeyHeader"]
    label = f"KeyHeader={key_header}"
    possible_key_headers = set(stack.template.parameters["KeyHeader"]["AllowedValues"])

    found = []
    for name, mappings in integrations(stack):
        forwarded = (OVERRIDES | {key_header, FRONT}) - withheld(mappings)
        found += [f"{label}: {name} forwards {header}" for header in sorted(forwarded)]
        unnecessary = withheld(mappings) & possible_key_headers - {key_header}
        found += [f"{label}: {name} withholds {header}" for header in sorted(unnecessary)]

    for name in sorted({"AuthorizerFunction", "LimiterFunction"} & stack.resources.keys()):
        variables = stack.resources[name]["Properties"]["Environment"]["Variables"]
        if variables.get("KEY_HEADER") != key_header:
            found.append(f"{label}: KEY_HEADER of {name} is {variables.get('KEY_HEADER')!r}")
    return found


def integrations(stack: Stack) -> Iterator[tuple[str, Mappings]]:
    """Yields the request mappings of each integration with a backend over HTTP."""
    for name, properties in stack.of_type("AWS::ApiGatewayV2::Integration").items():
        if properties["IntegrationType"] == "HTTP_PROXY":
            yield name, properties.get("RequestParameters", {})
    for name, integration in http_integrations(stack):
        yield name, integration.get("requestParameters", {})


def http_integrations(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the HTTP integrations of REST APIs, each with the API and the path."""
    for name, properties in stack.of_type("AWS::ApiGateway::RestApi").items():
        for path, value in walk(properties.get("Body", {})):
            is_integration = path and path[-1] == "x-amazon-apigateway-integration"
            if is_integration and value["type"] == "http_proxy":
                yield f"{name} {path[1]}", value


def withheld(mappings: Mappings) -> set[str]:
    """Returns the headers that are removed. A REST API cannot remove a header and overwrites it
    with `-` instead.
    """
    prefix = "integration.request.header."
    removed = {
        name.removeprefix("remove:header.")
        for name in mappings
        if name.startswith("remove:header.")
    }
    overwritten = {name.removeprefix(prefix) for name, value in mappings.items() if value == "'-'"}
    return removed | {name for name in overwritten if f"{prefix}{name}" in mappings}
