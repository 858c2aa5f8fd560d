"""Copies the response mappings of one status code to the others in template.yaml.

API Gateway matches exact status codes only, and CloudFormation has no aliases. In an integration, the mappings of 200 in
block style are the original. Every other status code is one line with a copy of it. On routes with the authorizer, 429
and 503 also have Retry-After.
"""

from __future__ import annotations

import re

# The status codes of docs/reference/context.md.
STATUSES = (
    "200 201 202 204 206 301 302 303 304 307 308 400 401 403 404 405 406 409 410 412 413 415 422 429 500 501 502 503 504"
).split()
INTEGRATION = re.compile(r'^      ResponseParameters:\n((?:        "\d{3}":.*\n(?:          .*\n)*)+)', re.M)
ORIGINAL = re.compile(r'^        "200":\n          ResponseParameters:\n((?:            - .*\n)+)', re.M)
RETRY_AFTER = '{Destination: "overwrite:header.retry-after", Source: $context.authorizer.retry_after}'
STATUSES_WITH_RETRY_AFTER = ("429", "503")


def with_copies(template: str) -> str:
    """Returns the template with new copies in each integration."""
    return INTEGRATION.sub(lambda found: "      ResponseParameters:\n" + _statuses(found[1]), template)


def _statuses(block: str) -> str:
    original = ORIGINAL.search(block)
    if original is None:
        raise ValueError('template.yaml: expected the mappings of "200" in block style')

    mappings = [line.strip().removeprefix("- ") for line in original[1].splitlines()]
    retry_after = [RETRY_AFTER] if "$context.authorizer." in original[1] else []
    copies = (
        _copy(status, mappings + (retry_after if status in STATUSES_WITH_RETRY_AFTER else []))
        for status in STATUSES
        if status != "200"
    )
    return original[0] + "".join(copies)


def _copy(status: str, mappings: list[str]) -> str:
    return f'        "{status}": {{ResponseParameters: [{", ".join(mappings)}]}}\n'
