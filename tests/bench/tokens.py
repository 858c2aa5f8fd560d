"""Warm calls of authorizers with the same tokens, from the text of the event to the text of the
response.
"""

import functools
import json
import re
from collections.abc import Callable

from bench import instructions
from bench.builds import Programs
from bench.environment import BENCH, TARGET, run, variables
from bench.rows import Row, Runs, Table
from harness.paths import PROJECT

ROUNDS = 5
ALGORITHMS = ["RS256", "ES256", "EdDSA"]
UNIT_US = {"ns": 1e-3, "µs": 1.0, "ms": 1e3, "s": 1e6}
OURS = ["authorizer, cached token", "authorizer, new token"]
BENCHES = {
    "remembered_token": OURS[0],
    "new_token": OURS[1],
    "bare_signature_check": "aws-lc-rs, signature only",
}
NODE, PYTHON = BENCH / "node", BENCH / "python"
NOTE = (
    "Tollgate reads a complete event and charges a plan in the embedded store, which the peers do not. The peers verify "
    "the token in every call. Each run is a process, and its value is the median of hundreds of calls after a warm-up."
)


INSTRUCTIONS_NOTE = (
    "Counted by callgrind, which has no SHA extensions, so a hash costs more than in Lambda. The first rows are from the "
    "bytes of an event to those of the response. By the default settings, an allowed request writes no line to the log. The "
    "others include Lambda's runtime client, whose share is that of the empty function."
)
# A plan that allows every call of a run.
AMPLE = {"throttle": {"rate": 100_000, "burst": 1_000_000}}


def divan_medians(output: str) -> dict[tuple[str, str], float]:
    """Returns the medians in divan's table, in microseconds, by benchmark and argument."""
    medians, group = {}, ""
    for line in output.splitlines():
        name = re.search(r"[├╰]─ (\S+)", line)
        if not name:
            continue

        figures = re.findall(r"([\d.]+) (ns|µs|ms|s)\b", line)
        is_nested = line.startswith(("│", " "))
        if not is_nested:
            group = name[1]
        if len(figures) >= 4:
            value, unit = figures[2]
            medians[(group, name[1] if is_nested else "")] = float(value) * UNIT_US[unit]
    return medians


def measure_ours(programs: Programs) -> dict[str, float]:
    folder = TARGET / "events"
    folder.mkdir(parents=True, exist_ok=True)
    output = run(
        [programs.benchmarks["tokens"], "--bench"], variables(BENCH_EVENTS=str(folder)), 180
    )
    return {
        f"{bench}/{argument}": value for (bench, argument), value in divan_medians(output).items()
    }


def measure_peer(command: list, algorithm: str) -> float:
    events = [TARGET / "events" / f"{algorithm}{ending}" for ending in (".jsonl", ".jwks.json")]
    batches = json.loads(run([*command, *events]))
    return sorted(batches)[len(batches) // 2]


def each_algorithm(command: Callable[[str], list]) -> dict[str, float]:
    return {algorithm: measure_peer(command(algorithm), algorithm) for algorithm in ALGORITHMS}


def authorizer_settings() -> dict[str, str]:
    """Returns the settings of the example events, with plans that allow every call."""
    settings = json.loads((PROJECT / "events/env.json").read_text())["AuthorizerFunction"]
    store = json.loads(settings["EMBEDDED_STORE"])
    store["plans"] |= {"free": AMPLE, "pro": AMPLE}
    return {**settings, "EMBEDDED_STORE": json.dumps(store)}


def instructions_table(programs: Programs) -> Table:
    """Counts the instructions of a warm call."""
    event = json.loads((PROJECT / "events/authorizer.token.json").read_text())
    benchmark, binaries = programs.benchmarks["tokens"], programs.binaries
    counts: dict[str, Callable[[int], int]] = {
        f"authorizer, cached token, {algorithm}": functools.partial(
            instructions.of_benchmark, benchmark, TARGET / "events", algorithm
        )
        for algorithm in ALGORITHMS
    }
    for name, binary, settings, expected in (
        ("authorizer as a function", "authorizer", authorizer_settings(), '"decision":"allowed"'),
        ("Rust, empty function", "nothing", {}, '"isAuthorized":true'),
    ):
        counts[name] = functools.partial(
            instructions.of_function, binaries[binary], event, settings, expected
        )

    runs = Runs()
    subjects = {
        name: lambda count=count: {"instructions": instructions.per_call(count)}
        for name, count in counts.items()
    }
    runs.measure(subjects, 1, warm_up=0)
    ours = [name for name in counts if name.startswith("authorizer")]
    rows = runs.rows("instructions", counts, ours)
    return Table("Instructions per warm call", "instructions", rows, INSTRUCTIONS_NOTE)


def measure(programs: Programs) -> list[Table]:
    runs = Runs()
    peers = {
        "Node: jose": lambda: each_algorithm(lambda _: ["node", NODE / "calls.mjs", "jose"]),
        "Node: aws-jwt-verify": lambda: each_algorithm(
            lambda _: ["node", NODE / "calls.mjs", "aws-jwt-verify"]
        ),
        "Python: PyJWT, Powertools": lambda: each_algorithm(
            lambda name: [PYTHON / ".venv/bin/python", PYTHON / "calls.py", name]
        ),
    }
    # Tollgate comes first because it creates the tokens.
    runs.measure({"tollgate": lambda: measure_ours(programs), **peers}, ROUNDS, warm_up=0)

    tables = []
    for algorithm in ALGORITHMS:
        rows = [row_of_ours(runs, bench, name, algorithm) for bench, name in BENCHES.items()]
        tables.append(
            Table(
                f"Warm call, {algorithm}",
                "µs",
                rows + runs.rows(algorithm, peers, []),
                NOTE if algorithm == "RS256" else "",
            )
        )

    rules = [
        row_of_ours(runs, "api_key", f"authorizer, an API key, {count} rules", argument)
        for count, argument in ((10, "10"), (1000, "1000"))
    ]
    sizes = [
        row_of_ours(runs, "new_token_by_policy", f"authorizer, a new ES256 token, {size}", argument)
        for size, argument in (
            ("10 rules, 1 issuer", "small"),
            ("1000 rules, 50 issuers", "large"),
        )
    ]
    return [
        *tables,
        Table(
            "Warm call, by number of policy rules",
            "µs",
            rules + sizes,
            "The goal is a flat line from the small to the large policy.",
        ),
        instructions_table(programs),
    ]


def row_of_ours(runs: Runs, bench: str, name: str, argument: str) -> Row:
    values = runs.values.get(f"{bench}/{argument}", {}).get("tollgate", [])
    return Row(name, values, bench != "bare_signature_check", runs.failures.get("tollgate", ""))
