"""Child processes: free ports, waiting, and a guaranteed end."""

import contextlib
import itertools
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Self, TypeVar

from harness.paths import PROJECT

START_TIMEOUT_S = 60
# Below the ports that the operating system chooses for connections and for port 0.
PORTS = range(10_000, 32_000)
# The distance between the first ports of two processes with consecutive ids.
PORTS_PER_PROCESS = 16
_chosen = itertools.count()
T = TypeVar("T")


def free_port() -> int:
    """Returns a port that is free and that no other process chooses before a program listens on it."""
    first = os.getpid() * PORTS_PER_PROCESS
    for _ in PORTS:
        port = PORTS[(first + next(_chosen)) % len(PORTS)]
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free")


def accepts_connections(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(
    condition: Callable[[], T], timeout_s: float, description: str, pause_s: float = 0.05
) -> T:
    """Returns the first true result of `condition`. Its connection errors and failed assertions
    count as false.
    """
    deadline, last = time.monotonic() + timeout_s, "no result"

    while True:
        try:
            if result := condition():
                return result
        except (AssertionError, OSError) as error:
            last = repr(error)
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {description}; last: {last}")
        time.sleep(pause_s)


class Program:
    """A running program, killed at the end of a `with` statement together with all processes that
    it started.

    Its output goes to the file `log`, or nowhere. `environment` is the whole environment of the
    program.
    """

    def __init__(
        self,
        command: list,
        log: pathlib.Path | None = None,
        environment: dict | None = None,
        folder: pathlib.Path = PROJECT,
    ) -> None:
        self.log = log
        self.name = pathlib.Path(command[0]).name

        with open(log or os.devnull, "ab") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=os.environ if environment is None else environment,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Kills the program and its children. SIGKILL also ends a process that SIGSTOP has stopped."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout_s: float = 60) -> int:
        """Asks the program to end and returns its exit code. Kills it after `timeout_s`."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        self.kill()
        return self.process.returncode

    def pause(self) -> None:
        """Stops the program without ending it: its connections stay open, and it sends no
        responses.
        """
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def wait_for_port(self, port: int) -> None:
        """Returns when the program accepts connections on `port`. Kills it if it does not."""

        def is_listening() -> bool:
            if self.process.poll() is not None:
                output = self.log.read_text(errors="replace")[-2000:] if self.log else ""
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {output}")
            return accepts_connections(port)

        try:
            wait_until(is_listening, START_TIMEOUT_S, f"{self.name} listens on port {port}")
        except BaseException:
            self.kill()
            raise


def run(command: list, environment: dict[str, str], timeout_s: float) -> str:
    """Runs a command and returns its output. A failure is an error that contains the output."""
    arguments = [str(part) for part in command]
    process = subprocess.Popen(
        arguments,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )

    try:
        output, _ = process.communicate(timeout=timeout_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    if process.returncode:
        lines = [line for line in output.splitlines() if "Uploading to" not in line]
        raise RuntimeError(
            "\n".join(
                [f"{' '.join(arguments[:2])} … ended with {process.returncode}:", *lines[-400:]]
            )
        )
    return output
