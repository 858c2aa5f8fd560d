"""The checks at the end of a soak test. Each returns its errors."""

import collections
import dataclasses
import datetime
import json
import pathlib
import time

from harness.token_bucket import excess
from soak import callers as plans_and_callers
from soak.callers import Caller
from soak.clients import Results
from soak.starvation import Starvation

Calls = list[tuple[float, float]]

# A breaker stays open for 30 s and closes after three calls, which are made one at a time.
RECOVERY_S = 45
# The gateway logs this error for a key that is not cached while the store does not respond.
UNCACHED_KEY_ERROR = "is not cached"
BREAKER = "circuit breaker changed its state"


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


@dataclasses.dataclass
class Causes:
    """What may explain a response that is not an ordinary decision of the store."""

    backend_outages: list[Outage]
    store_outages: list[Outage]
    starvation: Starvation


def status_errors(results: Results, callers: list[Caller], causes: Causes) -> list[str]:
    """Finds statuses that are wrong for their callers, and 502 without an outage of the backend."""
    wrong = collections.Counter()
    for outcome in results.outcomes:
        caller = callers[outcome.caller]
        if outcome.status not in caller.statuses:
            wrong[f"{caller.role}: {outcome.status}"] += 1
        elif outcome.status == 502 and not is_during(
            causes.backend_outages, outcome.sent, outcome.received
        ):
            wrong[f"{caller.role}: 502 while the backend was available"] += 1
    return [f"{error}: {count} times" for error, count in wrong.items()]


@dataclasses.dataclass
class LateDecisions:
    """Decisions without the store while it was available. `starved` is the number of those that a
    slow emulator explains, `errors` are all others.
    """

    starved: int
    errors: list[str]


def late_decisions(
    results: Results, received: list[dict], callers: list[Caller], causes: Causes
) -> LateDecisions:
    """Finds decisions without the store, by their status or by what the backend received."""
    calls = [
        (f"{callers[it.caller].role}: {it.status}", it.sent, it.received)
        for it in results.outcomes
        if it.status in (500, 503)
    ]
    for request in received:
        headers = request["headers"]
        if headers.get("x-tollgate-decision") == "degraded":
            calls.append(
                (f"{usage_of(headers)}: degraded", float(headers["x-sent"]), request["at"])
            )

    starved, wrong = 0, collections.Counter()
    for description, sent, known in calls:
        if is_during(causes.store_outages, sent, known):
            continue
        if causes.starvation.explains(sent, known):
            starved += 1
        else:
            wrong[f"{description} while the store was available"] += 1
    return LateDecisions(starved, [f"{error}: {count} times" for error, count in wrong.items()])


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
    """Finds callers whose calls reached the backend more often than plans admit, in any window."""
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
        "admitted calls per plan: minimum and maximum of its callers, "
        "and the total without the store"
    )
    for name in plans_and_callers.PLANS:
        counts = [len(admitted[usage]) for usage, plan in plans.items() if plan == name]
        without_store = sum(len(degraded[usage]) for usage, plan in plans.items() if plan == name)
        print(
            f"  {name:<10} {len(counts):>3} callers "
            f"{min(counts):>6} {max(counts):>6} {without_store:>6}"
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


def never_admitted(received: list[dict], callers: list[Caller]) -> list[str]:
    """Finds callers whom the store never admitted."""
    return recovery_errors(received, callers, 0.0, "was never admitted", frozenset())


def recovery_errors(
    received: list[dict],
    callers: list[Caller],
    since: float,
    problem: str = "is not admitted again",
    without: frozenset[str] = frozenset({"monthly"}),
) -> list[str]:
    """Finds callers whom the store has not admitted since a time, except those of plans whose
    limits do not refill.
    """
    admitted = {
        usage_of(request["headers"])
        for request in received
        if request["at"] > since and request["headers"].get("x-tollgate-decision") == "allowed"
    }
    expected = {it.usage for it in callers if it.usage and it.plan not in without}
    return [f"{usage} {problem}" for usage in sorted(expected - admitted)]


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


def breaker_openings(path: pathlib.Path) -> list[float]:
    """Returns the times at which circuit breakers opened, in seconds of the monotonic clock."""
    offset_s = time.time() - time.monotonic()
    with open(path, errors="replace") as lines:
        records = [json.loads(text) for text in lines if text.startswith("{") and BREAKER in text]
    return [
        datetime.datetime.fromisoformat(record["timestamp"]).timestamp() - offset_s
        for record in records
        if record.get("to", "").lower() == "open"
    ]
