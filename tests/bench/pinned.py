"""Servers on a core of their own, with the load and the services on another one."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from bench.environment import MeasurementError, run, server, variables
from harness.processes import Program

# The measured server has its core for itself. Everything else runs on the other one.
SERVER_CORE, LOAD_CORE = "0", "1"


def check_cores() -> None:
    """Fails if the machine cannot separate a server from its load."""
    if not shutil.which("taskset"):
        raise MeasurementError("taskset is not installed")
    if not {int(SERVER_CORE), int(LOAD_CORE)} <= os.sched_getaffinity(0):
        raise MeasurementError(f"cores {SERVER_CORE} and {LOAD_CORE} are not available")


@contextlib.contextmanager
def pinned_server(core: str, command: list, port: int) -> Iterator[Program]:
    with server(["taskset", "--cpu-list", core, *command], port) as program:
        yield program


def run_on_load_core(command: list, timeout_s: float = 120) -> str:
    """Runs a program on the core of the load and returns its output."""
    return run(["taskset", "--cpu-list", LOAD_CORE, *command], variables(), timeout_s)


def processor_time_us(pid: int) -> float:
    """Returns the processor time of all threads of a process, in microseconds."""
    files = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e3


def resident_mib(pid: int) -> float:
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
