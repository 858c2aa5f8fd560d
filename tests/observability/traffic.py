"""The requests of the scene: allowed, throttled, unauthorized, forbidden and failed ones."""

import collections
import dataclasses
import http.client
import secrets

from harness.client import call
from harness.gateway import Gateway

PLANS = {
    "pro": {},
    "free": {"throttle": {"rate": 0.1, "burst": 4}},
    "trial": {"quotas": [{"limit": 2, "period": "day"}]},
    "strict": {"throttle": {"rate": 1000, "burst": 1000}, "on_store_failure": "deny"},
    "overage": {"quotas": [{"limit": 1, "period": "month", "overage": "allow"}]},
    "shadow": {"throttle": {"rate": 0.1, "burst": 1}, "shadow": True},
}
POLICY = {
    "rules": [
        {"match": "GET /health", "auth": "none"},
        {"match": "ANY /admin/{proxy+}", "auth": "any", "scopes": ["admin"]},
        {"match": "ANY /slow/{proxy+}", "auth": "any"},
        {"match": "ANY /{proxy+}", "auth": "any"},
    ]
}

# A complete response, and one that lacks a part.
COMPOSITIONS = {
    "services": {"default": {"url": "http://services.example"}},
    "routes": {
        "GET /bff/dashboard": {"parts": {"orders": {"get": "/orders"}, "slow": {"get": "/slow/report"}}},
        "GET /bff/report": {"parts": {"orders": {"get": "/orders"}, "report": {"get": "/fail"}}},
    },
}

# Keys that send nothing but one burst each. The plan of each has the same name.
BURST_KEYS = [f"batch-{number}" for number in range(5)]
BURST_ALLOWED, BURST_THROTTLED = 4, 16


def key(plan: str) -> str:
    return f"observability-key-{plan}"


def seeds() -> dict:
    keys = [{"key": key(plan), "key_id": f"{plan}-key", "plan": plan} for plan in PLANS]
    keys += [{"key": key(name), "key_id": name, "plan": name} for name in BURST_KEYS]
    bursts = dict.fromkeys(BURST_KEYS, {"throttle": {"rate": 0.001, "burst": BURST_ALLOWED}})
    return {"plans": {**PLANS, **bursts}, "keys": keys}


@dataclasses.dataclass(frozen=True)
class Request:
    """A request with the key of a plan, or with another key, or with none."""

    path: str
    plan: str | None = None
    method: str = "GET"
    key: str | None = None

    def headers(self) -> dict[str, str]:
        secret = key(self.plan) if self.plan else self.key
        return {"x-api-key": secret} if secret else {}


MIX = [
    *(Request("/orders", plan) for plan in PLANS),
    Request("/orders", "pro", "POST"),
    Request("/slow/report?ms=200", "pro"),
    Request("/fail", "pro"),
    Request("/hang-up", "pro"),
    Request("/break-off", "pro"),
    Request("/orders", key="unknown-key-of-a-stranger"),
    Request("/orders"),
    Request("/admin/users", "pro"),
    Request("/health"),
    Request("/_tollgate/v1/plans"),
    Request("/bff/dashboard", "pro"),
    Request("/bff/report", "pro"),
]


class Client:
    """Sends requests to a gateway, each with a sampled trace, and counts the responses by status."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.statuses: collections.Counter[int] = collections.Counter()
        self.sampled: set[str] = set()
        self.unsampled: set[str] = set()

    def send(self, requests: list[Request]) -> None:
        for number, request in enumerate(requests):
            trace = self._trace(is_sampled=number % 2 == 0)
            headers = {**request.headers(), "traceparent": trace}
            self.statuses[self._status(request, headers)] += 1

    def _status(self, request: Request, headers: dict[str, str]) -> int:
        try:
            return call(self.gateway.port, request.method, request.path, headers).status
        except (ConnectionError, http.client.IncompleteRead):
            if request.path != "/break-off":
                raise
            # The body ends early, after this status.
            return 200

    def _trace(self, is_sampled: bool) -> str:
        trace_id = secrets.token_hex(16)
        (self.sampled if is_sampled else self.unsampled).add(trace_id)
        return f"00-{trace_id}-{secrets.token_hex(8)}-0{int(is_sampled)}"
