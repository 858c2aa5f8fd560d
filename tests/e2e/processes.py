"""Programs beside the tests: free ports, patience, and their end."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

PROJECT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = PROJECT / ".venv" / "bin"
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(look: Callable[[], T], what: str, patience_s: float = 20, pause_s: float = 0.1) -> T:
    """What `look` finds, as soon as it is true. `look` may fail for want of a connection in the meantime."""
    give_up, last = time.monotonic() + patience_s, "nothing"
    while time.monotonic() < give_up:
        try:
            found = look()
        except (AssertionError, OSError) as error:
            found, last = None, repr(error)
        if found:
            return found
        time.sleep(pause_s)
    raise AssertionError(f"{what}: not within {patience_s} s; last: {last}")


def stop(process: subprocess.Popen) -> None:
    """Ends a process that leads a session of its own, with all that it has started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    if process.poll() is None:
        raise RuntimeError(f"process {process.pid} does not end")


def run(command: list[str], environment: dict[str, str], patience_s: float) -> str:
    """What a command prints; an error with all of it where it fails."""
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=patience_s)
    finally:
        stop(process)
    if process.returncode:
        told = [line for line in output.splitlines() if "Uploading to" not in line]
        raise RuntimeError("\n".join([f"{' '.join(command[:2])} … ended with {process.returncode}:", *told[-400:]]))
    return output
