"""A soak test of the functions: `make soak PART=functions`.

Each function's program runs behind a Lambda runtime interface, which hands out SOAK_INVOCATIONS
events (default 100,000) as fast as the function takes them. Authorizer and composer are slower on
purpose, so that they reload their documents. Keys, signing keys, plans, policies and compositions
change every 20 s. At the end, all of this must hold:

- the function gave a right response to every event
- changed documents came into force
- memory and open files stay flat after the first 10,000 invocations, in a run that is not shorter
- nothing panicked

`python -m soak.functions NAME…` runs some of the functions. With `--write`, the results become rows
of docs/operations/endurance.md.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

from harness import results
from harness.events import default_settings
from harness.paths import PROJECT
from harness.processes import Program
from soak.functions.authorizer import AuthorizerWorkload, plan
from soak.functions.composer import ComposerWorkload
from soak.functions.limiter import LimiterWorkload
from soak.functions.process_state import Sample, flatness, sample
from soak.functions.publisher import PublisherWorkload
from soak.functions.runtime_api import RuntimeApi
from soak.functions.world import world
from soak.functions.workload import Workload

INVOCATIONS = int(os.environ.get("SOAK_INVOCATIONS", "100000"))
SEED = int(os.environ.get("SOAK_SEED", "26"))
COMPLETE_INVOCATIONS = 100_000
WARM_UP = INVOCATIONS // 10
SAMPLES = 200
# No event takes longer.
STALL_S = 60
WORKLOADS = {
    it.name: it for it in (AuthorizerWorkload, ComposerWorkload, LimiterWorkload, PublisherWorkload)
}
# FUNCTIONS names another folder with the programs, such as target/debug.
BINARIES = pathlib.Path(os.environ.get("FUNCTIONS", PROJECT / "target" / "release"))


def seeds() -> dict:
    """Returns the plans and keys of the example events, and the plan of the test."""
    documents = [
        json.loads(default_settings(name)["EMBEDDED_STORE"]) for name in ("limiter", "authorizer")
    ]
    return {
        "plans": {**documents[0]["plans"], **documents[1]["plans"], "soak": plan(0)},
        "keys": documents[1]["keys"],
    }


class FunctionSoak:
    """One function, its runtime interface and its samples."""

    def __init__(self, workload: Workload, folder: pathlib.Path) -> None:
        self.workload, self.folder = workload, folder
        share = INVOCATIONS / COMPLETE_INVOCATIONS
        rate = COMPLETE_INVOCATIONS / workload.min_duration_s if workload.min_duration_s else None
        self.api = RuntimeApi(workload, INVOCATIONS, rate)
        self.samples: list[Sample] = []
        self.errors: list[str] = []
        self.seconds = 0.0
        print(f"{workload.name}: {INVOCATIONS} invocations, {share:.0%} of a complete run")

    async def run(self) -> None:
        async with self.workload, self.api.server:
            environment = {
                "PATH": os.environ["PATH"],
                **self.api.environment(self.workload.name),
                **self.workload.settings(),
            }
            log = self.folder / f"{self.workload.name}.log"
            begin = time.monotonic()
            with Program([BINARIES / self.workload.name], log, environment) as function:
                await self._watch(function)
            self.seconds = time.monotonic() - begin
            self.errors += self.workload.final_errors()
            if "panicked" in log.read_text(errors="replace"):
                self.errors.append("the log has a panic")

    async def _watch(self, function: Program) -> None:
        rotation = asyncio.create_task(self._rotate())
        progress = time.monotonic()
        while not self.api.finished.is_set():
            before = self.api.answered
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.api.finished.wait(), 0.2)
            if function.process.poll() is not None:
                self.errors.append(f"the function ended with {function.process.returncode}")
                break
            if self.api.answered > before:
                progress = time.monotonic()
            if time.monotonic() > progress + STALL_S:
                self.errors.append(f"no response for {STALL_S} s")
                break
            self._sample(function.process.pid)
        rotation.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await rotation

    def _sample(self, pid: int) -> None:
        latest = self.samples[-1].invocations if self.samples else 0
        if self.api.answered >= latest + INVOCATIONS // SAMPLES:
            self.samples.append(sample(pid, self.api.answered))
            if len(self.samples) % 10 == 0:
                state = self.samples[-1]
                print(
                    f"{state.invocations:>8}   {state.memory_kib:>8} KiB   "
                    f"{state.descriptors:>4} open files   {self.api.wrong} wrong",
                    flush=True,
                )

    async def _rotate(self) -> None:
        while True:
            await asyncio.sleep(self.workload.rotation_pause_s)
            await self.workload.rotate()

    def row(self) -> results.Row:
        """Returns the row of the table, and adds the errors of memory and descriptors."""
        state = flatness(self.samples, WARM_UP)
        self.errors += self.api.errors
        # In a shorter run, the caches are not full after the warm-up.
        if self.api.answered >= COMPLETE_INVOCATIONS:
            self.errors += state.errors()
        low, high = state.changes()
        changes = ", ".join(f"{count} {kind}" for kind, count in self.workload.rotations.items())
        return {
            "function": self.workload.name,
            **results.origin(),
            "invocations": f"{self.api.answered:,}",
            "per second": f"{self.api.answered / self.seconds:.0f}",
            "kinds of outcome": str(len(self.api.outcomes)),
            "wrong": str(self.api.wrong),
            "MiB after 10 %": f"{state.base_kib / 1024:.1f}",
            "later": f"{low:+.1%} to {high:+.1%}",
            "open files": f"{state.base_descriptors}, later at most {state.max_descriptors}",
            "changes meanwhile": changes,
            "result": "failed" if self.errors else "passed",
        }


async def soak(name: str, folder: pathlib.Path) -> tuple[results.Row | None, list[str]]:
    folder.mkdir()
    async with world(folder, seeds()) as surroundings:
        test = FunctionSoak(WORKLOADS[name](SEED, surroundings, WARM_UP), folder)
        await test.run()
    try:
        row = test.row()
    except ValueError as error:
        return None, [*test.errors, *test.api.errors, str(error)]
    print("  " + "  ".join(f"{kind}: {count}" for kind, count in sorted(test.api.outcomes.items())))
    return row, test.errors


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m soak.functions", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*WORKLOADS, []], metavar="NAME")
    parser.add_argument("--write", action="store_true", help="write the results into the page")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-soak-"))

    failed = False
    for name in arguments.names or WORKLOADS:
        row, errors = asyncio.run(soak(name, folder / name))
        if row is not None:
            results.show([row])
        if row is not None and arguments.write:
            results.write("soak-functions", [row], "function")
        for error in errors[:50]:
            print(f"  {name}: {error}", file=sys.stderr, flush=True)
        failed |= bool(errors)

    if failed:
        print(f"failed; logs are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
        print("passed")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
