"""A soak test of the local gateway: `make soak`.

Sixty-four clients with API keys, tokens, addresses or no credentials call for SOAK_S seconds
(default 600). Meanwhile the backend is killed and restarted, and the store stops responding and
resumes. At the end, all of this must hold:

- every request got a response, with a status that is right for its caller
- no caller was admitted more often than its plan allows, in any window
- the stage's own throttling was in force
- every caller is admitted again
- the gateway uses about as much memory as after the warm-up, and has as many open files as before
  the first client
- the gateway ends when it is asked to

The emulator of the store is slower than DynamoDB, above all while other programs use the machine. A
process of its own therefore probes it every 100 ms. A decision without the store is *starved* if
the probes show that the emulator was too slow for it, or that the gateway waited for a processor,
and otherwise an error: see soak/starvation.py. If more than 1 % of the responses are starved, the run says nothing about the
gateway and ends with the exit code 3, unless an error was found. SOAK_PAUSE_S (default 1) is the
pause between two calls of a client, which rates follow, and SOAK_DEADLINE_MS (default 1000) is the
decision deadline.

With `--write`, the result becomes a row of docs/operations/endurance.md.
"""

import argparse
import asyncio
import os
import pathlib
import sys
import tempfile
import time

from harness import results as tables
from harness.emulator import Ministack
from harness.gateway import Gateway
from harness.processes import wait_until
from harness.recording_backend import RecordingBackend
from soak import callers, checks
from soak.clients import Client, Results
from soak.probe import LatencyProbe
from soak.starvation import Starvation
from soak.verdict import Verdict

DURATION_S = float(os.environ.get("SOAK_S", "600"))
# Each cycle contains both failures.
CYCLE_S = min(300.0, DURATION_S)
SAMPLE_S = 30 if DURATION_S >= 300 else 10
WARM_UP_SHARE = 0.25
MAX_GROWTH_FACTOR, MAX_GROWTH_KIB = 1.10, 8 * 1024
# Idle connections to the backend and to the store are kept open for up to 90 s.
CLOSE_TIMEOUT_S = 120


