"""What all drills have in common: a folder, steps that are told, and an end that says whether all of it held."""

import contextlib
import pathlib
import shutil
import sys
import tempfile
import time


class Failed(Exception):
    """Something that must hold did not."""


def must(holds: bool, what: str, seen=""):
    """Ends the drill unless it holds."""
    if not holds:
        raise Failed(f"{what}: {seen}" if seen != "" else what)
    print(f"  held: {what}", flush=True)


def step(what: str):
    print(what, flush=True)


@contextlib.contextmanager
def folder(name: str):
    """A folder for logs, which stays if the drill fails."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"tollgate-{name}-"))
    try:
        yield path
    except BaseException:
        print(f"logs are in {path}", file=sys.stderr)
        raise
    shutil.rmtree(path)


def run(name: str, drill) -> None:
    """Runs one drill as a program."""
    begin = time.monotonic()
    try:
        with folder(name) as path:
            drill(path)
    except Failed as failure:
        sys.exit(f"{name}: {failure}")
    print(f"{name}: all of it held, in {time.monotonic() - begin:.0f} s")
