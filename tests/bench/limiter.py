"""Decisions on one key: Tollgate and other libraries on the same emulator of DynamoDB, and in
memory.
"""

import json
import subprocess
import threading

from bench.benchmark_output import run_benchmark
from bench.builds import Programs
from bench.environment import BENCH, MeasurementError, NoResponse, ministack, run, variables
from bench.forwarder import Forwarder
from bench.rows import PrintedTable, Row, Runs, Subject, Table

ROUNDS = 5
DURATION_S = 2
WORKERS = [1, 16, 100]
LIMIT = 100
RESPONSE_TIMEOUT_S = 10
NAMES = ["Tollgate", "rate-limiter-flexible", "zae-limiter"]
IN_MEMORY = ["Tollgate, one limit", "Tollgate, two limits", "governor", "limitador"]
KEYS = 1000


def commands(programs: Programs) -> dict[str, list]:
    zae = BENCH / "zae-limiter"
    return {
        "Tollgate": [programs.benchmarks["decisions"]],
        "rate-limiter-flexible": ["node", BENCH / "node/limiter.mjs"],
        "zae-limiter": [zae / ".venv/bin/python", zae / "limiter.py"],
    }


def load(command: list, url: str, workers: int, limit: int) -> dict[str, float]:
    """Measures decisions. Each worker is an instance and calls again as soon as it has a response."""
    output = run([*command, "load", url, workers, DURATION_S, limit], variables(), 90)
    counts = json.loads(output.strip().splitlines()[-1])
    if counts["unanswered"]:
        raise MeasurementError(f"{counts['unanswered']} decisions had no response")
    if not counts["decisions"]:
        raise MeasurementError("nothing was decided")
    return {
        "rate": counts["decisions"] / counts["seconds"],
        "requests": counts["requests"] / counts["decisions"],
        "over": max(0, counts["allowed"] - limit) if limit else 0,
    }


def respond_without_store(command: list, port: int) -> dict[str, float]:
    """Measures the time to a response when the store accepts requests and does not respond, after
    one good response.
    """
    forwarder = Forwarder(port)
    process = subprocess.Popen(
        [str(part) for part in [*command, "hang", f"http://127.0.0.1:{forwarder.port}"]],
        env=variables(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    killer = threading.Timer(60, process.kill)
    killer.start()

    try:
        if process.stdout.readline().strip() != "ready":
            raise MeasurementError("gave no first response")
        forwarder.is_hanging = True
        threading.Timer(RESPONSE_TIMEOUT_S, process.kill).start()
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise NoResponse(f"no response within {RESPONSE_TIMEOUT_S} s")
        result = json.loads(line)
        return {"seconds": result["seconds"] * 1e3, "how": result["how"]}
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        forwarder.close()


def slices(command: list) -> Subject:
    """Returns a subject whose figure is the median of the rates that a program prints."""
    return lambda: {"rate": sorted(json.loads(run(command)))[5] / 1e6}


def without_store(programs: Programs, port: int) -> Table:
    rows = []
    for name, command in commands(programs).items():
        runs = Runs()
        runs.measure(
            {name: lambda command=command: respond_without_store(command, port)},
            3 if name == "Tollgate" else 1,
            0,
        )
        rows.extend(runs.rows("seconds", [name], NAMES[:1]))
    note = (
        "The store stops responding after one good response. Each library has its default settings. "
        f"Limit: {RESPONSE_TIMEOUT_S} s."
    )
    return Table("Response time while the store hangs", "ms", rows, note, chart=False)


def by_workers(runs: dict[int, Runs], figure: str) -> list[Row]:
    return [
        Row(
            f"{row.name}, {workers} worker{'s' if workers > 1 else ''}",
            row.values,
            row.ours,
            row.failed,
        )
        for workers in WORKERS
        for row in runs[workers].rows(figure, NAMES, NAMES[:1])
    ]


def measure(programs: Programs) -> list[Table | PrintedTable]:
    ample, tight = {}, Runs()
    with ministack() as emulator:
        for workers in WORKERS:
            subjects = {
                name: lambda c=command, w=workers: load(c, emulator.url, w, 0)
                for name, command in commands(programs).items()
            }
            ample[workers] = Runs()
            ample[workers].measure(subjects, ROUNDS, warm_up=0)
        subjects = {
            name: lambda c=command: load(c, emulator.url, 16, LIMIT)
            for name, command in commands(programs).items()
        }
        tight.measure(subjects, 3, warm_up=0)
        hanging = without_store(programs, emulator.port)

    memory = Runs()
    ours = [programs.benchmarks["decisions"], "callers", KEYS]
    memory.measure(
        {
            IN_MEMORY[0]: slices([*ours, 1]),
            IN_MEMORY[1]: slices([*ours, 2]),
            "governor": slices([programs.peers, "governor", KEYS]),
            "limitador": slices([programs.peers, "limitador", KEYS]),
        },
        ROUNDS,
    )
    note = "One key, all calls allowed, all workers in one process. Most of the time is spent in the emulator."
    return [
        Table("Decisions per second", "/s", by_workers(ample, "rate"), note),
        Table(
            "Store requests per decision",
            "requests",
            by_workers(ample, "requests"),
            "Each client counts the requests that it sends.",
        ),
        Table(
            f"Calls allowed above a limit of {LIMIT}",
            "calls",
            tight.rows("over", NAMES, NAMES[:1]),
            "16 workers for 2 s.",
            chart=False,
        ),
        hanging,
        Table(
            "Decisions per second in memory",
            "million/s",
            memory.rows("rate", IN_MEMORY, IN_MEMORY[:2]),
            "A thousand keys in random order, on one thread. One limit is a token bucket, the second one "
            "a quota per day. Both are charged by the same code.",
        ),
        run_benchmark(programs, "decisions", "Store requests per decision in detail", 600),
    ]
