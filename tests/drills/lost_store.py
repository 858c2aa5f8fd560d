"""The store is lost for a minute.

What happens: DynamoDB takes requests and answers none of them, for DRILL_OUTAGE_S seconds (60). Then it goes on.

What must hold: every request is answered, within seconds. A caller whose plan says `allow` passes, and
the backend is told `degraded`; one whose plan says `deny` gets 503 with Retry-After and never reaches the backend; one
whose plan says `local` gets its instance's share and no more. A key that was not known before is 500 and never passes.
Once the store is back all are decided by it again within 45 s (a circuit breaker stays open for 30 s and closes after
three calls), what was used before is still used, and calls without the store were not charged, but for the few that had
been sent.

How to run it: `make drills`, or `PYTHONPATH=tests .venv-ministack/bin/python -m drills.lost_store` after `make drills`
has built the gateway.

What an operator does: nothing at first, since each plan has its answer. Look at `Decisions` by `degraded` and
`unavailable`, at `BreakerOpen` of `usage` and `registry`, and at DynamoDB's own metrics. Where an outage is long and a
plan's answer is wrong for it, PUT the plan with another `on_store_failure` once the registry can be written; instances
take it over within 30 s. New keys cannot be made and unknown ones not be looked up until the store is back.
"""

import collections
import os
import time

from rig import drill
from rig.backend import Backend
from rig.client import call, get
from rig.drill import must, step
from rig.gateway import Gateway
from rig.processes import Ministack, wait_until

OUTAGE_S = float(os.environ.get("DRILL_OUTAGE_S", "60"))
RECOVERY_S = 45
SLOWEST_S = 5
INSTANCES = 4
# Charges that had been sent when the store stopped answering; it makes them when it goes on.
UNKNOWN = 12
LIMITS = {"throttle": {"rate": 1000, "burst": 10000}, "quotas": [{"limit": 100000, "period": "month"}]}
PLANS = {
    "open": {**LIMITS, "on_store_failure": "allow"},
    "closed": {**LIMITS, "on_store_failure": "deny"},
    "shared-out": {"throttle": {"rate": 0.01, "burst": 20}, "on_store_failure": "local"},
}
KEYS = {plan: f"drill-key-000000-{plan}" for plan in PLANS}
# In the registry, and asked for only when the store is gone.
LATE = "drill-key-000000-never-seen"


def seeds() -> dict:
    keys = [{"key": key, "key_id": plan, "plan": plan} for plan, key in KEYS.items()]
    return {"plans": PLANS, "keys": [*keys, {"key": LATE, "key_id": "late", "plan": "open"}]}


def lost(path):
    with Ministack(path) as store, Backend(path) as backend:
        # The deadline is longer than it is deployed with, since it is not a slow machine that this is about.
        parameters = {"LocalInstances": INSTANCES, "DecisionDeadlineMs": 1000}
        addresses = {"endpoint": store.url, "backend": backend.url}
        with Gateway(path, "gateway", seeds(), parameters=parameters, **addresses) as gateway:
            before(gateway, backend)
            counted = charged(gateway.port)
            step(f"the store hangs for {OUTAGE_S:.0f} s")
            store.hang()
            answers = during(gateway)
            store.go_on()
            step("the store goes on")
            judge(answers, backend)
            after(gateway, counted)


def before(gateway, backend):
    step("with the store")
    for plan, key in KEYS.items():
        wait_until(lambda key=key: allowed(gateway, backend, key), 30, f"{plan} is decided by the store")
        must(True, f"a caller of `{plan}` is decided on by the store")


def allowed(gateway, backend, key: str) -> bool:
    """Whether a call passes, decided by the store: a slow machine may have missed the deadline."""
    answer = get(gateway.port, "/orders", key)
    return answer.status == 200 and backend.seen()[-1]["headers"]["x-tollgate-decision"] == "allowed"


def charged(port: int) -> dict:
    """Calls of the month, as the store counts them."""
    reports = {plan: call(port, "GET", f"/_tollgate/v1/keys/{plan}/usage").json() for plan in ("open", "closed")}
    return {plan: report["quotas"][0]["usage"][0] for plan, report in reports.items()}


def during(gateway) -> dict:
    answers = collections.defaultdict(list)
    end = time.monotonic() + OUTAGE_S
    while time.monotonic() < end:
        for name, key in {**KEYS, "late": LATE}.items():
            answers[name].append(get(gateway.port, f"/{name}", key))
        time.sleep(0.2)
    return answers


def judge(answers: dict, backend):
    counts = {name: collections.Counter(answer.status for answer in some) for name, some in answers.items()}
    decisions = collections.defaultdict(collections.Counter)
    for request in backend.seen():
        decisions[request["line"].split()[1]][request["headers"]["x-tollgate-decision"]] += 1
    print(f"  answers {({name: dict(count) for name, count in counts.items()})}")
    slowest = max(answer.answered - answer.sent for some in answers.values() for answer in some)
    must(slowest < SLOWEST_S, f"every request is answered within {SLOWEST_S} s", f"{slowest:.1f} s")
    must(set(counts["open"]) == {200}, "`allow` passes", counts["open"])
    must(set(decisions["/open"]) == {"degraded"}, "and the backend is told `degraded`", decisions["/open"])
    must(set(counts["closed"]) == {503}, "`deny` is 503", counts["closed"])
    told = [answer.headers.get("retry-after", "0") for answer in answers["closed"]]
    must(all(int(seconds) >= 1 for seconds in told), "with Retry-After")
    must("/closed" not in decisions, "and never reaches the backend")
    share = PLANS["shared-out"]["throttle"]["burst"] // INSTANCES
    must(decisions["/shared-out"]["degraded"] == share, f"`local` passes {share} times", decisions["/shared-out"])
    must(set(counts["late"]) == {500} and "/late" not in decisions, "a key that was not known is 500", counts["late"])


def after(gateway, counted: dict):
    begin, calls = time.monotonic(), dict.fromkeys(KEYS, 0)

    def is_back(plan: str) -> bool:
        """An answer without the store tells no limits."""
        calls[plan] += 1
        answer = get(gateway.port, "/back", KEYS[plan])
        return answer.status == 200 and "ratelimit" in answer.headers

    for plan in KEYS:
        wait_until(lambda plan=plan: is_back(plan), RECOVERY_S, f"the store decides on `{plan}`")
    wait_until(lambda: get(gateway.port, "/back", LATE).status == 200, RECOVERY_S, "the key is looked up")
    must(True, f"the store decides on all, {time.monotonic() - begin:.0f} s after it is back")
    for plan, now in charged(gateway.port).items():
        most = counted[plan] + calls[plan] + UNKNOWN
        must(counted[plan] < now <= most, f"`{plan}` has used what it had and now has", (counted[plan], now, most))
    must("panicked" not in gateway.log.read_text(errors="replace"), "nothing panicked")


if __name__ == "__main__":
    drill.run("lost_store", lost)
