"""A soak of the local gateway: `make soak`.

Sixty-four clients with keys, tokens, addresses and nothing at all call for SOAK_S seconds (600). Meanwhile the backend
is killed and started again, and the store hangs and goes on. At the end: every request has an answer, each that is
right for its caller; no caller was admitted more often than its plan allows, in any stretch of time; the stage's own
throttling held; all are admitted again; the gateway has the memory that it had when it was warm and the descriptors
that it started with, and ends when it is told to.

The store of this machine is slower than DynamoDB: where a run ends with `500 or 503 with a store`, a longer SOAK_PAUSE_S
(1 s between two calls of a client, rates following it) or SOAK_DEADLINE_MS (1000) gives it the time it needs.
"""

import asyncio
import os
import pathlib
import shutil
import sys
import tempfile
import time

from rig.backend import Backend
from rig.gateway import Gateway
from rig.processes import Ministack, wait_until
from soak import verdict, world
from soak.clients import Client, Tally

LENGTH_S = float(os.environ.get("SOAK_S", "600"))
# Each brings both failures.
CYCLE_S = min(300.0, LENGTH_S)
SAMPLE_S = 30 if LENGTH_S >= 300 else 10
WARM = 0.25
GROWTH, GROWTH_KIB = 1.10, 8 * 1024
# Connections to the backend and to the store are kept for as long as nobody uses them, 90 s at most.
IDLE_S = 120


class Soak:
    """The programs under test, and what was measured of them."""

    def __init__(self, store: Ministack, backend: Backend, gateway: Gateway):
        self.store, self.backend, self.gateway = store, backend, gateway
        self.begin = time.monotonic()
        self.samples: list[tuple[float, int, int]] = []
        self.backend_out: list[verdict.Outage] = []
        self.store_out: list[verdict.Outage] = []
        self.now = ""

    async def at(self, seconds: float):
        await asyncio.sleep(max(0.0, self.begin + seconds - time.monotonic()))

    async def failures(self):
        for cycle in range(int(LENGTH_S // CYCLE_S)):
            begin = cycle * CYCLE_S
            await self.at(begin + 0.15 * CYCLE_S)
            await self.backend_killed(0.05 * CYCLE_S)
            await self.at(begin + 0.4 * CYCLE_S)
            await self.store_hung(0.1 * CYCLE_S)

    async def backend_killed(self, seconds: float):
        begin, self.now = time.monotonic(), "no backend"
        self.backend.kill()
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.backend.start)
        self.backend_out.append(verdict.Outage(begin, time.monotonic(), 2))
        self.now = ""

    async def store_hung(self, seconds: float):
        begin, self.now = time.monotonic(), "store hangs"
        self.store.hang()
        await asyncio.sleep(seconds)
        self.store.go_on()
        self.store_out.append(verdict.Outage(begin, time.monotonic(), verdict.RECOVERY_S))
        self.now = ""

    async def watch(self, tally: Tally):
        print("   s   answers/s   memory KiB   descriptors")
        answers = 0
        while time.monotonic() < self.begin + LENGTH_S - 1:
            await self.at((len(self.samples) + 1) * SAMPLE_S - 0.5)
            elapsed = time.monotonic() - self.begin
            memory, descriptors = self.gateway.memory_kib(), self.gateway.descriptors()
            self.samples.append((elapsed, memory, descriptors))
            rate, answers = (len(tally.seen) - answers) / SAMPLE_S, len(tally.seen)
            print(f"{elapsed:>4.0f}   {rate:>9.0f}   {memory:>10}   {descriptors:>11}   {self.now}", flush=True)

    async def run(self, callers, tally: Tally):
        clients = [Client(number, caller, self.gateway.port, tally) for number, caller in enumerate(callers)]
        await self.warm(clients)
        self.begin = time.monotonic()
        until = self.begin + LENGTH_S
        calling = (client.run(until, world.PAUSE_S) for client in clients)
        await asyncio.gather(*calling, self.failures(), self.watch(tally))

    @staticmethod
    async def warm(clients: list[Client]):
        """One after another, so that no stampede meets a gateway that knows nobody yet."""
        for client in clients:
            for _ in range(20):
                await client.call()
                if client.caller.usage is None or client.tally.seen[-1].status == 200:
                    break

    def memory(self) -> list[str]:
        warm = max(memory for elapsed, memory, _ in self.samples if elapsed <= max(WARM * LENGTH_S, SAMPLE_S))
        end = self.samples[-1][1]
        print(f"memory: {warm} KiB warm, {end} KiB at the end")
        return [f"memory grew from {warm} to {end} KiB"] if end > warm * GROWTH + GROWTH_KIB else []

    def descriptors(self, before: int) -> list[str]:
        begin = time.monotonic()
        try:
            wait_until(lambda: self.gateway.descriptors() <= before, IDLE_S, "descriptors are closed")
        except TimeoutError:
            return [f"{self.gateway.descriptors()} descriptors, {before} before the first client"]
        print(f"descriptors: {before} before the first client, as many {time.monotonic() - begin:.0f} s after the last")
        return []


def soak(folder: pathlib.Path) -> list[str]:
    with Ministack(folder) as store, Backend(folder) as backend:
        gateway = Gateway(
            folder, "gateway", world.seeds(), endpoint=store.url, backend=backend.url, parameters=world.parameters()
        )
        with gateway:
            return judged(Soak(store, backend, gateway), folder)


def judged(run: Soak, folder: pathlib.Path) -> list[str]:
    callers, tally, before = world.callers(folder), Tally(), run.gateway.descriptors()
    asyncio.run(run.run(callers, tally))
    end = time.monotonic()
    wrong = [f"no answer: {what}" for what in tally.unanswered]
    for role, counts in sorted(tally.roles.items()):
        print(f"  {role:<16} " + "  ".join(f"{status}: {count}" for status, count in sorted(counts.items())))
    received = run.backend.seen()
    wrong += verdict.statuses(tally, callers, run.backend_out, run.store_out)
    wrong += verdict.limits(received, callers)
    wrong += verdict.stage(tally, callers)
    # Long enough for each to have been admitted, whatever the stage and its own limit refused.
    wrong += verdict.recovered(received, callers, end - max(0.1 * LENGTH_S, 15 * world.PAUSE_S))
    wrong += run.memory()
    wrong += run.descriptors(before)
    if code := run.gateway.stop():
        wrong.append(f"the gateway ended with {code}")
    return wrong + verdict.log(run.gateway.log, tally)


def main() -> int:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-soak-"))
    wrong = soak(folder)
    if wrong:
        print(f"\n{len(wrong)} wrong; logs are in {folder}", *wrong[:50], sep="\n  ", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    print("all of it held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
