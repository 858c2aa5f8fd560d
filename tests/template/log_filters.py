"""Filter patterns of CloudWatch Logs: comparisons of JSON fields, joined by `&&` and `||`.

Other kinds of patterns are errors, because the template does not use them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from harness.paths import PROJECT
from template.metrics import source

COMPARISON = re.compile(r'\$\.(?P<field>[\w.\[\]]+) (?P<operator>=|!=) "(?P<value>[^"]*)"')
# A part of a selector, such as `service` or `api_calls[0]`.
STEP = re.compile(r"(\w+)(?:\[(\d+)\])?")
TOKEN = re.compile(r"(?P<comparison>%s)|(?P<sign>&&|\|\||[()])|(?P<space>\s+)" % COMPARISON.pattern)
EVENT = re.compile(
    r"tracing::(?:trace|debug|info|warn|error)!\((?P<fields>.*?)\n?\s*\);", re.DOTALL
)
FIELD = re.compile(
    r"(?:^|,)\s*(?P<name>[a-z]\w*)\s*(?:=[^=]|,|$)|(?:^|,)\s*[?%](?P<shown>[a-z]\w*)"
)
# Fields of Lambda's own lines ("Lambda Telemetry API Event schema reference").
PLATFORM_FIELDS = {"type", "record", "time"}
# The sources that write to the functions' logs.
SHARED = ("crates/aws/src", "crates/telemetry/src", "crates/dynamodb/src", "crates/registry/src", "crates/store/src")
FUNCTIONS = {
    "AuthorizerLogGroup": "functions/authorizer/src",
    "ComposerLogGroup": "functions/composer/src",
    "LimiterLogGroup": "functions/limiter/src",
    "AlbSyncLogGroup": "functions/alb-sync/src",
    "MetricsPublisherLogGroup": "functions/metrics-publisher/src",
}


class Pattern:
    """A parsed pattern. `&&` binds more tightly than `||`."""

    def __init__(self, text: str) -> None:
        self.text = text
        body = text.strip()
        if not (body.startswith("{") and body.endswith("}")):
            raise ValueError(f"`{text}` is not a pattern for JSON")

        self.tokens = list(self._tokens(body[1:-1]))
        self.comparisons = [it for it in self.tokens if not isinstance(it, str)]
        # Matching also finds syntax errors.
        self.matches({})

    def _tokens(self, body: str) -> Iterator[re.Match[str] | str]:
        offset = 0
        while offset < len(body):
            token = TOKEN.match(body, offset)
            if not token:
                raise ValueError(f"`{self.text}` has an unknown part at `{body[offset:]}`")

            offset = token.end()
            if token["comparison"]:
                yield token
            elif token["sign"]:
                yield token["sign"]

    def matches(self, line: dict[str, Any]) -> bool:
        """True if CloudWatch Logs would count a line. A comparison with a missing field is false."""
        rest = list(self.tokens)
        result = self._combined(rest, line, "||")
        if rest:
            raise ValueError(f"`{self.text}` has an unexpected `{rest[0]}`")
        return result

    def _combined(
        self, rest: list[re.Match[str] | str], line: dict[str, Any], operator: str
    ) -> bool:
        def operand() -> bool:
            return (
                self._combined(rest, line, "&&") if operator == "||" else self._single(rest, line)
            )

        results = [operand()]
        while rest and rest[0] == operator:
            rest.pop(0)
            results.append(operand())
        return any(results) if operator == "||" else all(results)

    def _single(self, rest: list[re.Match[str] | str], line: dict[str, Any]) -> bool:
        first = rest.pop(0) if rest else ")"
        if not isinstance(first, str):
            return is_true(first, line)
        if first != "(":
            raise ValueError(f"`{self.text}` lacks a comparison before `{first}`")

        result = self._combined(rest, line, "||")
        if not rest or rest.pop(0) != ")":
            raise ValueError(f"`{self.text}` has a bracket that is not closed")
        return result


def is_true(comparison: re.Match[str], line: dict[str, Any]) -> bool:
    value: Any = line
    for name, index in STEP.findall(comparison["field"]):
        value = value.get(name) if isinstance(value, dict) else None
        if index:
            value = element(value, int(index))
    if not isinstance(value, str):
        return False
    is_equal = comparison["value"] in ("*", value)
    return is_equal if comparison["operator"] == "=" else not is_equal


def root(selector: str) -> str:
    """Returns the outermost field of a selector."""
    return STEP.match(selector)[1]


def element(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, list) and index < len(value) else None


def field_names(log_group: str, access_log_format: str) -> set[str]:
    """Returns the fields that lines of a log group have."""
    if log_group not in FUNCTIONS:
        return set(json.loads(access_log_format))

    folders = (*SHARED, FUNCTIONS[log_group])
    paths = [path for folder in folders for path in (PROJECT / folder).rglob("*.rs")]
    events = [it["fields"] for path in paths for it in EVENT.finditer(path.read_text())]
    names = {it["name"] or it["shown"] for event in events for it in FIELD.finditer(event)}
    return names | {"api_calls", "message", "level"} | PLATFORM_FIELDS


def possible_values(field: str) -> set[str] | None:
    """Returns the values that a field can have, if the sources list them."""
    if field == "decision":
        # A request that the authorizer did not identify, or did not see, has a hyphen.
        return {"-", *re.findall(r'= "([a-z]+)"', source("crates/outcome/src/decision.rs"))}
    if field == "reason":
        return set(re.findall(r'= "([a-z_]+)"', source("crates/outcome/src/reason.rs")))
    if field == "to":
        return set(re.findall(r"State::(\w+)", source("crates/aws/src/breaker.rs")))
    return None
