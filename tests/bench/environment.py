"""The environment of measured programs: folders, variables, and processes on loopback."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator

from harness.emulator import Ministack
from harness.paths import PROJECT
from harness.processes import Program

BENCH = PROJECT / "tests" / "bench"
TARGET = PROJECT / "target" / "bench"
AWS_VARIABLES = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    # Otherwise the SDK for Node prints a warning about Node versions at each start.
    "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
}


class MeasurementError(Exception):
    """A measurement failed."""


class NoResponse(MeasurementError):
    """The result of a measurement is that there was no response."""


def variables(**more: str) -> dict[str, str]:
    """Returns a small environment, with the path to interpreters."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}


@contextlib.contextmanager
def server(command: list, port: int) -> Iterator[Program]:
    """Runs a program that listens on a port. It is asked to end afterwards."""
    with Program(command, environment=variables()) as program:
        program.wait_for_port(port)
        yield program
        program.stop(5)


@contextlib.contextmanager
def ministack() -> Iterator[Ministack]:
    """Runs the emulator of AWS."""
    with tempfile.TemporaryDirectory() as folder, Ministack(pathlib.Path(folder)) as emulator:
        yield emulator


def run(command: list, environment: dict[str, str] | None = None, timeout_s: float = 120) -> str:
    """Runs a program and returns its standard output."""
    arguments = [str(part) for part in command]
    options = {"cwd": PROJECT, "timeout": timeout_s, "capture_output": True, "text": True}
    result = subprocess.run(arguments, env=environment or variables(), **options)

    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["nothing on standard error"]
        raise MeasurementError(
            f"{pathlib.Path(arguments[0]).name} ended with {result.returncode}: {lines[-1]}"
        )
    return result.stdout
