"""The events of a soak test of a function, and the outcomes that are right for them."""

import collections
import copy
import dataclasses
import json
import random
from collections.abc import Callable, Collection
from typing import ClassVar

from harness.events import OUTCOMES, event
from soak.functions.process_state import WARM_UP_INVOCATIONS


@dataclasses.dataclass(slots=True)
class Invocation:
    """An event. `expected` are the outcomes that are right, as `harness.events.outcome` names them.
    `then` is called with a response that is right.
    """

    case: str
    event: bytes
    expected: Collection[str]
    then: Callable[[dict], None] | None = None


class Workload:
    """The events of one function, in a random order that depends on the seed alone.

    Each subclass adds the events whose keys, documents and outcomes change. `rotations` counts the
    changes by their kind, and is part of the result. `warm_up` is the number of invocations in which
    caches fill.
    """

    name: ClassVar[str]
    # The pause between two calls of `rotate`, in seconds.
    rotation_pause_s: ClassVar[float] = 20.0
    # The least duration of a complete run, in seconds, so that what is reloaded is reloaded.
    min_duration_s: ClassVar[float] = 0.0
    # Example events that need another world than the test's.
    unused_examples: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, seed: int, warm_up: int = WARM_UP_INVOCATIONS) -> None:
        self.warm_up = warm_up
        self.dice = random.Random(seed)
        self.rotations: collections.Counter[str] = collections.Counter()
        self.examples = [
            Invocation(case, json.dumps(event(case)).encode(), frozenset(outcomes))
            for case, outcomes in OUTCOMES.items()
            if case.startswith(f"{self.name}.") and case not in self.unused_examples
        ]

    def settings(self) -> dict[str, str]:
        """Returns the environment variables of the function."""
        raise NotImplementedError

    def invocation(self, number: int) -> Invocation:
        """Returns the event with this number, from 0."""
        raise NotImplementedError

    async def rotate(self) -> None:
        """Changes keys and documents. Called every `rotation_pause_s`."""

    def final_errors(self) -> list[str]:
        """Returns what is wrong at the end, such as a change that never took effect."""
        return []

    def example(self) -> Invocation:
        return self.dice.choice(self.examples)


def template(case: str) -> Callable[..., dict]:
    """Returns a function that makes copies of an example event."""
    document = event(case)
    return lambda: copy.deepcopy(document)


def encode(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
