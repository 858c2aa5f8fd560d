"""API Gateway: names of context variables, and headers that cannot be mapped.

tests/gateway/template.rs compares template.yaml with the running authorizer. This file also checks
the other templates, and variables that do not come from the authorizer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from template.rust_sources import code
from template.stack import Stack, Unknown
from template.templates import Template, dotted, walk

# "Customizing HTTP API access logs", API Gateway, without `authorizer`.
HTTP_API = set(
    """
    accountId apiId awsEndpointRequestId awsEndpointRequestId2 customDomain.basePathMatched dataProcessed domainName
    domainPrefix error.message error.messageString error.responseType extendedRequestId httpMethod identity.accountId
    identity.caller identity.cognitoAuthenticationProvider identity.cognitoAuthenticationType
    identity.cognitoIdentityId identity.cognitoIdentityPoolId identity.principalOrgId identity.clientCert.clientCertPem
    identity.clientCert.subjectDN identity.clientCert.issuerDN identity.clientCert.serialNumber
    identity.clientCert.validity.notBefore identity.clientCert.validity.notAfter identity.sourceIp identity.user
    identity.userAgent identity.userArn integration.error integration.integrationStatus integration.latency
    integration.requestId integration.status integrationErrorMessage integrationLatency integrationStatus path protocol
    requestId requestTime requestTimeEpoch responseLatency responseLength routeKey stage status
""".split()
)
# The additional variables of REST APIs, from "Variables for access logging for API Gateway".
REST_API = HTTP_API - {"routeKey"} | {
    "resourceId",
    "resourcePath",
    "identity.apiKey",
    "identity.apiKeyId",
    "identity.vpcId",
    "identity.vpceId",
    "deploymentId",
    "isCanaryRequest",
    "wafResponseCode",
    "webaclArn",
    "xrayTraceId",
}
# Variables of every authorizer, in addition to the context that it returns.
AUTHORIZER_VARIABLES = {"error", "principalId"}
IN_TEXT = re.compile(r"\$\{?context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
IN_MAPPING = re.compile(r"context\.([A-Za-z0-9_.]+)")
# Names and prefixes from "Transforming API requests and responses".
RESERVED = set(
    """
    authorization connection content-encoding content-length content-location forwarded keep-alive origin
    proxy-authenticate proxy-authorization te trailers transfer-encoding upgrade x-forwarded-for x-forwarded-host
    x-forwarded-proto via
""".split()
)
RESERVED_PREFIXES = ("access-control-", "apigw-", "x-amz-", "x-amzn-")
# Types of resources with strings that API Gateway evaluates.
TYPE_PREFIXES = ("AWS::ApiGateway", "AWS::Serverless::Api", "AWS::Serverless::HttpApi")


def authorizer_context() -> set[str]:
    """Returns the fields of the context that the authorizer returns."""
    struct = re.search(
        r"struct Context \{(.*?)\n\}", code("functions/authorizer/src/context.rs"), re.S
    )
    return set(re.findall(r"^    (?:pub\(crate\) )?(\w+):", struct[1], re.M)) if struct else set()


def findings(template: Template) -> list[str]:
    is_rest = any(
        it["Type"] == "AWS::Serverless::Api" for it in template.body["Resources"].values()
    )
    found = []
    for path, value in strings(template):
        found += [
            f"{dotted(*path)}: {error}"
            for name in variables(value)
            if (error := variable_error(name, is_rest))
        ]
    for path in mapped_headers(template):
        if error := header_error(path[-1]):
            found.append(f"{dotted(*path[:-1])}: {error}")
    return list(dict.fromkeys(found))


def strings(template: Template) -> Iterator[tuple[tuple[Any, ...], str]]:
    for name, resource in template.body["Resources"].items():
        if resource["Type"].startswith(TYPE_PREFIXES):
            yield from (
                (path, value) for path, value in walk(resource, (name,)) if isinstance(value, str)
            )


def variables(value: str) -> list[str]:
    whole = IN_MAPPING.fullmatch(value)
    return [whole[1]] if whole else IN_TEXT.findall(value)


def variable_error(name: str, is_rest: bool) -> str | None:
    if name.startswith("authorizer."):
        field = name.removeprefix("authorizer.")
        known = authorizer_context() | AUTHORIZER_VARIABLES
        return None if field in known else f"the authorizer's context has no {field}"
    return (
        None
        if name in (REST_API if is_rest else HTTP_API)
        else f"API Gateway has no $context.{name}"
    )


def mapped_headers(template: Template) -> Iterator[tuple[Any, ...]]:
    """Yields the paths of mapped headers. The last part of a path is the header with its action."""
    for name, resource in template.body["Resources"].items():
        if resource["Type"] == "AWS::ApiGatewayV2::Integration":
            for path, value in walk(resource["Properties"], (name,)):
                if path[-1] == "Destination" and isinstance(value, str):
                    yield (*path, value)
                elif path[-1] == "RequestParameters" and isinstance(value, dict):
                    yield from ((*path, destination) for destination in value)


def header_error(destination: str) -> str | None:
    action, _, header = destination.partition(":header.")
    header = header.lower()
    if header and action not in ("append", "overwrite", "remove"):
        return f"the action is {action}, expected append, overwrite or remove"
    if header in RESERVED or header.startswith(RESERVED_PREFIXES):
        return f"the header {header} is reserved"
    return None


def json_errors(stack: Stack) -> list[str]:
    """Finds documents that must be JSON and are not. They are composed of several parts."""
    found = []
    for name, path in (("Stage", "AccessLogSettings"), ("Dashboard", "DashboardBody")):
        value = stack.resources.get(name, {}).get("Properties", {}).get(path)
        document = value["Format"] if isinstance(value, dict) else value
        if document is not None:
            try:
                json.loads(document.text if isinstance(document, Unknown) else document)
            except ValueError as error:
                found.append(f"{name}.{path}: not JSON: {error}")
    return found
