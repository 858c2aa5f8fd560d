"""The invariants of a chaos run. Each check returns its errors.

The rule for charges: a call is charged at most once. A call that the store allowed is charged
exactly once. A call that it refused is not charged. A call that was decided without the store is
charged if its write was applied and only the response was lost or came too late. So is one that was
refused because its item was throttled.
"""

import collections
import dataclasses
import heapq
import math
from collections.abc import Iterable

from chaos.callers import PLANS, UNKNOWN, Call
from chaos.faults import Write
from chaos.schedule import CLOCK, KINDS, REGISTRY, USAGE, Episode, without_clock_steps
from harness.token_bucket import excess
from soak.starvation import Starvation

# A request that meets a fault may end this long after it.
EFFECT_S = 3.0
# A gateway corrects its clock with the first response after a step. From then on, it may be up to 2
# s behind the store, also once its clock is right again: to move it forward would count time
# that has not passed. Clocks that differ gain the calls of this time once.
CORRECTION_S, SETTLE_S = 2.0, 10.0
INSTANCES = 3
FAULTS = frozenset(KINDS) - {CLOCK}
BOTH = frozenset({USAGE, REGISTRY})
# The rounding of `Retry-After`, and the time of a call.
MAX_ROUNDING_S = 2
MAX_UNAVAILABLE_S = 30


