"""What API Gateway is told: names of its context, and headers that cannot be mapped.

tests/gateway/template.rs holds template.yaml against the authorizer as it runs; this also reads the other templates,
and what is not the authorizer's."""

from __future__ import annotations

import json
import re
from typing import Any, Iterator

from .document import Template, place, walk
from .evaluation import Position, Unknown
from .sources import code

# "Customizing HTTP API access logs", API Gateway; without `authorizer`.
HTTP_API = set("""
    accountId apiId awsEndpointRequestId awsEndpointRequestId2 customDomain.basePathMatched dataProcessed domainName
    domainPrefix error.message error.messageString error.responseType extendedRequestId httpMethod identity.accountId
    identity.caller identity.cognitoAuthenticationProvider identity.cognitoAuthenticationType
    identity.cognitoIdentityId identity.cognitoIdentityPoolId identity.principalOrgId identity.clientCert.clientCertPem
    identity.clientCert.subjectDN identity.clientCert.issuerDN identity.clientCert.serialNumber
    identity.clientCert.validity.notBefore identity.clientCert.validity.notAfter identity.sourceIp identity.user
    identity.userAgent identity.userArn integration.error integration.integrationStatus integration.latency
    integration.requestId integration.status integrationErrorMessage integrationLatency integrationStatus path protocol
    requestId requestTime requestTimeEpoch responseLatency responseLength routeKey stage status
""".split())
# "Variables for access logging for API Gateway": what REST APIs have besides.
REST_API = HTTP_API - {"routeKey"} | {
    "resourceId", "resourcePath", "identity.apiKey", "identity.apiKeyId", "identity.vpcId", "identity.vpceId",
    "deploymentId", "isCanaryRequest", "wafResponseCode", "webaclArn", "xrayTraceId",
}
# Of the authorizer itself, beside the context that it returns.
OF_EVERY_AUTHORIZER = {"error", "principalId"}
IN_TEXT = re.compile(r"\$\{?context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
IN_MAPPING = re.compile(r"context\.([A-Za-z0-9_.]+)")
# "Transforming API requests and responses": names and beginnings of names.
RESERVED = set("""
    authorization connection content-encoding content-length content-location forwarded keep-alive origin
    proxy-authenticate proxy-authorization te trailers transfer-encoding upgrade x-forwarded-for x-forwarded-host
    x-forwarded-proto via
""".split())
RESERVED_BEGINNINGS = ("access-control-", "apigw-", "x-amz-", "x-amzn-")
# Kinds whose texts hold what API Gateway evaluates.
PREFIXES = ("AWS::ApiGateway", "AWS::Serverless::Api", "AWS::Serverless::HttpApi")


def authorizer_context() -> set[str]:
    """The members that the authorizer's answer can have."""
    struct = re.search(r"struct Context \{(.*?)\n\}", code("functions/authorizer/src/context.rs"), re.S)
    return set(re.findall(r"^    (?:pub\(crate\) )?(\w+):", struct[1], re.M)) if struct else set()


def findings(template: Template) -> list[str]:
    rest = any(it["Type"] == "AWS::Serverless::Api" for it in template.body["Resources"].values())
    found = []
    for path, value in texts(template):
        found += [f"{place(*path)}: {mistake}" for name in names(value) if (mistake := wrong_name(name, rest))]
    for path in headers(template):
        if mistake := reserved(path[-1]):
            found.append(f"{place(*path[:-1])}: {mistake}")
    return list(dict.fromkeys(found))


def texts(template: Template) -> Iterator[tuple[tuple[Any, ...], str]]:
    for name, resource in template.body["Resources"].items():
        if resource["Type"].startswith(PREFIXES):
            yield from ((path, value) for path, value in walk(resource, (name,)) if isinstance(value, str))


def names(value: str) -> list[str]:
    whole = IN_MAPPING.fullmatch(value)
    return [whole[1]] if whole else IN_TEXT.findall(value)


def wrong_name(name: str, rest: bool) -> str | None:
    if name.startswith("authorizer."):
        member = name.removeprefix("authorizer.")
        known = authorizer_context() | OF_EVERY_AUTHORIZER
        return None if member in known else f"the authorizer's context has no {member}"
    return None if name in (REST_API if rest else HTTP_API) else f"API Gateway has no $context.{name}"


def headers(template: Template) -> Iterator[tuple[Any, ...]]:
    """Headers that are mapped, each as the end of its path."""
    for name, resource in template.body["Resources"].items():
        if resource["Type"] == "AWS::ApiGatewayV2::Integration":
            for path, value in walk(resource["Properties"], (name,)):
                if path[-1] == "Destination" and isinstance(value, str):
                    yield (*path, value)
                elif path[-1] == "RequestParameters" and isinstance(value, dict):
                    yield from ((*path, destination) for destination in value)


def reserved(destination: str) -> str | None:
    action, _, header = destination.partition(":header.")
    header = header.lower()
    if header and action not in ("append", "overwrite", "remove"):
        return f"{action} is none of append, overwrite and remove"
    if header in RESERVED or header.startswith(RESERVED_BEGINNINGS):
        return f"the header {header} is reserved"
    return None


def findings_at(position: Position) -> list[str]:
    """Of documents that are put together from parts: JSON where it has to be."""
    found = []
    for name, path in (("Stage", "AccessLogSettings"), ("Dashboard", "DashboardBody")):
        value = position.resources.get(name, {}).get("Properties", {}).get(path)
        document = value["Format"] if isinstance(value, dict) else value
        if document is not None:
            try:
                json.loads(document.text if isinstance(document, Unknown) else document)
            except ValueError as error:
                found.append(f"{name}.{path}: not JSON: {error}")
    return found
