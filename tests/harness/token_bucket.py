"""Checks admitted calls against a token bucket."""

import math


def excess(calls: list[tuple[float, float]], rate: float, burst: int) -> int:
    """Returns the number of calls above a bucket of `burst` tokens that is refilled with `rate`
    tokens per second.

    A call is a pair of times: when it was sent, and when it was known to be admitted. The decision
    fell somewhere in between. A window therefore counts only the calls that were both sent and
    known inside it: these certainly took their tokens there. No window may have more calls than the
    burst plus the tokens refilled meanwhile. The result is that of the worst window.
    """
    starts = sorted(sent for sent, _ in calls)
    windows = Windows([rate * (start - starts[0]) for start in starts])
    index_of = {start: index for index, start in enumerate(starts)}

    worst = 0.0
    for sent, known in sorted(calls, key=lambda call: call[1]):
        windows.add(index_of[sent])
        worst = max(worst, windows.maximum() - rate * (known - starts[0]) - burst)

    # Smaller differences are rounding errors.
    return math.ceil(worst - 1e-6)


class Windows:
    """The windows that begin with a call and end now.

    The value of a window is its number of calls plus `offsets` at its beginning. This is a segment
    tree: each node stores the number of calls below it, and the maximum over the windows that begin
    below it and end with it.
    """

    def __init__(self, offsets: list[float]) -> None:
        self.size, self.offsets = 1 << max(0, len(offsets) - 1).bit_length(), offsets
        self.calls, self.best = [0] * (2 * self.size), [-math.inf] * (2 * self.size)

    def add(self, index: int) -> None:
        node = self.size + index
        self.calls[node] += 1
        self.best[node] = self.offsets[index] + self.calls[node]
        while node := node // 2:
            self._update(node)

    def maximum(self) -> float:
        return self.best[1]

    def _update(self, node: int) -> None:
        left, right = 2 * node, 2 * node + 1
        self.calls[node] = self.calls[left] + self.calls[right]
        self.best[node] = max(self.best[right], self.best[left] + self.calls[right])