@dataclasses.dataclass
class Run:
    """The record of a run. Times are seconds of the monotonic clock. `usage` are the charged calls
    of each caller at the end. `breakers` are the times in which a breaker was not closed, and its
    gateway.
    """

    begin: float
    end: float
    calls: list[Call]
    writes: list[Write]
    episodes: list[Episode]
    usage: dict[str, int]
    starvation: Starvation
    breakers: list[tuple[int, float, float]] = dataclasses.field(default_factory=list)

    def by_caller(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = collections.defaultdict(list)
        for call in self.calls:
            found[call.caller].append(call)
        return found

    def has_fault(
        self, call: Call, kinds: frozenset[str] = FAULTS, tables: frozenset[str] = BOTH
    ) -> bool:
        """True if a fault of a call's gateway may have affected it."""
        return self.is_faulty(call.gateway, call.sent, call.received, kinds, tables)

    def is_faulty(
        self,
        gateway: int,
        begin: float,
        end: float,
        kinds: frozenset[str] = FAULTS,
        tables: frozenset[str] = BOTH,
    ) -> bool:
        return any(
            it.kind in kinds
            and gateway in it.gateways
            and it.tables & tables
            and begin < it.end + EFFECT_S
            and end > it.begin
            for it in self.episodes
        )

    def has_open_breaker(self, call: Call) -> bool:
        """True if a breaker of a call's gateway was open because of a fault."""
        return any(
            gateway == call.gateway
            and call.sent < end
            and call.received > begin
            and self.is_faulty(gateway, begin, begin)
            for gateway, begin, end in self.breakers
        )

    def clock_steps(self, before: float) -> list[Episode]:
        """Returns the steps of clocks that began before a time."""
        return [it for it in self.episodes if it.kind == CLOCK and it.begin < before]

    def has_clock_step(self, begin: float, end: float) -> bool:
        """True if a gateway's clock was wrong at a time, or had just been corrected."""
        return any(begin < it.end + SETTLE_S for it in self.clock_steps(end))


@dataclasses.dataclass
class Findings:
    """What the checks found. `starved` are calls that only a slow emulator explains."""

    errors: list[str] = dataclasses.field(default_factory=list)
    starved: int = 0

    def add(self, run: Run, call: Call, problem: str) -> None:
        """Adds a problem with a call, unless the emulator was too slow for it."""
        if run.starvation.explains(call.sent, call.received):
            self.starved += 1
        else:
            at = call.sent - run.begin
            self.errors.append(f"{call.caller} at gateway {call.gateway}, {at:.1f} s: {problem}")


def times(calls: Iterable[Call]) -> list[tuple[float, float]]:
    return [(call.sent, call.known) for call in calls]


def limit_errors(run: Run) -> list[str]:
    """Finds callers whom the store admitted more often than their plans allow, in any window."""
    errors = []
    for caller, calls in run.by_caller().items():
        plan = PLANS.get(calls[0].plan, {})
        admitted = [call for call in calls if call.decision == "allowed"]
        if throttle := plan.get("throttle"):
            errors += [f"{caller}: {it}" for it in rate_errors(run, throttle, admitted)]
        for quota in plan.get("quotas", []):
            if len(admitted) > quota["limit"]:
                errors.append(f"{caller}: {len(admitted)} calls above a quota of {quota['limit']}")
        errors += local_errors(caller, plan, calls)
    return errors


def rate_errors(run: Run, throttle: dict, admitted: list[Call]) -> list[str]:
    """Checks windows without a step of a clock, which are exact before the first step, and the
    whole run with the calls that each step may gain.
    """
    rate, burst = throttle["rate"], throttle["burst"]
    errors = []
    spans = without_clock_steps(run.episodes, run.begin, run.end, SETTLE_S)
    for begin, end in spans:
        inside = [call for call in admitted if begin <= call.sent and call.known <= end]
        gained = rate * CORRECTION_S if run.clock_steps(begin) else 0
        if above := excess(times(inside), rate, burst + math.ceil(gained)):
            errors.append(f"{above} calls above its rate")

    gained = sum(rate * (abs(it.step_s) + CORRECTION_S) for it in run.episodes if it.kind == CLOCK)
    if above := excess(times(admitted), rate, burst + math.ceil(gained)):
        errors.append(f"{above} calls more than its rate and the steps of clocks admit")
    return errors


def local_errors(caller: str, plan: dict, calls: list[Call]) -> list[str]:
    """Checks calls that passed without the store: none for `deny`, a share of the limit per gateway
    for `local`.
    """
    degraded = [call for call in calls if call.decision == "degraded"]
    if not degraded or plan.get("on_store_failure") == "allow":
        return []
    if plan.get("on_store_failure") != "local":
        return [f"{caller}: {len(degraded)} calls without the store, which its plan denies"]

    throttle, errors = plan["throttle"], []
    rate, burst = throttle["rate"] / INSTANCES, max(1, throttle["burst"] // INSTANCES)
    for gateway in {call.gateway for call in degraded}:
        of_gateway = [call for call in degraded if call.gateway == gateway]
        if above := excess(times(of_gateway), rate, burst):
            errors.append(f"{caller} at gateway {gateway}: {above} calls above its share")
    return errors


def charge_errors(run: Run) -> list[str]:
    """Compares the charges of each caller with its calls, by the rule above.

    Leases are bought ahead: their callers are charged at least what was allowed.
    """
    errors = []
    applied = collections.defaultdict(list)
    for write in run.writes:
        if write.applied:
            applied[write.item.rpartition("#")[2]].append(write)

    for caller, calls in run.by_caller().items():
        if caller not in run.usage:
            continue
        charged = run.usage[caller]
        allowed = [call for call in calls if call.decision == "allowed"]
        if charged < len(allowed):
            errors.append(f"{caller}: {charged} charges for {len(allowed)} allowed calls")
        if PLANS[calls[0].plan].get("lease"):
            continue

        undecided = [call for call in calls if call.is_without_store()]
        undecided += [call for call in calls if is_throttled_item(run, call)]
        most = charged_at_most(applied[caller], [*allowed, *undecided])
        if charged > most:
            errors.append(
                f"{caller}: {charged} charges, and at most {most} by {len(allowed)} allowed calls "
                f"and by calls whose response was lost"
            )
    return errors


def is_throttled_item(run: Run, call: Call) -> bool:
    """True if a call was refused because its item was throttled, which is not the store's decision
    on its limits. Its last write may have been applied, and the response have come too late.
    """
    return call.status == 429 and run.has_fault(
        call, frozenset({"throttled item"}), frozenset({USAGE})
    )


def charged_at_most(writes: list[Write], calls: list[Call]) -> int:
    """Returns the greatest number of calls that can each have a write of their own, which their
    gateway sent meanwhile.

    Each write, in their order, goes to the open call that ends first. This is a maximum matching,
    because the writes that a call can have follow one another.
    """
    matched = 0
    for gateway in {write.gateway for write in writes}:
        waiting = sorted((it for it in calls if it.gateway == gateway), key=lambda it: it.sent)
        instants = sorted(it.at for it in writes if it.gateway == gateway)
        open_calls: list[float] = []
        index = 0
        for at in instants:
            while index < len(waiting) and waiting[index].sent <= at:
                heapq.heappush(open_calls, waiting[index].received)
                index += 1
            while open_calls and open_calls[0] < at:
                heapq.heappop(open_calls)
            if open_calls:
                heapq.heappop(open_calls)
                matched += 1
    return matched


def refusal_findings(run: Run) -> Findings:
    """Finds refusals without a cause, and unknown keys that passed."""
    findings = Findings()
    for call in run.calls:
        if problem := refusal_problem(run, call):
            findings.add(run, call, problem)
    return findings


def refusal_problem(run: Run, call: Call) -> str | None:
    """Returns what is wrong with the status of a call, if anything."""
    if call.caller == UNKNOWN:
        if call.decision is not None or call.status not in (401, 500):
            return f"{call.status} for an unknown key"
        has_cause = call.status == 401 or run.has_fault(call) or run.has_open_breaker(call)
        return None if has_cause else "500 for an unknown key without a fault"

    if call.is_without_store():
        return undecided_problem(run, call)
    if call.status == 429:
        return throttled_problem(run, call)
    return None if call.status == 200 else f"{call.status} for a valid key"


def undecided_problem(run: Run, call: Call) -> str | None:
    if call.status == 500:
        return "500 for a valid key"
    if not run.has_fault(call) and not run.has_open_breaker(call):
        return f"{call.status}, decided without the store, and no fault"
    if call.status == 503 and not 1 <= (call.retry_after or 0) <= MAX_UNAVAILABLE_S:
        return f"503 with Retry-After {call.retry_after}"
    return None


def throttled_problem(run: Run, call: Call) -> str | None:
    if not call.retry_after:
        return "429 without Retry-After"
    throttle = PLANS[call.plan].get("throttle")
    if throttle is None or run.has_clock_step(call.sent, call.received):
        return None

    if call.plan == "roomy" and not is_throttled_item(run, call):
        return "429 within its limits"
    behind_s = CORRECTION_S if run.clock_steps(call.sent) else 0.0
    if call.retry_after > 1 / throttle["rate"] + behind_s + MAX_ROUNDING_S:
        return f"429 with Retry-After {call.retry_after}, longer than one call takes to refill"
    if call.waited_for is not None:
        return patience_problem(run, call, behind_s)
    return None


def patience_problem(run: Run, call: Call, behind_s: float) -> str | None:
    """Checks a refusal of the only client of a key, which waited for `Retry-After`. A gateway that
    is behind says so by a further `Retry-After`, which is no longer than that.
    """
    first = call.waited_for
    is_disturbed = (
        run.has_fault(call) or run.has_fault(first) or run.has_clock_step(first.sent, call.received)
    )
    if is_disturbed or call.retry_after <= math.ceil(behind_s):
        return None
    return f"429 again after waiting for {first.retry_after} s"


def recovery_findings(run: Run, since: float) -> Findings:
    """Finds callers whom the store does not decide on at the end, at each gateway."""
    decided = {
        (call.caller, call.gateway)
        for call in run.calls
        if call.sent > since and (call.decision == "allowed" or call.status == 429)
    }
    findings = Findings()
    for caller in run.usage:
        for gateway in range(INSTANCES):
            if (caller, gateway) not in decided:
                findings.errors.append(f"{caller} is not decided on by gateway {gateway} again")
    return findings
