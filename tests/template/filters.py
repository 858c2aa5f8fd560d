"""Filter patterns of logs, as far as this template uses them: comparisons of members, joined by `&&` and `||`."""

from __future__ import annotations

import json
import re
from typing import Any, Iterator

from .document import PROJECT
from .metrics import source

COMPARISON = re.compile(r'\$\.(?P<member>[\w.]+) (?P<operator>=|!=) "(?P<value>[^"]*)"')
TOKEN = re.compile(r"(?P<comparison>%s)|(?P<sign>&&|\|\||[()])|(?P<space>\s+)" % COMPARISON.pattern)
EVENT = re.compile(r"(?:tracing::(?:trace|debug|info|warn|error))!\((?P<fields>.*?)\n?\s*\);", re.DOTALL)
FIELD = re.compile(r"(?:^|,)\s*(?P<name>[a-z]\w*)\s*(?:=[^=]|,|$)|(?:^|,)\s*[?%](?P<shown>[a-z]\w*)")
# Of Lambda's own lines ("Lambda Telemetry API Event schema reference").
PLATFORM = {"type", "record", "time"}
# What the functions' lines are made of, by the log group's resource.
SHARED = ("crates/aws/src", "crates/telemetry/src", "crates/usage/src")
FUNCTIONS = {
    "AuthorizerLogGroup": "functions/authorizer/src",
    "LimiterLogGroup": "functions/limiter/src",
    "AlbSyncLogGroup": "functions/alb-sync/src",
    "MetricsPublisherLogGroup": "functions/metrics-publisher/src",
}


class Pattern:
    """A pattern, read once. `&&` binds closer than `||`; any form that is not used here is an error."""

    def __init__(self, text: str) -> None:
        self.text = text
        body = text.strip()
        if not (body.startswith("{") and body.endswith("}")):
            raise ValueError(f"`{text}` is no pattern of members")
        self.tokens = list(self.read(body[1:-1]))
        self.comparisons = [it for it in self.tokens if not isinstance(it, str)]
        self.matches({})

    def read(self, body: str) -> Iterator[re.Match[str] | str]:
        place = 0
        while place < len(body):
            token = TOKEN.match(body, place)
            if not token:
                raise ValueError(f"`{self.text}` is not understood from `{body[place:]}` on")
            place = token.end()
            if token["comparison"]:
                yield token
            elif token["sign"]:
                yield token["sign"]

    def matches(self, line: dict[str, Any]) -> bool:
        """Whether CloudWatch Logs would count a line. A member that is not there equals nothing."""
        rest = list(self.tokens)
        result = self.joined(rest, line, "||")
        if rest:
            raise ValueError(f"`{self.text}` has a sign too many")
        return result

    def joined(self, rest: list[re.Match[str] | str], line: dict[str, Any], by: str) -> bool:
        part = (lambda: self.joined(rest, line, "&&")) if by == "||" else (lambda: self.single(rest, line))
        results = [part()]
        while rest and rest[0] == by:
            rest.pop(0)
            results.append(part())
        return any(results) if by == "||" else all(results)

    def single(self, rest: list[re.Match[str] | str], line: dict[str, Any]) -> bool:
        first = rest.pop(0) if rest else ")"
        if not isinstance(first, str):
            return compared(first, line)
        if first != "(":
            raise ValueError(f"`{self.text}` has no comparison where one belongs")
        result = self.joined(rest, line, "||")
        if not rest or rest.pop(0) != ")":
            raise ValueError(f"`{self.text}` has a bracket that does not close")
        return result


def compared(comparison: re.Match[str], line: dict[str, Any]) -> bool:
    value: Any = line
    for name in comparison["member"].split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str):
        return False
    equal = comparison["value"] in ("*", value)
    return equal if comparison["operator"] == "=" else not equal


def members(log_group: str, access_log_format: str) -> set[str]:
    """The members that a log group's lines have."""
    if log_group not in FUNCTIONS:
        return set(json.loads(access_log_format))
    folders = (*SHARED, FUNCTIONS[log_group])
    paths = [path for folder in folders for path in (PROJECT / folder).rglob("*.rs")]
    events = [it["fields"] for path in paths for it in EVENT.finditer(path.read_text())]
    names = {it["name"] or it["shown"] for event in events for it in FIELD.finditer(event)}
    return names | {"api_call", "message", "level"} | PLATFORM


def values(member: str) -> set[str] | None:
    """The values that a member may have, where the sources list them."""
    if member == "decision":
        return set(re.findall(r'= "([a-z]+)"', source("crates/outcome/src/decision.rs")))
    if member == "reason":
        return set(re.findall(r'= "([a-z_]+)"', source("crates/outcome/src/reason.rs")))
    if member == "to":
        return set(re.findall(r"State::(\w+)", source("crates/aws/src/breaker.rs")))
    return None
