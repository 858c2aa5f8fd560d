"""The checks at the end of a soak test. Each returns its errors."""

import collections
import json
import pathlib

from harness.token_bucket import excess
from soak import callers as plans_and_callers
from soak.callers import Caller
from soak.clients import Results

Calls = list[tuple[float, float]]

# A breaker stays open for 30 s and closes after three calls, which are made one at a time.
RECOVERY_S = 45
# The share of responses that may fail because the whole machine stalls for a moment.
MAX_STALLED_SHARE = 0.01
# The gateway logs this error for a key that is not cached while the store does not respond.
UNCACHED_KEY_ERROR = "is not cached"


class Outage:
    """The time in which a failure may affect responses: from its begin until `effect_s` seconds
    after its end.
    """

    def __init__(self, begin: float, end: float, effect_s: float) -> None:
        self.begin, self.end = begin - 1, end + effect_s

    def overlaps(self, sent: float, received: float) -> bool:
        return sent < self.end and received > self.begin


def is_during(outages: list[Outage], sent: float, received: float) -> bool:
    return any(outage.overlaps(sent, received) for outage in outages)


def status_errors(
    results: Results,
    callers: list[Caller],
    backend_outages: list[Outage],
    store_outages: list[Outage],
) -> list[str]:
    """Finds statuses that are wrong for their callers, and 5xx without an outage."""
    wrong, stalled = collections.Counter(), 0
    for outcome in results.outcomes:
        caller = callers[outcome.caller]
        if outcome.status not in caller.statuses:
            wrong[f"{caller.role}: {outcome.status}"] += 1
        elif outcome.status == 502 and not is_during(
            backend_outages, outcome.sent, outcome.received
        ):
            wrong[f"{caller.role}: 502 while the backend was available"] += 1
        elif outcome.status in (500, 503) and not is_during(
            store_outages, outcome.sent, outcome.received
        ):
            stalled += 1

    if stalled > len(results.outcomes) * MAX_STALLED_SHARE:
        wrong["500 or 503 while the store was available"] = stalled
    print(
        f"500 or 503 while the store was available: {stalled} of {len(results.outcomes)} responses"
    )
    return [f"{error}: {count} times" for error, count in wrong.items()]


def usage_of(headers: dict) -> str | None:
    """Returns whose limits a request was charged to, from the headers that the backend received."""
    if headers.get("x-tollgate-plan") == "shared":
        return "plan#shared"
    if headers.get("x-tollgate-key-id", "-") != "-":
        return f"key#{headers['x-tollgate-key-id']}"
    if headers.get("x-tollgate-user-id", "-") != "-":
        return f"user#{headers['x-tollgate-user-id']}"
    if headers.get("x-tollgate-plan") == "anonymous":
        return f"ip#{headers['x-forwarded-for']}"
    return None


def limit_errors(received: list[dict], callers: list[Caller]) -> list[str]:
    """Finds callers of whom more calls reached the backend than their plans admit, in any window."""
    plans = {caller.usage: caller.plan for caller in callers if caller.usage}
    admitted, degraded = collections.defaultdict(list), collections.defaultdict(list)
    by_decision = {"allowed": admitted, "degraded": degraded}
    for request in received:
        headers = request["headers"]
        if (usage := usage_of(headers)) is not None:
            call = (float(headers["x-sent"]), request["at"])
            by_decision[headers["x-tollgate-decision"]][usage].append(call)

    errors = []
    for usage, calls in admitted.items():
        errors += errors_with_store(usage, plans_and_callers.PLANS[plans[usage]], calls)
    for usage, calls in degraded.items():
        errors += errors_without_store(usage, plans[usage], calls)
    errors += [f"{usage} was never admitted" for usage in plans if not admitted[usage]]

    print_admitted(admitted, degraded, plans)
    return errors


def errors_with_store(usage: str, plan: dict, calls: Calls) -> list[str]:
    errors = []
    if above := excess(calls, plan["throttle"]["rate"], plan["throttle"]["burst"]):
        errors.append(f"{usage}: {above} calls above its rate")
    if any(len(calls) > quota["limit"] for quota in plan.get("quotas", [])):
        errors.append(f"{usage}: {len(calls)} calls, which is above its quota")
    return errors


def errors_without_store(usage: str, name: str, calls: Calls) -> list[str]:
    """Checks calls that were not charged: none for `deny`, a share of the limit for `local`."""
    plan = plans_and_callers.PLANS[name]
    if plan["on_store_failure"] == "deny":
        return [f"{usage}: {len(calls)} calls without the store, which its plan denies"]
    if plan["on_store_failure"] == "allow":
        return []

    throttle, instances = plan["throttle"], plans_and_callers.LOCAL_INSTANCES
    above = excess(calls, throttle["rate"] / instances, max(1, throttle["burst"] // instances))
    return [f"{usage}: {above} calls above its share"] if above else []


def print_admitted(
    admitted: dict[str, Calls], degraded: dict[str, Calls], plans: dict[str, str]
) -> None:
    print(
        "admitted calls per plan: minimum and maximum of its callers, and the total without the store"
    )
    for name in plans_and_callers.PLANS:
        counts = [len(admitted[usage]) for usage, plan in plans.items() if plan == name]
        without_store = sum(len(degraded[usage]) for usage, plan in plans.items() if plan == name)
        print(
            f"  {name:<10} {len(counts):>3} callers {min(counts):>6} {max(counts):>6} {without_store:>6}"
        )


def stage_errors(results: Results, callers: list[Caller]) -> list[str]:
    """Finds routes with more calls than the stage's own throttling admits."""
    admitted = collections.defaultdict(list)
    for outcome in results.outcomes:
        if not outcome.throttled_by_stage:
            is_health_route = callers[outcome.caller].path == "/health"
            admitted[is_health_route].append((outcome.sent, outcome.received))

    rate, burst = plans_and_callers.STAGE_RATE, plans_and_callers.STAGE_BURST
    counts = [excess(calls, rate, burst) for calls in admitted.values()]
    return [f"the stage admitted {above} calls above its limit" for above in counts if above]


def recovery_errors(received: list[dict], callers: list[Caller], since: float) -> list[str]:
    """Finds callers whose limits refill and whom the store has not admitted since a time."""
    admitted = {
        usage_of(request["headers"])
        for request in received
        if request["at"] > since and request["headers"].get("x-tollgate-decision") == "allowed"
    }
    expected = {caller.usage for caller in callers if caller.usage and caller.plan != "monthly"}
    return [f"{usage} is not admitted again" for usage in sorted(expected - admitted)]


def log_errors(path: pathlib.Path, results: Results) -> list[str]:
    """Finds panics, missing access log lines, and errors other than those of keys that are not
    cached.
    """
    levels, errors, requests = collections.Counter(), collections.Counter(), 0
    with open(path, errors="replace") as lines:
        for text in lines:
            if "panicked" in text:
                errors["a panic"] += 1
            if not text.startswith("{"):
                continue
            record = json.loads(text)
            requests += "route_key" in record
            levels[record.get("level")] += 1
            if record.get("level") == "ERROR" and UNCACHED_KEY_ERROR not in record.get("error", ""):
                errors[record.get("error") or record.get("message")] += 1

    print(f"log: {requests} requests, levels {dict(levels)}")
    found = [f"log: {error}, {count} times" for error, count in errors.items()]
    sent = len(results.outcomes) + len(results.unanswered)
    if requests != sent:
        found.append(f"{requests} lines of the access log for {sent} requests")
    return found
