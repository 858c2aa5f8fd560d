"""Chaos on the store: `make chaos`.

Three gateways share one store. For CHAOS_S seconds (default 600), clients call them while faults
follow one another in a random order: delays, late and lost replies, resets, hanging requests,
throttles of an item and of a table, server errors, and steps of a gateway's clock. Each fault meets
some gateways and one table or both. SEED repeats a run; the seed of each run is printed. At the
end, all of this must hold:

- no caller was admitted more often than its plan allows, in any window, except for calls that
  passed without the store and are marked as `degraded`
- no charge was lost or doubled, by the rule in chaos/checks.py
- every refusal has a cause: an unknown key never passes, `Retry-After` is right, and no caller
  within its limits is refused without a fault
- every gateway decides on every caller again

A probe tells a starved emulator from a fault of the gateways, as in `make soak`. If more than 1 %
of the calls are starved, the run ends with the exit code 3. With `--write`, the result becomes a
row of docs/operations/endurance.md.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import random
import sys
import tempfile
import time

from chaos import callers, checks
from chaos.faults import FaultyStore
from chaos.gateways import DEADLINE_MS, WatchedGateway, step_clocks
from chaos.schedule import CALM_END_S, CLOCK, Episode, schedule
from harness import results
from harness.client import call
from harness.emulator import Ministack
from harness.recording_backend import RecordingBackend
from soak.probe import LatencyProbe
from soak.starvation import Starvation
from soak.verdict import Verdict

DURATION_S = float(os.environ.get("CHAOS_S", "600"))
WARM_UP_TRIES = 20
USAGE_TRIES = 10


class Chaos:
    """The programs under test and the record of their run."""

    def __init__(self, folder: pathlib.Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.calls: dict[str, callers.Call] = {}
        self.unanswered: list[str] = []
        self.begin = self.end = 0.0
        self.episodes: list[Episode] = []

    async def run(self) -> Verdict:
        with Ministack(self.folder) as store, RecordingBackend(self.folder) as backend:
            stores = [FaultyStore(it, store.port, self.seed) for it in range(checks.INSTANCES)]
            async with contextlib.AsyncExitStack() as stack:
                for it in stores:
                    await stack.enter_async_context(it.proxy)
                gateways = []
                for number, it in enumerate(stores):
                    made = await asyncio.to_thread(
                        WatchedGateway, self.folder, number, it.proxy.url, backend.url
                    )
                    stack.enter_context(made.gateway)
                    gateways.append(made)
                pids = [it.gateway.process.pid for it in gateways]
                probe = stack.enter_context(LatencyProbe(self.folder, store.port, pids))
                await self._call(gateways, stores)
                usage = await self._usage(gateways[0])
                return self._report(gateways, stores, backend, probe, usage)

    async def _call(self, gateways: list[WatchedGateway], stores: list[FaultyStore]) -> None:
        ports = [it.gateway.port for it in gateways]
        clients = callers.clients(ports, self.calls)
        await self._warm_up(clients)

        self.begin = time.monotonic()
        planned = schedule(self.seed, DURATION_S, checks.INSTANCES)
        self.episodes = [it.shifted(self.begin) for it in planned]
        for store in stores:
            store.episodes = self.episodes
        watching = [asyncio.create_task(it.watch()) for it in gateways]
        watching.append(asyncio.create_task(announce(planned)))

        self.end = self.begin + DURATION_S
        await asyncio.gather(
            step_clocks(gateways, self.episodes), *(it.run(self.end) for it in clients)
        )
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        self.unanswered = [text for it in clients for text in it.unanswered]

    @staticmethod
    async def _warm_up(clients: list[callers.Client]) -> None:
        """Calls each gateway with one caller after another, so that their keys are cached."""
        for client in clients:
            for gateway in range(checks.INSTANCES):
                for _ in range(WARM_UP_TRIES):
                    made = await client.call(gateway)
                    if made is not None and made.status in (200, 401, 429):
                        break

    @staticmethod
    async def _usage(gateway: WatchedGateway) -> dict[str, int]:
        """Returns the charged calls of each caller, as the admin API reports them."""
        found = {}
        for caller in callers.callers():
            path = f"/_tollgate/v1/keys/{caller}/usage"
            for _ in range(USAGE_TRIES):
                answer = await asyncio.to_thread(call, gateway.gateway.port, "GET", path)
                if answer.status == 200:
                    break
                await asyncio.sleep(1)
            found[caller] = answer.json()["quotas"][0]["usage"][0]
        return found

    def _report(
        self,
        gateways: list[WatchedGateway],
        stores: list[FaultyStore],
        backend: RecordingBackend,
        probe: LatencyProbe,
        usage: dict[str, int],
    ) -> Verdict:
        for request in backend.requests():
            made = self.calls.get(request["headers"].get("x-call", ""))
            if made is not None:
                made.decision = request["headers"].get("x-tollgate-decision")
                made.known = request["at"]

        run = checks.Run(
            self.begin,
            self.end,
            list(self.calls.values()),
            [write for it in stores for write in it.writes],
            self.episodes,
            usage,
            Starvation(probe.probes(), DEADLINE_MS / 1000, []),
            [span for it in gateways for span in it.breaker_spans(self.end)],
        )
        self._keep_record(run)
        refusals = checks.refusal_findings(run)
        recovery = checks.recovery_findings(run, self.end - CALM_END_S / 2)
        errors = [
            *(f"no response: {text}" for text in self.unanswered),
            *checks.limit_errors(run),
            *checks.charge_errors(run),
            *refusals.errors,
            *self._log_errors(gateways),
        ]
        print_calls(run)
        row = self._row(run, stores, refusals.starved, len(errors) + len(recovery.errors))
        return Verdict(row, errors, recovery.errors, refusals.starved / max(1, len(run.calls)))

    def _keep_record(self, run: checks.Run) -> None:
        """Writes what the checks see, to look at after a failure."""
        with open(self.folder / "record.jsonl", "w") as record:
            for it in [*run.episodes, *run.calls, *run.writes]:
                record.write(f"{type(it).__name__} {it}\n")
            record.write(f"usage {run.usage}\nbreakers {run.breakers}\n")

    def _log_errors(self, gateways: list[WatchedGateway]) -> list[str]:
        errors = []
        for it in gateways:
            if "panicked" in it.gateway.log.read_text(errors="replace"):
                errors.append(f"gateway {it.number} panicked")
        has_steps = any(it.kind == CLOCK for it in self.episodes)
        if has_steps and not any(it.corrections for it in gateways):
            errors.append("no gateway noticed that its clock was wrong")
        return errors

    def _row(
        self, run: checks.Run, stores: list[FaultyStore], starved: int, unexpected: int
    ) -> results.Row:
        lost = sum(write.lost for write in run.writes)
        return {
            **results.origin(),
            "seed": str(self.seed),
            "seconds": f"{DURATION_S:.0f}",
            "faults": str(len(run.episodes)),
            "calls": f"{len(run.calls):,}",
            "store requests, faulty": f"{sum(it.requests for it in stores):,}, "
            f"{sum(it.faulty for it in stores):,}",
            "clock steps": str(sum(it.kind == CLOCK for it in run.episodes)),
            "charges whose reply was lost": str(lost),
            "degraded": str(sum(it.decision == "degraded" for it in run.calls)),
            "starved": str(starved),
            "unexpected": str(unexpected),
        }


async def announce(episodes: list[Episode]) -> None:
    begin = time.monotonic()
    for episode in episodes:
        await asyncio.sleep(max(0.0, begin + episode.begin - time.monotonic()))
        print(f"  {episode}", flush=True)


def print_calls(run: checks.Run) -> None:
    """Prints the outcomes of each plan, and the charges of each caller."""
    plans: dict[str, dict[str, int]] = {}
    for made in run.calls:
        outcome = made.decision or str(made.status)
        counts = plans.setdefault(made.plan, {})
        counts[outcome] = counts.get(outcome, 0) + 1
    for plan, counts in sorted(plans.items()):
        print(f"  {plan:<8} " + "  ".join(f"{it}: {n}" for it, n in sorted(counts.items())))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos")
    parser.add_argument("--write", action="store_true", help="write the result into the page")
    arguments = parser.parse_args()
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"SEED={seed}", flush=True)

    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-chaos-"))
    return asyncio.run(Chaos(folder, seed).run()).report("chaos", folder, arguments.write)


if __name__ == "__main__":
    sys.exit(main())
