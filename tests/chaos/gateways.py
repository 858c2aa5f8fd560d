"""The gateways of a chaos run: each with a clock of its own, and a store that may fail."""

import asyncio
import pathlib
import time

from chaos import callers
from chaos.checks import INSTANCES
from chaos.schedule import CLOCK, Episode
from harness.gateway import Gateway
from harness.paths import PROJECT

DEADLINE_MS = 1000
LOG_PAUSE_S = 0.1
BREAKER = "circuit breaker changed its state"
CLOCK_FIELD = "clock_off_ms"


class MissingTool(Exception):
    """`make tools` was not run."""


def clock_library() -> pathlib.Path:
    library = min(
        PROJECT.glob(
            ".venv/lib/python*/site-packages/libfaketime/vendor/libfaketime/src/libfaketime*.so.1"
        ),
        default=None,
    )
    if library is None:
        raise MissingTool("libfaketime is not installed: run make tools")
    return library


class Clock:
    """The offset of a gateway's clock. Its timers are not affected."""

    def __init__(self, file: pathlib.Path) -> None:
        self.file = file
        self.set(0)

    def set(self, offset_s: int) -> None:
        # The library may read the file at any time.
        temporary = self.file.with_suffix(".new")
        temporary.write_text(f"{offset_s:+}s\n")
        temporary.replace(self.file)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(clock_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


class WatchedGateway:
    """A gateway whose log is read while it runs, because its clock may be wrong."""

    def __init__(self, folder: pathlib.Path, number: int, store: str, backend: str) -> None:
        self.number, self.clock = number, Clock(folder / f"clock-{number}")
        self.gateway = Gateway(
            folder,
            f"gateway-{number}",
            callers.seeds(),
            endpoint=store,
            backend=backend,
            parameters={"DecisionDeadlineMs": DEADLINE_MS, "LocalInstances": INSTANCES},
            environment=self.clock.environment(),
        )
        self.breakers: list[tuple[int, float, float]] = []
        self.corrections = 0
        self.open: dict[str, float] = {}

    async def watch(self) -> None:
        """Follows the log: which breakers are open, and how often the clock was corrected."""
        with open(self.gateway.log, errors="replace") as log:
            line = ""
            while True:
                line += log.readline()
                if not line.endswith("\n"):
                    await asyncio.sleep(LOG_PAUSE_S)
                    continue
                self._note(line)
                line = ""

    def _note(self, line: str) -> None:
        self.corrections += CLOCK_FIELD in line
        if BREAKER not in line:
            return
        now = time.monotonic()
        name = field(line, "breaker")
        if field(line, "to") == "closed":
            begin = self.open.pop(name, now)
            self.breakers.append((self.number, begin, now))
        else:
            # The line is read a little later than it is written.
            self.open.setdefault(name, now - 2 * LOG_PAUSE_S)

    def breaker_spans(self, end: float) -> list[tuple[int, float, float]]:
        return [*self.breakers, *((self.number, begin, end) for begin in self.open.values())]


def field(line: str, name: str) -> str:
    """Returns the text of a field of a log line in JSON, in lower case."""
    return line.partition(f'"{name}":"')[2].partition('"')[0].lower()


async def step_clocks(gateways: list[WatchedGateway], episodes: list[Episode]) -> None:
    """Sets the clocks as a schedule says. Its times are those of the monotonic clock."""
    for episode in (it for it in episodes if it.kind == CLOCK):
        await asyncio.sleep(max(0.0, episode.begin - time.monotonic()))
        for number in episode.gateways:
            gateways[number].clock.set(episode.step_s)
        await asyncio.sleep(max(0.0, episode.end - time.monotonic()))
        for number in episode.gateways:
            gateways[number].clock.set(0)
