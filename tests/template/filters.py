"""Filter patterns of logs, as far as this template uses them: comparisons of members, joined by `&&` or by `||`."""

from __future__ import annotations

import json
import re
from typing import Any

from .metrics import source
from .document import PROJECT

COMPARISON = re.compile(r'\$\.(?P<member>[\w.]+) (?P<operator>=|!=) "(?P<value>[^"]*)"')
EVENT = re.compile(r"(?:tracing::(?:trace|debug|info|warn|error)|told)!\((?P<fields>.*?)\n?\s*\);", re.DOTALL)
FIELD = re.compile(r"(?:^|,)\s*(?P<name>[a-z]\w*)\s*(?:=[^=]|,|$)|(?:^|,)\s*[?%](?P<shown>[a-z]\w*)")
# What the functions' lines are made of, by the log group's resource.
SHARED = ("crates/calls/src", "crates/telemetry/src", "crates/usage/src")
FUNCTIONS = {
    "AuthorizerLogGroup": "functions/authorizer/src",
    "LimiterLogGroup": "functions/limiter/src",
    "AlbSyncLogGroup": "functions/alb-sync/src",
    "MetricsPublisherLogGroup": "functions/metrics-publisher/src",
}


def comparisons(pattern: str) -> tuple[str, list[re.Match[str]]]:
    """What joins a pattern's comparisons, and these. A pattern of any other form is an error."""
    found = list(COMPARISON.finditer(pattern))
    rest = re.sub(r"[\s(){}]", "", COMPARISON.sub("", pattern))
    joined = set(re.findall(r"&&|\|\|", rest))
    if not found or len(joined) > 1 or re.sub(r"&&|\|\|", "", rest) or not pattern.startswith("{"):
        raise ValueError(f"`{pattern}` is no pattern of comparisons with one operator between them")
    return (joined or {"&&"}).pop(), found


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """Whether CloudWatch Logs would count a line. A member that is not there equals nothing."""
    operator, found = comparisons(pattern)
    results = [compared(it, line) for it in found]
    return all(results) if operator == "&&" else any(results)


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
    return names | {"api_call", "message", "level"}


def values(member: str) -> set[str] | None:
    """The values that a member may have, where the sources list them."""
    if member == "decision":
        return set(re.findall(r'"([a-z]+)"', source("functions/authorizer/src/answer.rs")))
    if member == "reason":
        return set(re.findall(r'=> "([a-z_]+)"', source("functions/authorizer/src/reason.rs")))
    if member == "to":
        return set(re.findall(r"State::(\w+)", source("crates/calls/src/breaker.rs")))
    return None
