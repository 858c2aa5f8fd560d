"""The store does not respond for a minute.

Scenario: DynamoDB accepts requests and does not respond, for DRILL_OUTAGE_S seconds (default 60).
Then it resumes.

Expected: every request gets a response within seconds. A caller with `on_store_failure: allow` is
allowed, and the backend receives the decision `degraded`. A caller with `deny` gets 503 with
Retry-After and never reaches the backend. A caller with `local` gets its instance's share of the
limit and no more. A key that was not cached gets 500 and is never allowed. When the store is back,
it decides all requests again within 45 s: a circuit breaker stays open for 30 s and closes after
three calls. Usage from before is still counted. Calls without the store were not charged, except
for the few that had already been sent.

How to run it: `make drills`, or `PYTHONPATH=tests .venv/bin/python -m drills.lost_store` after
`make gateway`.

What an operator does: nothing at first, because each plan defines what happens. Look at `Decisions`
by `degraded` and `unavailable`, at `BreakerOpen` of `usage` and `registry`, and at DynamoDB's own
metrics. If an outage is long and a plan's `on_store_failure` is wrong for it, PUT the plan with
another value once the registry is writable. Instances pick it up within 30 s. Keys cannot be
created, and keys that are not cached cannot be looked up, until the store is back.
"""

import collections
import os
import pathlib
import time

from drills import drill
from drills.drill import check, step
from harness.client import Response, call, get
from harness.emulator import Ministack
from harness.gateway import Gateway
from harness.processes import wait_until
from harness.recording_backend import RecordingBackend

OUTAGE_S = float(os.environ.get("DRILL_OUTAGE_S", "60"))
RECOVERY_TIMEOUT_S = 45
MAX_RESPONSE_S = 5
INSTANCES = 4
# Charges that were sent before the store stopped responding. It applies them when it resumes.
MAX_CHARGES_IN_FLIGHT = 12
LIMITS = {
    "throttle": {"rate": 1000, "burst": 10000},
    "quotas": [{"limit": 100000, "period": "month"}],
}
PLANS = {
    "open": {**LIMITS, "on_store_failure": "allow"},
    "closed": {**LIMITS, "on_store_failure": "deny"},
    "shared-out": {"throttle": {"rate": 0.01, "burst": 20}, "on_store_failure": "local"},
}
KEYS = {plan: f"drill-key-000000-{plan}" for plan in PLANS}
# This key is in the registry but is used for the first time during the outage.
UNCACHED_KEY = "drill-key-000000-never-seen"


def seeds() -> dict:
    keys = [{"key": key, "key_id": plan, "plan": plan} for plan, key in KEYS.items()]
    return {
        "plans": PLANS,
        "keys": [*keys, {"key": UNCACHED_KEY, "key_id": "uncached", "plan": "open"}],
    }


def lost_store(path: pathlib.Path) -> None:
    with Ministack(path) as store, RecordingBackend(path) as backend:
        # The deadline is longer than the deployed one because this drill is not about a slow
        # machine.
        parameters = {"LocalInstances": INSTANCES, "DecisionDeadlineMs": 1000}
        addresses = {"endpoint": store.url, "backend": backend.url}

        with Gateway(path, "gateway", seeds(), parameters=parameters, **addresses) as gateway:
            check_before(gateway, backend)
            used = monthly_usage(gateway.port)

            step(f"the store does not respond for {OUTAGE_S:.0f} s")
            store.pause()
            responses = call_during_outage(gateway)
            store.resume()

            step("the store is back")
            check_outage(responses, backend)
            check_recovery(gateway, used)


def check_before(gateway: Gateway, backend: RecordingBackend) -> None:
    step("with the store")
    for plan, key in KEYS.items():
        wait_until(
            lambda key=key: is_allowed(gateway, backend, key), 30, f"the store decides on `{plan}`"
        )
        check(True, f"the store decides on a caller of `{plan}`")


