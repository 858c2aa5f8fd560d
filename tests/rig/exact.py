"""Whether what was admitted is what a bucket of tokens may have admitted."""

import math


def excess(calls: list[tuple[float, float]], rate: float, burst: int) -> int:
    """How many calls are beyond a bucket that holds `burst` tokens at first and gets `rate` a second, in any window.

    A call is the time at which it was sent and the one at which it is known to have been admitted; when it was decided
    on in between nobody knows. So a window has the calls that were sent and known within it, all of which have surely
    taken their tokens there: no more than `burst` and what came back meanwhile.
    """
    starts = sorted(sent for sent, _ in calls)
    windows = Windows([rate * (start - starts[0]) for start in starts])
    places = {start: place for place, start in enumerate(starts)}
    worst = 0.0
    for sent, known in sorted(calls, key=lambda call: call[1]):
        windows.add(places[sent])
        worst = max(worst, windows.most() - rate * (known - starts[0]) - burst)
    # What is less than this is rounding.
    return math.ceil(worst - 1e-6)


class Windows:
    """For windows that begin with a call and end now: their calls, plus what the beginning is worth, at most.

    A tree whose nodes hold the calls below them, and the best of the windows that begin below them and end with them.
    """

    def __init__(self, worth: list[float]):
        self.size, self.worth = 1 << max(0, len(worth) - 1).bit_length(), worth
        self.calls, self.best = [0] * (2 * self.size), [-math.inf] * (2 * self.size)

    def add(self, place: int):
        node = self.size + place
        self.calls[node] += 1
        self.best[node] = self.worth[place] + self.calls[node]
        while node := node // 2:
            self.settle(node)

    def settle(self, node: int):
        left, right = 2 * node, 2 * node + 1
        self.calls[node] = self.calls[left] + self.calls[right]
        self.best[node] = max(self.best[right], self.best[left] + self.calls[right])

    def most(self) -> float:
        return self.best[1]
