"""Applies the authorizer's decision in a Lambda function behind an HTTP API (payload format 2.0).

    @with_tollgate
    def handler(event, lambda_context):
        return {"statusCode": 200, "body": "hello"}

Deploy Tollgate with OnThrottle=function. Otherwise API Gateway itself rejects throttled requests
with 403.
"""

import functools
import json

HEADERS = {
    "ratelimit-policy": "ratelimit_policy",
    "ratelimit": "ratelimit",
    "retry-after": "retry_after",
}

PROBLEMS = {
    "throttled": {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "The plan's rate limit or quota is exceeded. Retry after the time in Retry-After.",
    },
    "unavailable": {
        "type": "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "The limits of the plan cannot be checked at the moment.",
    },
}

# The values of `auth` for callers that the authorizer has identified.
IDENTIFIED = ("api_key", "jwt", "introspection", "mtls")

# The route has no authorizer, or the authorizer is not Tollgate.
NO_DECISION = {"type": "about:blank", "title": "Internal Server Error", "status": 500}


def with_tollgate(handler):
    """Returns a handler that calls `handler` only for requests within their limits."""

    @functools.wraps(handler)
    def checked(event, lambda_context):
        authorizer = event.get("requestContext", {}).get("authorizer") or {}
        context = authorizer.get("lambda") or {}
        if context.get("decision") not in ("allowed", "degraded"):
            return _refusal(context)
        if _is_preflight(event, context):
            return {"statusCode": 204}

        response = handler(event, lambda_context)
        if not isinstance(response, dict) or not isinstance(response.get("statusCode"), int):
            raise TypeError(
                "the handler returned no statusCode, expected a response with statusCode"
            )
        headers = {**(response.get("headers") or {}), **_limit_headers(context)}
        return {**response, "headers": headers}

    return checked


def _is_preflight(event, context):
    """True for a CORS preflight request. The authorizer allows it without credentials and without a
    charge, so the handler must not run. CORS of the API adds the headers.
    """
    method = event.get("requestContext", {}).get("http", {}).get("method")
    return method == "OPTIONS" and context.get("auth") not in IDENTIFIED


def _refusal(context):
    """Returns the response to a request that is not within its limits."""
    problem = PROBLEMS.get(context.get("decision"), NO_DECISION)
    if problem is NO_DECISION:
        print("The request has no decision of the authorizer")
    headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
    return {
        "statusCode": problem["status"],
        "headers": {**headers, **_limit_headers(context)},
        "body": json.dumps(problem),
    }


def _limit_headers(context):
    """Returns the headers whose values are in the authorizer's context."""
    return {name: context[field] for name, field in HEADERS.items() if context.get(field)}
