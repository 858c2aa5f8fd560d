"""The frame of a drill: a folder for logs, printed steps and checks, and an exit code."""

import contextlib
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator


class DrillFailure(Exception):
    """A check of a drill failed."""


def check(condition: bool, expectation: str, actual: object = "") -> None:
    """Prints the expectation, or ends the drill if the condition is false."""
    if not condition:
        raise DrillFailure(
            f"expected: {expectation}; actual: {actual}"
            if actual != ""
            else f"expected: {expectation}"
        )
    print(f"  ok: {expectation}", flush=True)


def step(description: str) -> None:
    print(description, flush=True)


@contextlib.contextmanager
def log_folder(name: str) -> Iterator[pathlib.Path]:
    """A temporary folder, which is kept if the drill fails."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"tollgate-{name}-"))
    try:
        yield path
    except BaseException:
        print(f"logs are in {path}", file=sys.stderr)
        raise
    shutil.rmtree(path)


def run(name: str, drill: Callable[[pathlib.Path], None]) -> None:
    """Runs one drill as a program."""
    begin = time.monotonic()
    try:
        with log_folder(name) as path:
            drill(path)
    except DrillFailure as failure:
        sys.exit(f"{name}: {failure}")
    print(f"{name}: passed in {time.monotonic() - begin:.0f} s")
