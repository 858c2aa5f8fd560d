"""What has to hold at the end of a soak. Each check says what is wrong, or nothing."""

import collections
import json
import pathlib

from rig.exact import excess
from soak import world

# A breaker stays open for 30 s, and closes after three calls, one at a time.
RECOVERY_S = 45
# The whole machine may stall; more than that is no stall.
STALLED = 0.01


class Outage:
    """From when to when something was gone, and until when its absence may show."""

    def __init__(self, begin: float, end: float, shows_s: float):
        self.begin, self.until = begin - 1, end + shows_s

    def touches(self, sent: float, answered: float) -> bool:
        return sent < self.until and answered > self.begin


def during(outages: list[Outage], sent: float, answered: float) -> bool:
    return any(outage.touches(sent, answered) for outage in outages)


def statuses(tally, callers, backend_out, store_out) -> list[str]:
    """Every status is one that is right for its caller, and 5xx only while something is gone."""
    wrong, stalled = collections.Counter(), 0
    for seen in tally.seen:
        caller = callers[seen.caller]
        if seen.status not in caller.statuses:
            wrong[f"{caller.role}: {seen.status}"] += 1
        elif seen.status == 502 and not during(backend_out, seen.sent, seen.answered):
            wrong[f"{caller.role}: 502 with a backend"] += 1
        elif seen.status in (500, 503) and not during(store_out, seen.sent, seen.answered):
            stalled += 1
    if stalled > len(tally.seen) * STALLED:
        wrong["500 or 503 with a store"] = stalled
    print(f"500 or 503 with a store: {stalled} of {len(tally.seen)} answers")
    return [f"{what}: {count} times" for what, count in wrong.items()]


def usage_of(headers: dict) -> str | None:
    """Whose limits a request that reached the backend was charged to."""
    if headers.get("x-tollgate-plan") == "shared":
        return "plan#shared"
    if headers.get("x-tollgate-key-id", "-") != "-":
        return f"key#{headers['x-tollgate-key-id']}"
    if headers.get("x-tollgate-user-id", "-") != "-":
        return f"user#{headers['x-tollgate-user-id']}"
    if headers.get("x-tollgate-plan") == "anonymous":
        return f"ip#{headers['x-forwarded-for']}"
    return None


def limits(received: list[dict], callers) -> list[str]:
    """Of what reached the backend no caller's calls are more than its plan admits, in any stretch of time."""
    plans = {caller.usage: caller.plan for caller in callers if caller.usage}
    admitted, degraded = collections.defaultdict(list), collections.defaultdict(list)
    wrong = []
    for request in received:
        headers = request["headers"]
        if (usage := usage_of(headers)) is None:
            continue
        kinds = {"allowed": admitted, "degraded": degraded}
        call = (float(headers["x-sent"]), request["at"])
        kinds[headers["x-tollgate-decision"]][usage].append(call)
    for usage, calls in admitted.items():
        wrong += within(usage, world.PLANS[plans[usage]], calls)
    for usage, calls in degraded.items():
        wrong += without_store(usage, plans[usage], calls)
    wrong += [f"{usage} was never admitted" for usage in plans if not admitted[usage]]
    print_admitted(admitted, degraded, plans)
    return wrong


def within(usage: str, plan: dict, calls: list) -> list[str]:
    wrong = []
    if beyond := excess(calls, plan["throttle"]["rate"], plan["throttle"]["burst"]):
        wrong.append(f"{usage}: {beyond} calls above its rate")
    quotas = [quota["limit"] for quota in plan.get("quotas", [])]
    if any(len(calls) > limit for limit in quotas):
        wrong.append(f"{usage}: {len(calls)} calls above its quota")
    return wrong


def without_store(usage: str, name: str, calls: list) -> list[str]:
    """What passed uncounted: nobody's where the plan denies, a share of the limit where it is `local`."""
    plan = world.PLANS[name]
    if plan["on_store_failure"] == "deny":
        return [f"{usage}: {len(calls)} calls without the store, which its plan denies"]
    if plan["on_store_failure"] == "allow":
        return []
    throttle, share = plan["throttle"], world.LOCAL_INSTANCES
    beyond = excess(calls, throttle["rate"] / share, max(1, throttle["burst"] // share))
    return [f"{usage}: {beyond} calls above its share"] if beyond else []


def print_admitted(admitted, degraded, plans):
    print("admitted, least and most of a plan's callers; without the store, all of them")
    for name in world.PLANS:
        counts = [len(admitted[usage]) for usage, plan in plans.items() if plan == name]
        uncounted = sum(len(degraded[usage]) for usage, plan in plans.items() if plan == name)
        print(f"  {name:<10} {len(counts):>3} callers {min(counts):>6} {max(counts):>6} {uncounted:>6}")


def stage(tally, callers) -> list[str]:
    """No route has had more than the template's own throttling lets through."""
    passed = collections.defaultdict(list)
    for seen in tally.seen:
        if not seen.by_stage:
            passed[callers[seen.caller].path == "/health"].append((seen.sent, seen.answered))
    rate, burst = world.STAGE
    return [f"the stage let {beyond} through" for calls in passed.values() if (beyond := excess(calls, rate, burst))]


def recovered(received: list[dict], callers, since: float) -> list[str]:
    """In the end everybody with a limit that fills again is admitted, and by the store."""
    back = {
        usage_of(request["headers"])
        for request in received
        if request["at"] > since and request["headers"].get("x-tollgate-decision") == "allowed"
    }
    expected = {caller.usage for caller in callers if caller.usage and caller.plan != "monthly"}
    return [f"{usage} is not admitted again" for usage in sorted(expected - back)]


def log(path: pathlib.Path, tally) -> list[str]:
    """One line a request, no panic, and no error but for keys that nobody could look up."""
    levels, errors, requests = collections.Counter(), collections.Counter(), 0
    with open(path, errors="replace") as lines:
        for text in lines:
            if "panicked" in text:
                errors["a panic"] += 1
            if not text.startswith("{"):
                continue
            line = json.loads(text)
            requests += "route_key" in line
            levels[line.get("level")] += 1
            if line.get("level") == "ERROR" and "is not remembered" not in line.get("error", ""):
                errors[line.get("error") or line.get("message")] += 1
    print(f"log: {requests} requests, levels {dict(levels)}")
    wrong = [f"the log: {what}, {count} times" for what, count in errors.items()]
    answers = len(tally.seen) + len(tally.unanswered)
    if requests != answers:
        wrong.append(f"{requests} lines of the access log for {answers} requests")
    return wrong
