"""Sixty-four clients, each with a connection that it keeps, in one process."""

import asyncio
import collections
import dataclasses
import random
import time

from soak.world import Caller

PATIENCE_S = 40
# The gateway closes a connection on which no head has come for ten seconds.
IDLE_S = 8


@dataclasses.dataclass
class Seen:
    """An answer of one caller's."""

    caller: int
    sent: float
    answered: float
    status: int
    by_stage: bool


class Tally:
    """What all clients have seen."""

    def __init__(self):
        self.seen: list[Seen] = []
        self.unanswered: list[str] = []
        self.roles: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)


class Client:
    """One caller's connection."""

    def __init__(self, number: int, caller: Caller, port: int, tally: Tally):
        self.number, self.caller, self.port, self.tally = number, caller, port, tally
        self.streams, self.used = None, 0.0

    async def run(self, until: float, pause_s: float):
        dice = random.Random(self.number)
        await asyncio.sleep(pause_s * dice.random())
        while time.monotonic() < until:
            await self.call()
            await asyncio.sleep(pause_s * (0.5 + dice.random()))
        self.close()

    async def call(self):
        sent = time.monotonic()
        try:
            status, headers, body = await asyncio.wait_for(self.exchange(sent), PATIENCE_S)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.tally.unanswered.append(f"{self.caller.role} at {sent:.3f}: {error!r}")
            self.close()
            return
        if headers.get("connection") == "close":
            self.close()
        by_stage = status == 429 and body == b'{"message":"Too Many Requests"}'
        self.tally.seen.append(Seen(self.number, sent, time.monotonic(), status, by_stage))
        self.tally.roles[self.caller.role]["429 stage" if by_stage else str(status)] += 1

    async def exchange(self, sent: float) -> tuple[int, dict, bytes]:
        if sent > self.used + IDLE_S:
            self.close()
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.caller.address, 0))
        reader, writer = self.streams
        fields = {"host": "soak", "x-sent": repr(sent), "content-length": "0", **self.caller.fields()}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"{self.caller.method} {self.caller.path} HTTP/1.1\r\n{head}\r\n".encode())
        await writer.drain()
        line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.used = time.monotonic()
        return int(line.split()[1]), headers, body

    def close(self):
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None
