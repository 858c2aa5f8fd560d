"""Copies the response mappings of one status code to the others in template.yaml.

API Gateway matches exact status codes only, and CloudFormation has no aliases. In an integration, the status codes with
mappings in block style are the originals. Every other status code is one line: 503 copies 429, and the rest copy 200.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# The status codes of docs/reference/context.md.
STATUSES = (
    "200 201 202 204 206 301 302 303 304 307 308 400 401 403 404 405 406 409 410 412 413 415 422 429 500 501 502 503 504"
).split()
INTEGRATION = re.compile(r'^      ResponseParameters:\n((?:        "\d{3}":.*\n(?:          .*\n)*)+)', re.M)
ORIGINAL = re.compile(r'^        "(\d{3})":\n          ResponseParameters:\n((?:            - .*\n)+)', re.M)


def with_copies(template: str) -> str:
    """Returns the template with new copies in each integration."""
    return INTEGRATION.sub(lambda found: "      ResponseParameters:\n" + _statuses(found[1]), template)


def _statuses(block: str) -> str:
    originals = dict(ORIGINAL.findall(block))
    if "200" not in originals:
        raise ValueError('template.yaml: expected the mappings of "200" in block style')
    return "".join(_lines(originals))


def _lines(originals: dict[str, str]) -> Iterator[str]:
    for status in STATUSES:
        if status in originals:
            yield f'        "{status}":\n          ResponseParameters:\n{originals[status]}'
            continue
        source = originals.get("429", originals["200"]) if status == "503" else originals["200"]
        entries = [line.strip().removeprefix("- ") for line in source.splitlines()]
        yield f'        "{status}": {{ResponseParameters: [{", ".join(entries)}]}}\n'
