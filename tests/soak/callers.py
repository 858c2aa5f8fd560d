"""The callers of a soak test, their plans, and the statuses that are right for each of them."""

import dataclasses
import json
import os
import pathlib
import random
import subprocess

from harness.paths import GATEWAY

# The mean pause between two calls of a client, in seconds. Rates follow it, so that a slow machine
# reaches the limits.
PAUSE_S = float(os.environ.get("SOAK_PAUSE_S", "1"))
DEADLINE_MS = os.environ.get("SOAK_DEADLINE_MS", "1000")
LOCAL_INSTANCES = 4
STAGE_RATE, STAGE_BURST = 40 / PAUSE_S, 40


def bucket(calls_per_pause: float, burst: int) -> dict:
    return {"throttle": {"rate": calls_per_pause / PAUSE_S, "burst": burst}}


PLANS = {
    "steady": {**bucket(0.6, 10), "on_store_failure": "deny"},
    "open": {**bucket(0.6, 10), "on_store_failure": "allow"},
    "local": {**bucket(0.6, 8), "on_store_failure": "local"},
    "monthly": {
        **bucket(0.6, 10),
        "quotas": [{"limit": 40, "period": "month"}],
        "on_store_failure": "deny",
    },
    "leased": {**bucket(1.8, 20), "lease": 16, "on_store_failure": "deny"},
    "shared": {**bucket(1.2, 12), "shared_by_plan": True, "on_store_failure": "deny"},
    "paired": {**bucket(0.6, 10), "on_store_failure": "deny"},
    "people": {**bucket(0.45, 6), "on_store_failure": "deny"},
    "anonymous": {**bucket(0.3, 4), "on_store_failure": "deny"},
}
# The number of keys of each plan, and the number of clients that share them.
KEYS = {
    "steady": (12, 24),
    "open": (4, 4),
    "local": (2, 2),
    "monthly": (2, 4),
    "leased": (1, 4),
    "shared": (2, 4),
    "paired": (2, 2),
}
POLICY = {
    "rules": [
        {"match": "POST /login", "auth": "none", "plan": "anonymous", "limit_by": "ip"},
        {"match": "ANY /{proxy+}", "auth": "any"},
    ]
}
# 429 for the caller's limit, 502 without the backend, 503 without the store if the plan denies.
LIMITED = {200, 429, 502, 503}


@dataclasses.dataclass
class Caller:
    """A client's requests and the statuses that are right for it. `usage` names the limits that it
    is charged to.
    """

    role: str
    usage: str | None
    plan: str | None
    statuses: set
    method: str = "GET"
    path: str = "/orders"
    address: str = "127.0.0.1"
    headers: dict = dataclasses.field(default_factory=dict)
    dice: random.Random | None = None

    def request_headers(self) -> dict:
        """Returns the headers of the next request. The caller with unknown keys sends a new key
        each time.
        """
        if self.role == "unknown key":
            return {"x-api-key": f"soak-nobodys-{self.dice.getrandbits(64):020}"}
        return self.headers


def key_id(plan: str, number: int) -> str:
    return f"{plan}-{number}"


def key(plan: str, number: int) -> str:
    return f"soak-key-000000-{plan}-{number:04}"


def seeds() -> dict:
    keys = [
        {"key": key(plan, number), "key_id": key_id(plan, number), "plan": plan}
        for plan, (keys, _) in KEYS.items()
        for number in range(keys)
    ]
    return {"plans": PLANS, "keys": keys}


def parameters() -> dict:
    return {
        "AuthPolicy": json.dumps(POLICY),
        "StageRateLimit": STAGE_RATE,
        "StageBurstLimit": STAGE_BURST,
        "LocalInstances": LOCAL_INSTANCES,
        "DecisionDeadlineMs": DEADLINE_MS,
    }


def token(folder: pathlib.Path, subject: str) -> str:
    """Returns a token of the local issuer. Its signing key is in the folder that the gateway runs
    in.
    """
    command = [str(GATEWAY), "token", "--sub", subject, "--plan", "people", "--expires-in", "86400"]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def callers(folder: pathlib.Path) -> list[Caller]:
    """Returns the 64 callers."""
    everyone = [
        key_caller(plan, number % keys, folder)
        for plan, (keys, clients) in KEYS.items()
        for number in range(clients)
    ]

    for user in (f"user-{number}" for number in range(8)):
        everyone.append(
            Caller("token", f"user#{user}", "people", LIMITED, headers=bearer(token(folder, user)))
        )
    for address in (f"127.0.1.{number}" for number in range(1, 7)):
        everyone.append(
            Caller("address", f"ip#{address}", "anonymous", LIMITED, "POST", "/login", address)
        )

    # Without the store, the gateway cannot know whether a key exists and returns 500.
    everyone += [
        Caller("unknown key", None, None, {401, 429, 500}, dice=random.Random(seed))
        for seed in range(2)
    ]
    forged = token(folder, "mallory")[:-8] + "AAAAAAAA"
    everyone.append(Caller("forged token", None, None, {401, 429}, headers=bearer(forged)))
    everyone.append(Caller("no credentials", None, None, {401, 429}))
    return everyone + [
        Caller("public", None, None, {200, 429, 502}, path="/health") for _ in range(2)
    ]


def key_caller(plan: str, number: int, folder: pathlib.Path) -> Caller:
    usage = "plan#shared" if plan == "shared" else f"key#{key_id(plan, number)}"
    headers = {"x-api-key": key(plan, number)}
    if plan == "paired":
        headers |= bearer(token(folder, "paired"))
    return Caller(f"key, {plan}", usage, plan, LIMITED, headers=headers)


def bearer(text: str) -> dict:
    return {"authorization": f"Bearer {text}"}
