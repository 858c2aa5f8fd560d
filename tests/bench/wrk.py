"""Requests of wrk, from the core of the load."""

import re

from bench.environment import MeasurementError
from bench.pinned import processor_time_us, run_on_load_core
from harness.processes import Program

UNIT_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def load(
    server: Program, url: str, connections: int, duration_s: int, headers: dict[str, str]
) -> dict[str, float]:
    """Returns the requests per second, the processor time of the server for each, and percentiles
    of their latency.
    """
    named = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    options = ["-t1", f"-c{connections}", f"-d{duration_s}s", "--latency", *named]
    pid = server.process.pid

    before_us = processor_time_us(pid)
    output = run_on_load_core(["wrk", *options, url])
    return load_figures(output, processor_time_us(pid) - before_us)


def load_figures(output: str, used_us: float) -> dict[str, float]:
    """Returns the figures in the output of wrk. The server has used `used_us` of processor time."""
    if failed := re.search(r"Non-2xx.*|Socket errors.*", output):
        raise MeasurementError(failed[0])
    requests = int(re.search(r"(\d+) requests in", output)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])

    latencies = re.findall(r"^ +(50|99)% +([\d.]+)(us|ms|s)$", output, re.MULTILINE)
    percentiles = {f"p{part}": float(number) * UNIT_MS[unit] for part, number, unit in latencies}
    return {"rate": rate, "processor": used_us / requests, **percentiles}
