"""Builds, deploys and asks: `make e2e`. A summary says how long each part took.

By hand, `python -m tests.e2e --built Requests Metrics` takes what is built already, and these journeys alone.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator

from . import changes, interface, permissions
from .interface import Interface
from .journeys import administration, identities, metrics, requests, targets
from .journeys.journey import Journey
from .processes import PROJECT
from .world import World

# The schedule fires for the first time while the others go on.
JOURNEYS = [requests.Requests, administration.Administration, metrics.Metrics, targets.Targets]
WITHOUT = [interface.Interface, *JOURNEYS, changes.Update, changes.Deletion]
WITH = [*JOURNEYS, identities.Identities, permissions.Permissions, changes.Update, changes.Deletion]
# Whether policies of IAM decide.
MODES = (False, True)


class Times:
    def __init__(self) -> None:
        self.parts: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        print(f"-- {name}", flush=True)
        began = time.monotonic()
        try:
            yield
        finally:
            self.parts.append((name, time.monotonic() - began))

    def summary(self) -> str:
        total = ("all", sum(seconds for _, seconds in self.parts))
        return "\n".join(f"{seconds:7.1f} s  {name}" for name, seconds in [*self.parts, total])


def build() -> None:
    subprocess.run(["make", "--no-print-directory", "package-native"], cwd=PROJECT, check=True)


def journeys(times: Times, enforces: bool, wanted: list[str]) -> bool:
    """Whether all of one world's journeys went well."""
    chosen = [journey for journey in (WITH if enforces else WITHOUT) if not wanted or journey.__name__ in wanted]
    if not chosen:
        return True
    mode = "policies in force" if enforces else "no policies"
    with tempfile.TemporaryDirectory(prefix="tollgate-e2e-") as folder:
        with times.part(f"{mode}: start"):
            world = World(pathlib.Path(folder), enforces)
        succeeded = False
        try:
            with times.part(f"{mode}: sam deploy"):
                world.deploy()
            succeeded = all([run(times, mode, world, journey) for journey in chosen])
        finally:
            if not succeeded:
                print(f"the emulator's last words:\n{world.emulator.log.read_text(errors='replace')[-8000:]}")
            world.stop()
    return succeeded


def run(times: Times, mode: str, world: World, journey: type[Journey]) -> bool:
    journey.world = world
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(journey)
    with times.part(f"{mode}: {journey.__name__}"):
        return unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite).wasSuccessful()


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.e2e")
    arguments.add_argument("--built", action="store_true", help="take what is in .aws-sam/native")
    arguments.add_argument("journeys", nargs="*", help="classes of journeys; all where none is named")
    chosen, times = arguments.parse_args(), Times()
    # So that everything is ended and removed then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not chosen.built:
            with times.part("build"):
                build()
        # From here on everything is on loopback.
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
        succeeded = [journeys(times, enforces, chosen.journeys) for enforces in MODES]
    finally:
        for package, starts in sorted(Interface.starts.items()):
            print(f"start of {package}, behind the runtime interface emulator: {starts} ms")
        print(times.summary(), flush=True)
    return 0 if all(succeeded) else 1


if __name__ == "__main__":
    sys.exit(main())
