"""Decisions on one key in DynamoDB, ours and others', on the same emulator; and in memory."""

import json
import subprocess
import threading

from printed import printed
from processes import BENCH, Failed, Forwarder, NoAnswer, environment, ministack, run
from rows import Printed, Row, Runs, Table

ROUNDS = 5
SECONDS = 2
WORKERS = [1, 16, 100]
LIMIT = 100
HANG_S = 10
NAMES = ["Tollgate", "rate-limiter-flexible", "zae-limiter"]
IN_MEMORY = ["Tollgate, embedded", "governor", "limitador"]


def commands(built) -> dict[str, list]:
    zae = BENCH / "zae-limiter"
    return {
        "Tollgate": [built.benchmarks["decisions"]],
        "rate-limiter-flexible": ["node", BENCH / "node/limiter.mjs"],
        "zae-limiter": [zae / ".venv/bin/python", zae / "limiter.py"],
    }


def load(command: list, url: str, workers: int, limit: int) -> dict[str, float]:
    """Workers are instances of their own, each calling again as soon as it has its answer."""
    text = run([*command, "load", url, workers, SECONDS, limit], environment(), 90)
    told = json.loads(text.strip().splitlines()[-1])
    if told["unanswered"]:
        raise Failed(f"{told['unanswered']} decisions had no answer")
    if not told["decisions"]:
        raise Failed("nothing was decided")
    return {
        "rate": told["decisions"] / told["seconds"],
        "requests": told["requests"] / told["decisions"],
        "over": max(0, told["allowed"] - limit) if limit else 0,
    }


def hang(command: list, port: int) -> dict[str, float]:
    """How long an answer takes once the store takes requests and answers none; it has had one good answer before."""
    forwarder = Forwarder(port)
    process = subprocess.Popen(
        [str(part) for part in [*command, "hang", f"http://127.0.0.1:{forwarder.port}"]],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    killer = threading.Timer(60, process.kill)
    killer.start()
    try:
        if process.stdout.readline().strip() != "ready":
            raise Failed("gave no first answer")
        forwarder.hanging = True
        threading.Timer(HANG_S, process.kill).start()
        process.stdin.write("\n")
        process.stdin.flush()
        told = process.stdout.readline()
        if not told:
            raise NoAnswer(f"none within {HANG_S} s")
        told = json.loads(told)
        return {"seconds": told["seconds"] * 1e3, "how": told["how"]}
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        forwarder.close()


def slices(command: list):
    return lambda: {"rate": sorted(json.loads(run(command)))[5] / 1e6}


def hung(built, port: int) -> Table:
    rows = []
    for name, command in commands(built).items():
        runs = Runs()
        runs.measure({name: lambda command=command: hang(command, port)}, 3 if name == "Tollgate" else 1, 0)
        rows.extend(runs.rows("seconds", [name], NAMES[:1]))
    note = f"After one good answer, each library as it is set up by default, waited for {HANG_S} s."
    return Table("Answer while the store hangs", "ms", rows, note, chart=False)


def by_workers(runs: dict[int, Runs], figure: str) -> list[Row]:
    return [
        Row(f"{row.name}, {workers} worker{'s' if workers > 1 else ''}", row.values, row.ours, row.failed)
        for workers in WORKERS
        for row in runs[workers].rows(figure, NAMES, NAMES[:1])
    ]


def measure(built) -> list[Table | Printed]:
    ample, tight = {}, Runs()
    with ministack() as port:
        url = f"http://127.0.0.1:{port}"
        for workers in WORKERS:
            subjects = {
                name: lambda c=command, w=workers: load(c, url, w, 0) for name, command in commands(built).items()
            }
            ample[workers] = Runs()
            ample[workers].measure(subjects, ROUNDS, warm_up=0)
        subjects = {name: lambda c=command: load(c, url, 16, LIMIT) for name, command in commands(built).items()}
        tight.measure(subjects, 3, warm_up=0)
        hanging = hung(built, port)
    memory = Runs()
    own = slices([built.benchmarks["decisions"], "callers", 1000])
    memory.measure(
        {
            IN_MEMORY[0]: own,
            "governor": slices([built.peers, "governor"]),
            "limitador": slices([built.peers, "limitador"]),
        },
        ROUNDS,
    )
    note = "One key, all admitted, the workers in one process each. The emulator is what takes the time."
    return [
        Table("Decisions a second", "/s", by_workers(ample, "rate"), note),
        Table(
            "Store requests a decision",
            "requests",
            by_workers(ample, "requests"),
            "Counted by each client as it sends.",
        ),
        Table(
            f"Admitted above a limit of {LIMIT}",
            "calls",
            tight.rows("over", NAMES, NAMES[:1]),
            "16 workers for 2 s.",
            chart=False,
        ),
        hanging,
        Table(
            "Decisions a second in memory",
            "million/s",
            memory.rows("rate", IN_MEMORY, IN_MEMORY[:1]),
            "A thousand keys in turn on one thread. Ours charges a bucket and a quota; the others one limit.",
        ),
        printed(built, "decisions", "What a decision costs, in requests to the store", 420),
    ]