class Soak:
    """The programs under test and their measurements."""

    def __init__(
        self,
        store: Ministack,
        backend: RecordingBackend,
        gateway: Gateway,
        probe: LatencyProbe,
    ) -> None:
        self.store, self.backend, self.gateway, self.probe = store, backend, gateway, probe
        self.begin = time.monotonic()
        self.samples: list[tuple[float, int, int]] = []
        self.backend_outages: list[checks.Outage] = []
        self.store_outages: list[checks.Outage] = []
        self.state = ""

    async def run(self, clients: list[Client], results: Results) -> None:
        await self._warm_up(clients)
        self.begin = time.monotonic()
        end = self.begin + DURATION_S
        calls = (client.run(end, callers.PAUSE_S) for client in clients)
        await asyncio.gather(*calls, self._cause_failures(), self._sample(results))

    def memory_kib(self) -> tuple[int, int]:
        """Returns the memory after the warm-up and at the end."""
        warm_up_s = max(WARM_UP_SHARE * DURATION_S, SAMPLE_S)
        warm = max(memory for elapsed, memory, _ in self.samples if elapsed <= warm_up_s)
        return warm, self.samples[-1][1]

    def memory_errors(self) -> list[str]:
        warm, end = self.memory_kib()
        print(f"memory: {warm} KiB after the warm-up, {end} KiB at the end")
        return (
            [f"memory grew from {warm} to {end} KiB"]
            if end > warm * MAX_GROWTH_FACTOR + MAX_GROWTH_KIB
            else []
        )

    def open_file_errors(self, before: int) -> list[str]:
        begin = time.monotonic()
        try:
            wait_until(
                lambda: self.gateway.open_files() <= before, CLOSE_TIMEOUT_S, "files are closed"
            )
        except TimeoutError:
            return [f"{self.gateway.open_files()} open files, {before} before the first client"]
        print(
            f"open files: {before} before the first client, "
            f"as many {time.monotonic() - begin:.0f} s after the last"
        )
        return []

    def causes(self) -> checks.Causes:
        starvation = Starvation(
            self.probe.probes(),
            int(callers.DEADLINE_MS) / 1000,
            checks.breaker_openings(self.gateway.log),
        )
        return checks.Causes(self.backend_outages, self.store_outages, starvation)

    async def _wait_for(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, self.begin + seconds - time.monotonic()))

    async def _cause_failures(self) -> None:
        for cycle in range(int(DURATION_S // CYCLE_S)):
            begin = cycle * CYCLE_S
            await self._wait_for(begin + 0.15 * CYCLE_S)
            await self._kill_backend(0.05 * CYCLE_S)
            await self._wait_for(begin + 0.4 * CYCLE_S)
            await self._pause_store(0.1 * CYCLE_S)

    async def _kill_backend(self, seconds: float) -> None:
        begin, self.state = time.monotonic(), "no backend"
        self.backend.kill()
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.backend.start)
        self.backend_outages.append(checks.Outage(begin, time.monotonic(), 2))
        self.state = ""

    async def _pause_store(self, seconds: float) -> None:
        begin, self.state = time.monotonic(), "store does not respond"
        self.store.pause()
        await asyncio.sleep(seconds)
        self.store.resume()
        self.store_outages.append(checks.Outage(begin, time.monotonic(), checks.RECOVERY_S))
        self.state = ""

    async def _sample(self, results: Results) -> None:
        print("   s   responses/s   memory KiB   open files")
        count = 0

        while time.monotonic() < self.begin + DURATION_S - 1:
            await self._wait_for((len(self.samples) + 1) * SAMPLE_S - 0.5)
            elapsed = time.monotonic() - self.begin
            memory, files = self.gateway.memory_kib(), self.gateway.open_files()
            self.samples.append((elapsed, memory, files))

            rate, count = (len(results.outcomes) - count) / SAMPLE_S, len(results.outcomes)
            print(
                f"{elapsed:>4.0f}   {rate:>11.0f}   {memory:>10}   {files:>10}   {self.state}",
                flush=True,
            )

    @staticmethod
    async def _warm_up(clients: list[Client]) -> None:
        """Calls with one client after another, so that not all unknown keys arrive at once."""
        for client in clients:
            for _ in range(20):
                await client.call()
                if client.caller.usage is None or client.results.outcomes[-1].status == 200:
                    break


def soak(folder: pathlib.Path) -> Verdict:
    """Runs the soak test."""
    with Ministack(folder) as store, RecordingBackend(folder) as backend:
        options = {
            "endpoint": store.url,
            "backend": backend.url,
            "parameters": callers.parameters(),
        }
        with (
            Gateway(folder, "gateway", callers.seeds(), **options) as gateway,
            LatencyProbe(folder, store.port, [gateway.process.pid]) as probe,
        ):
            return run_and_check(Soak(store, backend, gateway, probe), folder)


def run_and_check(test: Soak, folder: pathlib.Path) -> Verdict:
    everyone, results, files_before = callers.callers(folder), Results(), test.gateway.open_files()
    clients = [
        Client(number, caller, test.gateway.port, results) for number, caller in enumerate(everyone)
    ]
    asyncio.run(test.run(clients, results))
    end = time.monotonic()
    print_roles(results)

    received, causes = test.backend.requests(), test.causes()
    decisions = checks.late_decisions(results, received, everyone, causes)
    # This is long enough for every caller to be admitted, despite the limits of the stage and its
    # own.
    since = end - max(0.1 * DURATION_S, 15 * callers.PAUSE_S)
    late = [
        *decisions.errors,
        *checks.never_admitted(received, everyone),
        *checks.recovery_errors(received, everyone, since),
    ]

    errors = [f"no response: {request}" for request in results.unanswered]
    errors += checks.status_errors(results, everyone, causes)
    errors += checks.limit_errors(received, everyone)
    errors += checks.stage_errors(results, everyone)
    errors += test.memory_errors()
    errors += test.open_file_errors(files_before)
    if code := test.gateway.stop():
        errors.append(f"the gateway ended with {code}")
    errors += checks.log_errors(test.gateway.log, results)

    responses = len(results.outcomes)
    print(
        f"starved: {decisions.starved} of {responses} responses; the emulator was too slow for "
        f"{causes.starvation.seconds():.1f} s"
    )
    row = row_of(test, responses, decisions.starved, len(errors) + len(late))
    return Verdict(row, errors, late, decisions.starved / max(1, responses))


def print_roles(results: Results) -> None:
    for role, counts in sorted(results.roles.items()):
        print(
            f"  {role:<16} "
            + "  ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
        )


def row_of(test: Soak, responses: int, starved: int, unexpected: int) -> tables.Row:
    warm, end = test.memory_kib()
    outages = len(test.backend_outages), len(test.store_outages)
    return {
        **tables.origin(),
        "seconds": f"{DURATION_S:.0f}",
        "responses": f"{responses:,}",
        "outages of backend, store": "{}, {}".format(*outages),
        "starved": f"{starved:,}",
        "MiB after 25 %": f"{warm / 1024:.1f}",
        "MiB at the end": f"{end / 1024:.1f}",
        "unexpected": str(unexpected),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m soak")
    parser.add_argument("--write", action="store_true", help="write the result into the page")
    arguments = parser.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-soak-"))
    return soak(folder).report("soak", folder, arguments.write)


if __name__ == "__main__":
    sys.exit(main())
