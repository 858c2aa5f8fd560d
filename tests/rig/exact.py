"""Whether what was admitted is what a bucket of tokens may have admitted."""

import heapq


def excess(calls: list[tuple[float, float]], rate: float, burst: int) -> int:
    """How many calls are beyond a bucket that holds `burst` tokens at first and gets `rate` a second.

    A call is the time at which it was sent and the one at which it is known to have been admitted. When it was decided
    on in between nobody knows, so it counts as beyond only if no order of decisions at all explains it: each takes its
    token as early as it can, and of those that wait the one that has to be done first goes first. That is the best
    order there is, since a token that is taken earlier only ever makes room for another.
    """
    waiting: list[float] = []
    beyond = 0
    tokens, now = float(burst), min((sent for sent, _ in calls), default=0.0)
    arriving = sorted(calls)
    index = 0
    while index < len(arriving) or waiting:
        if not waiting and arriving[index][0] > now:
            tokens, now = filled(tokens, now, arriving[index][0], rate, burst)
        while index < len(arriving) and arriving[index][0] <= now:
            heapq.heappush(waiting, arriving[index][1])
            index += 1
        if tokens < 1:
            ready = now + (1 - tokens) / rate if rate else float("inf")
            coming = arriving[index][0] if index < len(arriving) else float("inf")
            if ready == coming == float("inf"):
                return beyond + len(waiting)
            # Rounding must not leave a token a hair short for ever.
            tokens, now = (1.0, ready) if ready <= coming else filled(tokens, now, coming, rate, burst)
            continue
        if heapq.heappop(waiting) < now:
            beyond += 1
        else:
            tokens -= 1
    return beyond


def filled(tokens: float, now: float, later: float, rate: float, burst: int) -> tuple[float, float]:
    return min(float(burst), tokens + (later - now) * rate), later