def is_allowed(gateway: Gateway, backend: RecordingBackend, key: str) -> bool:
    """True if a call was allowed by the store. On a slow machine a call may miss the deadline."""
    response = get(gateway.port, "/orders", key)
    return (
        response.status == 200
        and backend.requests()[-1]["headers"]["x-tollgate-decision"] == "allowed"
    )


def monthly_usage(port: int) -> dict[str, int]:
    """Returns the number of calls this month that the store counted, per plan."""
    reports = {
        plan: call(port, "GET", f"/_tollgate/v1/keys/{plan}/usage").json()
        for plan in ("open", "closed")
    }
    return {plan: report["quotas"][0]["usage"][0] for plan, report in reports.items()}


def call_during_outage(gateway: Gateway) -> dict[str, list[Response]]:
    responses = collections.defaultdict(list)
    end = time.monotonic() + OUTAGE_S

    while time.monotonic() < end:
        for name, key in {**KEYS, "uncached": UNCACHED_KEY}.items():
            responses[name].append(get(gateway.port, f"/{name}", key))
        time.sleep(0.2)
    return responses


def check_outage(responses: dict[str, list[Response]], backend: RecordingBackend) -> None:
    statuses = {
        name: collections.Counter(response.status for response in some)
        for name, some in responses.items()
    }
    decisions = collections.defaultdict(collections.Counter)
    for request in backend.requests():
        decisions[request["line"].split()[1]][request["headers"]["x-tollgate-decision"]] += 1
    print(f"  statuses { ({name: dict(count) for name, count in statuses.items()}) }")

    slowest = max(
        response.received - response.sent for some in responses.values() for response in some
    )
    check(
        slowest < MAX_RESPONSE_S,
        f"every response arrives within {MAX_RESPONSE_S} s",
        f"{slowest:.1f} s",
    )

    check(set(statuses["open"]) == {200}, "`allow` allows", statuses["open"])
    check(
        set(decisions["/open"]) == {"degraded"},
        "the backend receives `degraded`",
        decisions["/open"],
    )

    check(set(statuses["closed"]) == {503}, "`deny` returns 503", statuses["closed"])
    waits = [response.headers.get("retry-after", "0") for response in responses["closed"]]
    check(all(int(seconds) >= 1 for seconds in waits), "the 503 has Retry-After")
    check("/closed" not in decisions, "`deny` never reaches the backend")

    share = PLANS["shared-out"]["throttle"]["burst"] // INSTANCES
    admitted = decisions["/shared-out"]
    check(admitted["degraded"] == share, f"`local` admits {share} calls", admitted)

    uncached = statuses["uncached"]
    check(
        set(uncached) == {500} and "/uncached" not in decisions,
        "a key that is not cached gets 500",
        uncached,
    )


def check_recovery(gateway: Gateway, used: dict[str, int]) -> None:
    begin, calls = time.monotonic(), dict.fromkeys(KEYS, 0)

    def is_back(plan: str) -> bool:
        """True if the response reports limits, which only the store knows."""
        calls[plan] += 1
        response = get(gateway.port, "/back", KEYS[plan])
        return response.status == 200 and "ratelimit" in response.headers

    for plan in KEYS:
        wait_until(
            lambda plan=plan: is_back(plan), RECOVERY_TIMEOUT_S, f"the store decides on `{plan}`"
        )
    wait_until(
        lambda: get(gateway.port, "/back", UNCACHED_KEY).status == 200,
        RECOVERY_TIMEOUT_S,
        "the key is found",
    )
    check(True, f"the store decides all requests {time.monotonic() - begin:.0f} s after it is back")

    for plan, now in monthly_usage(gateway.port).items():
        maximum = used[plan] + calls[plan] + MAX_CHARGES_IN_FLIGHT
        check(
            used[plan] < now <= maximum,
            f"usage of `{plan}` is kept and continued",
            (used[plan], now, maximum),
        )
    check("panicked" not in gateway.log.read_text(errors="replace"), "nothing panicked")


if __name__ == "__main__":
    drill.run("lost_store", lost_store)
