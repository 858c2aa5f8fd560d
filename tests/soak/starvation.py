"""Tells decisions that came too late because the machine starves the emulator or the gateway from
faults of the gateway.

A decision needs one request to the store, and two if its guess of the branch is wrong. Both have to
end before the decision deadline. An emulator that needs more than half of the deadline for a small
read is therefore starved: it cannot answer two requests in time. So is a gateway if a thread waited
for a processor for more than half of the deadline during a decision.
"""

import bisect
import itertools

from soak.probe import PAUSE_S, Probe

# The share of responses up to which starvation is accepted. Above it, a run says nothing.
MAX_STARVED_SHARE = 0.01
# A breaker opens after five failures in a row, each of which takes at most one deadline.
FAILURES_TO_OPEN = 5
# Calls that close a breaker are made one at a time, after it was open for 30 s.
OPEN_S = 45


class Starvation:
    """The times at which the emulator was too slow, as its probes show. `openings` are the times at
    which circuit breakers of the gateway opened.
    """

    def __init__(self, probes: list[Probe], deadline_s: float, openings: list[float]) -> None:
        self.deadline_s = deadline_s
        self.slow = merged(
            [
                (sent - PAUSE_S, received + PAUSE_S)
                for sent, received, _ in probes
                if received - sent > deadline_s / 2
            ]
        )
        self.begins = [begin for begin, _ in self.slow]
        self.instants = [received for _, received, _ in probes]
        self.waited = [0.0, *itertools.accumulate(wait for _, _, wait in probes)]
        self.open = [(at, at + OPEN_S) for at in openings if self._caused_opening(at)]

    def explains(self, sent: float, received: float) -> bool:
        """True if the emulator or the gateway was starved during a decision, or had been when a
        breaker opened that was still open.
        """
        return self._is_slow(sent, received) or any(
            sent < end and received > begin for begin, end in self.open
        )

    def seconds(self) -> float:
        """Returns how long the emulator was too slow altogether."""
        return sum(end - begin for begin, end in self.slow)

    def _caused_opening(self, at: float) -> bool:
        return self._is_slow(at - FAILURES_TO_OPEN * self.deadline_s, at)

    def _is_slow(self, begin: float, end: float) -> bool:
        return self._has_slow_probe(begin, end) or self._wait(begin, end) > self.deadline_s / 2

    def _wait(self, begin: float, end: float) -> float:
        """Returns how long the gateway waited for a processor. A probe tells of the time before."""
        first = bisect.bisect_left(self.instants, begin)
        last = bisect.bisect_left(self.instants, end + PAUSE_S)
        return self.waited[last] - self.waited[first]

    def _has_slow_probe(self, begin: float, end: float) -> bool:
        index = bisect.bisect_left(self.begins, end)
        return index > 0 and self.slow[index - 1][1] > begin


def merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Returns spans without overlaps, in their order."""
    result: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((begin, end))
    return result
