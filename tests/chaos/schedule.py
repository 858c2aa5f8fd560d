"""The faults of a run, in a random order that depends on the seed alone."""

import dataclasses
import itertools
import random
from collections.abc import Iterator

USAGE, REGISTRY = "tollgate-usage", "tollgate-registry"
# Charges go to the usage table. Keys and plans are cached, so that its faults matter most.
TABLES = [
    frozenset({USAGE}),
    frozenset({USAGE}),
    frozenset({REGISTRY}),
    frozenset({USAGE, REGISTRY}),
]
# What happens to requests, see `chaos.faults`, and steps of a gateway's clock.
CLOCK = "clock"
KINDS = [
    "delay",
    "late",
    "hang",
    "throttled item",
    "throttled table",
    "reset",
    "lost reply",
    "server error",
    CLOCK,
]
# Without a fault at the begin, and at the end so that everything recovers.
CALM_BEGIN_S, CALM_END_S = 10.0, 60.0
FAULT_S, PAUSE_S = (3.0, 10.0), (3.0, 12.0)
# After every third fault, circuit breakers close, so that later faults meet closed ones.
LONG_PAUSE_EVERY, LONG_PAUSE_S = 3, 40.0
CLOCK_STEPS_S = [-30, -5, -3, 3, 5, 30]


@dataclasses.dataclass(frozen=True)
class Episode:
    """A fault of some gateways' requests to some tables, from `begin` to `end`, in seconds. For a
    step of the clock, `step_s` is the offset until `end`, and the tables are not affected.
    """

    kind: str
    gateways: frozenset[int]
    tables: frozenset[str]
    begin: float
    end: float
    step_s: int = 0

    def shifted(self, seconds: float) -> "Episode":
        return dataclasses.replace(self, begin=self.begin + seconds, end=self.end + seconds)

    def __str__(self) -> str:
        where = ", ".join(sorted(self.tables)) if self.kind != CLOCK else f"{self.step_s:+} s"
        gateways = ", ".join(str(number) for number in sorted(self.gateways))
        return f"{self.begin:.1f} to {self.end:.1f} s: {self.kind} ({where}) at gateways {gateways}"


def schedule(seed: int, duration_s: float, gateways: int) -> list[Episode]:
    """Returns the episodes of a run, one after another. Each kind appears once before any appears
    again.
    """
    dice = random.Random(seed)
    episodes: list[Episode] = []
    begin = CALM_BEGIN_S
    for kind in shuffled_forever(dice):
        if episodes:
            begin = episodes[-1].end + pause(dice, kind, len(episodes))
        end = begin + dice.uniform(*FAULT_S)
        if end > duration_s - CALM_END_S:
            return episodes
        episodes.append(episode(dice, kind, gateways, begin, end))
    raise AssertionError("the kinds never end")


def pause(dice: random.Random, kind: str, earlier: int) -> float:
    """Returns the time before a fault. A gateway notices a step of its clock only if its breaker is
    closed.
    """
    is_long = kind == CLOCK or earlier % LONG_PAUSE_EVERY == 0
    return LONG_PAUSE_S if is_long else dice.uniform(*PAUSE_S)


def shuffled_forever(dice: random.Random) -> Iterator[str]:
    while True:
        yield from dice.sample(KINDS, len(KINDS))


def episode(dice: random.Random, kind: str, gateways: int, begin: float, end: float) -> Episode:
    if kind == CLOCK:
        one = frozenset({dice.randrange(gateways)})
        return Episode(kind, one, frozenset(), begin, end, dice.choice(CLOCK_STEPS_S))
    count = dice.randint(1, gateways)
    some = frozenset(dice.sample(range(gateways), count))
    return Episode(kind, some, dice.choice(TABLES), begin, end)


def without_clock_steps(
    episodes: list[Episode], begin: float, end: float, settle_s: float
) -> list[tuple[float, float]]:
    """Returns the times between steps of clocks. A clock is right again `settle_s` after a step."""
    steps = [it for it in episodes if it.kind == CLOCK]
    begins = [begin, *(it.end + settle_s for it in steps)]
    ends = [*(it.begin for it in steps), end]
    return [(first, last) for first, last in zip(begins, ends, strict=True) if first < last]


def longest_pause(episodes: list[Episode]) -> float:
    """Returns the longest time between two episodes, in seconds."""
    return max((b.begin - a.end for a, b in itertools.pairwise(episodes)), default=0.0)
