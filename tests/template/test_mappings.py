"""Mappings of integrations across releases. `UpdateIntegration` merges what it is given with what there is, and refuses a
second action on a header that has one: an update that changes an action in place fails and is rolled back."""

from __future__ import annotations

import unittest
from typing import Any, Iterator

from .document import Template

REMOVED_BEFORE = {"server", "x-powered-by"}
# By integration, what the previous release does to the headers of requests, and of responses of each status.
IDENTITY = ("decision", "user-id", "email", "roles", "key-id", "plan", "scopes", "auth")
LIMITS = ("ratelimit-policy", "ratelimit", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after")
SECURITY = ("x-request-id", "strict-transport-security", "x-content-type-options", "x-frame-options")
SECURED = {name: "overwrite" for name in SECURITY} | {name: "remove" for name in REMOVED_BEFORE}
LIMITED = SECURED | {name: "overwrite" for name in LIMITS}
PREVIOUS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "ProtectedIntegration": (
        {"x-api-key": "remove", "x-request-id": "overwrite"} | {f"x-tollgate-{it}": "overwrite" for it in IDENTITY},
        LIMITED,
    ),
    "PublicIntegration": (
        {"x-api-key": "remove", "x-request-id": "overwrite", "x-http-method-override": "remove"}
        | {f"x-tollgate-{it}": "remove" for it in IDENTITY},
        SECURED,
    ),
    "LimiterIntegration": ({}, LIMITED),
}


def header_actions(destinations: list[str]) -> Iterator[tuple[str, str]]:
    """The headers of destinations, as API Gateway compares them, with what is done to each."""
    for destination in destinations:
        action, _, target = destination.partition(":")
        if target.startswith("header."):
            yield target.removeprefix("header.").lower(), action


def of_response(value: Any) -> list[str]:
    """Every destination of a status, whatever the conditions are."""
    if isinstance(value, list):
        return [it for member in value for it in of_response(member)]
    if not isinstance(value, dict):
        return []
    own = [value["Destination"]] if "Destination" in value else []
    return own + [it for member in value.values() for it in of_response(member)]


def clashes(template: Template) -> list[str]:
    found = []
    for name, resource in template.resources("AWS::ApiGatewayV2::Integration").items():
        requests, responses = PREVIOUS.get(name, ({}, {}))
        properties = resource["Properties"]
        mapped = [("requests", requests, list(properties.get("RequestParameters", {})))]
        mapped += [(status, responses, of_response(it)) for status, it in properties.get("ResponseParameters", {}).items()]
        for place, before, destinations in mapped:
            actions = {header: {action} for header, action in before.items()}
            for header, action in header_actions(destinations):
                actions.setdefault(header, set()).add(action)
            several = {header: it for header, it in actions.items() if len(it) > 1}
            found += [f"{name}, {place}: {header} has {sorted(it)}" for header, it in sorted(several.items())]
    return found


class Mappings(unittest.TestCase):
    def test_no_header_changes_its_action_between_releases_or_positions(self) -> None:
        self.assertEqual(clashes(Template.read("template.yaml")), [])

    def test_the_integrations_of_the_previous_release_are_still_there(self) -> None:
        there = Template.read("template.yaml").resources("AWS::ApiGatewayV2::Integration")
        self.assertLessEqual(PREVIOUS.keys(), there.keys())

    def test_a_changed_action_is_found_in_requests_and_responses(self) -> None:
        def change(body: dict[str, Any]) -> None:
            properties = body["Resources"]["PublicIntegration"]["Properties"]
            properties["RequestParameters"]["append:header.X-Api-Key"] = "$context.requestId"
            mappings = properties["ResponseParameters"]["404"]["ResponseParameters"]
            mappings.append({"Destination": "overwrite:header.server", "Source": "tollgate"})

        found = clashes(Template.read("template.yaml").changed(change))
        self.assertEqual(found[0], "PublicIntegration, requests: x-api-key has ['append', 'remove']")
        self.assertIn("PublicIntegration, 404: server has ['overwrite', 'remove']", found)
