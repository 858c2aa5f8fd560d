"""Log lines of a local gateway that served allowed, refused and throttled requests and
administrative changes, as CloudWatch Logs stores the lines of a deployed stack.
"""

from __future__ import annotations

import datetime
import json
import time
from typing import Any

from harness.client import Response, call, get
from harness.gateway import Gateway
from harness.http_server import QuietHandler
from harness.logs_insights import LogLine
from harness.processes import wait_until

ACCESS, AUTHORIZER, LIMITER = "access", "authorizer", "limiter"
LIMITERS_MESSAGES = ("handled the request", "administrative change")
# Far above the time of the gateway itself, also on a busy machine.
SLOW_S = 0.4
PLANS = {
    "trial": {"quotas": [{"limit": 3, "period": "month"}]},
    "steady": {"throttle": {"rate": 0.01, "burst": 2}},
    "gold": {"throttle": {"rate": 1_000, "burst": 1_000}},
}
KEYS = {name: f"{name}-key-0000000000000000001" for name in ("acme", "beta", "gold")}
SEEDS = {
    "plans": PLANS,
    "keys": [
        {"key": KEYS["acme"], "key_id": "acme", "plan": "trial"},
        {"key": KEYS["beta"], "key_id": "beta", "plan": "steady"},
        {"key": KEYS["gold"], "key_id": "gold", "plan": "gold"},
    ],
}
POLICY = {
    "rules": [
        {"match": "GET /slow", "auth": "api_key"},
        {"match": "GET /fast", "auth": "api_key"},
    ]
}


class Backend(QuietHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(SLOW_S)
        self.respond(b"{}")


def requests(gateway: Gateway) -> list[Response]:
    """Makes allowed, throttled and refused requests."""
    sent = [get(gateway.port, "/fast", KEYS["acme"]) for _ in range(5)]
    sent += [get(gateway.port, "/fast", KEYS["beta"]) for _ in range(6)]
    sent += [get(gateway.port, "/fast", KEYS["gold"]) for _ in range(3)]
    sent += [get(gateway.port, "/slow", KEYS["gold"]) for _ in range(2)]
    sent += [get(gateway.port, "/fast", "unknown-key-00000000000001") for _ in range(2)]
    return [*sent, get(gateway.port, "/fast"), get(gateway.port, "/other", KEYS["gold"])]


def changes(gateway: Gateway) -> None:
    """Makes administrative changes, two of them of the key `beta` and its plan."""
    admin = "/_tollgate/v1"
    for method, path, body in (
        ("PUT", f"{admin}/plans/steady", {"throttle": {"rate": 1, "burst": 3}}),
        ("PUT", f"{admin}/plans/gold", {"throttle": {"rate": 1_000, "burst": 2_000}}),
        ("PATCH", f"{admin}/keys/beta", {"enabled": False}),
    ):
        response = call(gateway.port, method, path, body=body)
        if response.status != 200:
            raise AssertionError((path, response.status, response.body))


def records(gateway: Gateway, count: int) -> list[dict[str, Any]]:
    """Returns the lines of the log once the access log has as many lines as requests were made."""

    def complete() -> list[dict[str, Any]] | None:
        found = gateway.log_records()
        return found if sum("route_key" in it for it in found) >= count else None

    return wait_until(complete, 30, "the access log of the gateway")


def log_lines(records: list[dict[str, Any]]) -> list[LogLine]:
    """Adds the envelope of CloudWatch Logs. The access log and each function have a group. A line
    of call records has no time, and gets that of the line before it.
    """
    found, last = [], datetime.datetime.now(datetime.UTC)
    for record in records:
        if "route_key" in record:
            last = datetime.datetime.fromtimestamp(int(record["time_ms"]) / 1_000, datetime.UTC)
        elif "timestamp" in record:
            last = datetime.datetime.fromisoformat(record["timestamp"])
        found.append(LogLine(group_of(record), shown(last), json.dumps(record)))
    return found


def group_of(record: dict[str, Any]) -> str:
    if "route_key" in record:
        return ACCESS
    return LIMITER if record.get("message") in LIMITERS_MESSAGES else AUTHORIZER


def shown(instant: datetime.datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
