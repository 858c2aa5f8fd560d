"""The callers of a chaos run, and what a client does."""

import asyncio
import dataclasses
import random
import time

from harness.async_http import parse_head

RESPONSE_TIMEOUT_S = 30
# Every plan counts its calls, so that charges can be compared with admitted calls.
COUNTED = {"name": "counted", "limit": 1_000_000, "period": "month"}
PLANS = {
    "roomy": {"throttle": {"rate": 1000, "burst": 10000}, "on_store_failure": "deny"},
    "steady": {"throttle": {"rate": 2, "burst": 10}, "on_store_failure": "deny"},
    "open": {"throttle": {"rate": 2, "burst": 10}, "on_store_failure": "allow"},
    "local": {"throttle": {"rate": 4, "burst": 9}, "on_store_failure": "local"},
    "few": {"quotas": [{**COUNTED, "limit": 150}], "on_store_failure": "deny"},
    "leased": {
        "throttle": {"rate": 20, "burst": 40},
        "lease": 16,
        "on_store_failure": "deny",
    },
    "patient": {"throttle": {"rate": 0.5, "burst": 2}, "on_store_failure": "deny"},
}
# The number of keys of each plan, the clients of each key, and the mean pause of a client.
CALLERS = {
    "roomy": (4, 1, 0.4),
    "steady": (3, 3, 0.6),
    "open": (2, 3, 0.6),
    "local": (1, 3, 0.5),
    "few": (1, 2, 0.8),
    "leased": (1, 4, 0.15),
    "patient": (3, 1, 0.2),
}
UNKNOWN, UNKNOWN_CLIENTS, UNKNOWN_PAUSE_S = "unknown", 2, 0.5
# A little more than `Retry-After`, which is in whole seconds.
PATIENCE_S = 0.05


@dataclasses.dataclass(slots=True)
class Call:
    """A call of a client. Times are seconds of the monotonic clock. `decision` and `known` are what
    the backend received, and when; `waited_for` is the call whose `Retry-After` was waited for.
    """

    caller: str
    plan: str
    gateway: int
    sent: float
    received: float
    status: int
    retry_after: int | None = None
    decision: str | None = None
    known: float = 0.0
    waited_for: "Call | None" = None

    def is_without_store(self) -> bool:
        """True if the store did not decide."""
        return self.status in (500, 503) or self.decision == "degraded"


def seeds() -> dict:
    plans = {
        name: plan if "quotas" in plan else {**plan, "quotas": [COUNTED]}
        for name, plan in PLANS.items()
    }
    keys = [
        {"key": secret(caller), "key_id": caller, "plan": plan}
        for caller, plan in callers().items()
    ]
    return {"plans": plans, "keys": keys}


def callers() -> dict[str, str]:
    """Returns the plan of each caller with a key."""
    return {
        f"{plan}-{number}": plan for plan, (keys, _, _) in CALLERS.items() for number in range(keys)
    }


def secret(caller: str) -> str:
    return f"chaos-key-000000000-{caller}"


class Client:
    """Calls the gateways in a random order."""

    def __init__(
        self, number: int, caller: str, plan: str, pause_s: float, ports: list[int], calls: dict
    ) -> None:
        self.number, self.caller, self.plan, self.pause_s = number, caller, plan, pause_s
        self.ports, self.calls = ports, calls
        self.dice, self.count = random.Random(number), 0
        self.unanswered: list[str] = []

    async def run(self, end: float) -> None:
        waited_for = None
        while time.monotonic() < end:
            call = await self.call(self.dice.randrange(len(self.ports)), waited_for)
            waited_for = None
            if self.plan == "patient" and call is not None and call.status == 429:
                await asyncio.sleep((call.retry_after or 1) + PATIENCE_S)
                waited_for = call
            else:
                await asyncio.sleep(self.pause_s * self.dice.uniform(0.5, 1.5))

    async def call(self, gateway: int, waited_for: Call | None = None) -> Call | None:
        """Calls a gateway over a connection of its own. Returns nothing without a response."""
        self.count += 1
        identifier = f"{self.number}-{self.count}"
        sent = time.monotonic()
        try:
            async with asyncio.timeout(RESPONSE_TIMEOUT_S):
                status, headers = await self._exchange(gateway, identifier)
        except (OSError, EOFError, TimeoutError) as error:
            self.unanswered.append(f"{self.caller} at gateway {gateway}: {error!r}")
            return None

        after = headers.get("retry-after")
        call = Call(
            self.caller,
            self.plan,
            gateway,
            sent,
            time.monotonic(),
            status,
            int(after) if after else None,
            waited_for=waited_for,
        )
        self.calls[identifier] = call
        return call

    async def _exchange(self, gateway: int, identifier: str) -> tuple[int, dict[str, str]]:
        key = (
            f"chaos-nobodys-{self.dice.getrandbits(64):020}"
            if self.caller == UNKNOWN
            else secret(self.caller)
        )
        request = (
            f"GET /orders HTTP/1.1\r\nhost: chaos\r\nx-api-key: {key}\r\n"
            f"x-call: {identifier}\r\nconnection: close\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[gateway])
        try:
            writer.write(request.encode())
            words, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(int(headers.get("content-length", "0")))
        finally:
            writer.close()
        return int(words[1]), headers


def clients(ports: list[int], calls: dict[str, Call]) -> list[Client]:
    described = [
        (caller, plan, CALLERS[plan][2])
        for caller, plan in callers().items()
        for _ in range(CALLERS[plan][1])
    ]
    described += [(UNKNOWN, UNKNOWN, UNKNOWN_PAUSE_S)] * UNKNOWN_CLIENTS
    return [Client(number, *it, ports, calls) for number, it in enumerate(described)]
