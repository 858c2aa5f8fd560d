"""Mappings of integrations across releases.

`UpdateIntegration` merges new mappings with the existing ones and rejects a second action for the
same header. An update that changes the action of a header therefore fails and is rolled back.
"""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import Any

from template import withheld_headers
from template.parameter_sets import SAMPLES, required
from template.stack import Stack
from template.templates import Template

REMOVED_RESPONSE_HEADERS = {"server", "x-powered-by"}
IDENTITY = ("decision", "user-id", "email", "roles", "key-id", "plan", "scopes", "auth")
LIMITS = (
    "ratelimit-policy",
    "ratelimit",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "retry-after",
)
SECURITY = (
    "x-request-id",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
)
SECURED = {name: "overwrite" for name in SECURITY} | {
    name: "remove" for name in REMOVED_RESPONSE_HEADERS
}
LIMITED = SECURED | {name: "overwrite" for name in LIMITS}
# The actions of the previous release for headers of requests and of responses, by integration.
PREVIOUS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "ProtectedIntegration": (
        {"x-api-key": "remove", "x-request-id": "overwrite"}
        | {f"x-tollgate-{it}": "overwrite" for it in IDENTITY},
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
    """Yields the headers in lower case, as API Gateway compares them, with their actions."""
    for destination in destinations:
        action, _, target = destination.partition(":")
        if target.startswith("header."):
            yield target.removeprefix("header.").lower(), action


def response_destinations(value: Any) -> list[str]:
    """Returns every destination of a status, for all conditions."""
    if isinstance(value, list):
        return [it for item in value for it in response_destinations(item)]
    if not isinstance(value, dict):
        return []
    own = [value["Destination"]] if "Destination" in value else []
    return own + [it for item in value.values() for it in response_destinations(item)]


def conflicting_actions(template: Template) -> list[str]:
    found = []
    for name, resource in template.resources("AWS::ApiGatewayV2::Integration").items():
        requests, responses = PREVIOUS.get(name, ({}, {}))
        properties = resource["Properties"]
        mapped = [("requests", requests, list(properties.get("RequestParameters", {})))]
        mapped += [
            (status, responses, response_destinations(it))
            for status, it in properties.get("ResponseParameters", {}).items()
        ]

        for part, before, destinations in mapped:
            actions = {header: {action} for header, action in before.items()}
            for header, action in header_actions(destinations):
                actions.setdefault(header, set()).add(action)
            conflicts = {header: it for header, it in actions.items() if len(it) > 1}
            found += [
                f"{name}, {part}: {header} has {sorted(it)}"
                for header, it in sorted(conflicts.items())
            ]
    return found


class Mappings(unittest.TestCase):
    def test_no_header_changes_its_action_between_releases(self) -> None:
        self.assertEqual(conflicting_actions(Template.read("template.yaml")), [])

    def test_origin_header_is_overwritten_with_and_without_a_secret(self) -> None:
        template = Template.read("template.yaml")
        arn, version = SAMPLES["OriginSecretArn"], SAMPLES["OriginSecretVersion"]
        for given, expected in (
            ({}, "-"),
            (
                {"OriginSecretArn": arn},
                "{{resolve:secretsmanager:%s:SecretString:::}}" % arn,
            ),
            (
                {"OriginSecretArn": arn, "OriginSecretVersion": version},
                "{{resolve:secretsmanager:%s:SecretString:::%s}}" % (arn, version),
            ),
        ):
            stack = Stack(template, {**required(template), **given})
            for name in ("ProtectedIntegration", "PublicIntegration"):
                mappings = stack.resources[name]["Properties"]["RequestParameters"]
                found = {key: it for key, it in mappings.items() if key.endswith("x-tollgate-origin")}
                self.assertEqual(found, {"overwrite:header.x-tollgate-origin": expected}, name)

    def test_cloudfront_sends_the_headers_of_the_policys_front(self) -> None:
        template = Template.read("examples/cloudfront.yaml")
        resources = Stack(template, required(template)).resources
        distribution = resources["Distribution"]["Properties"]["DistributionConfig"]
        policy = resources["OriginRequests"]["Properties"]["OriginRequestPolicyConfig"]

        (header,) = distribution["Origins"][0]["OriginCustomHeaders"]
        self.assertEqual(header["HeaderName"], withheld_headers.FRONT)
        self.assertTrue(header["HeaderValue"].startswith("{{resolve:secretsmanager:arn:aws:"))
        self.assertEqual(policy["HeadersConfig"]["Headers"], ["CloudFront-Viewer-Address"])

    def test_integrations_of_the_previous_release_still_exist(self) -> None:
        current = Template.read("template.yaml").resources("AWS::ApiGatewayV2::Integration")
        self.assertLessEqual(PREVIOUS.keys(), current.keys())

    def test_changed_actions_are_found_in_requests_and_responses(self) -> None:
        def change(body: dict[str, Any]) -> None:
            properties = body["Resources"]["PublicIntegration"]["Properties"]
            properties["RequestParameters"]["append:header.X-Api-Key"] = "$context.requestId"
            mappings = properties["ResponseParameters"]["404"]["ResponseParameters"]
            mappings.append({"Destination": "overwrite:header.server", "Source": "tollgate"})

        found = conflicting_actions(Template.read("template.yaml").changed(change))
        self.assertEqual(
            found[0], "PublicIntegration, requests: x-api-key has ['append', 'remove']"
        )
        self.assertIn("PublicIntegration, 404: server has ['overwrite', 'remove']", found)
