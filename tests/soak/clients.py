"""The clients of a soak test, each with one connection that it reuses."""

import asyncio
import collections
import dataclasses
import random
import time

from soak.callers import Caller

RESPONSE_TIMEOUT_S = 40
# The gateway closes a connection that has been idle for ten seconds.
MAX_IDLE_S = 8


@dataclasses.dataclass
class Outcome:
    """A response to one caller. `sent` and `received` are seconds of the monotonic clock."""

    caller: int
    sent: float
    received: float
    status: int
    throttled_by_stage: bool


class Results:
    """The outcomes of all clients' calls."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.unanswered: list[str] = []
        self.roles: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)


class Client:
    """One caller's connection."""

    def __init__(self, number: int, caller: Caller, port: int, results: Results) -> None:
        self.number, self.caller, self.port, self.results = number, caller, port, results
        self.streams, self.last_used = None, 0.0

    async def run(self, end: float, pause_s: float) -> None:
        dice = random.Random(self.number)
        await asyncio.sleep(pause_s * dice.random())
        while time.monotonic() < end:
            await self.call()
            await asyncio.sleep(pause_s * (0.5 + dice.random()))
        self.close()

    async def call(self) -> None:
        sent = time.monotonic()
        try:
            status, headers, body = await asyncio.wait_for(self._exchange(sent), RESPONSE_TIMEOUT_S)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.results.unanswered.append(f"{self.caller.role} at {sent:.3f}: {error!r}")
            self.close()
            return
        if headers.get("connection") == "close":
            self.close()

        by_stage = status == 429 and body == b'{"message":"Too Many Requests"}'
        self.results.outcomes.append(Outcome(self.number, sent, time.monotonic(), status, by_stage))
        self.results.roles[self.caller.role]["429 stage" if by_stage else str(status)] += 1

    async def _exchange(self, sent: float) -> tuple[int, dict, bytes]:
        if sent > self.last_used + MAX_IDLE_S:
            self.close()
        if self.streams is None:
            self.streams = await asyncio.open_connection(
                "127.0.0.1", self.port, local_addr=(self.caller.address, 0)
            )
        reader, writer = self.streams

        fields = {
            "host": "soak",
            "x-sent": repr(sent),
            "content-length": "0",
            **self.caller.request_headers(),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"{self.caller.method} {self.caller.path} HTTP/1.1\r\n{head}\r\n".encode())
        await writer.drain()

        line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (field.partition(":") for field in rest)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.last_used = time.monotonic()
        return int(line.split()[1]), headers, body

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None
