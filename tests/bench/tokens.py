"""Warm calls of authorizers with the same tokens, from the text of the event to the text of the
response.
"""

import json
import re
from collections.abc import Callable

from bench.builds import Programs
from bench.environment import BENCH, TARGET, run, variables
from bench.rows import Row, Runs, Table

PROGRAMS = ["node"]
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


def measure(programs: Programs) -> list[Table]:
    runs = Runs()
    peers = {
        "Node: jose": lambda: each_algorithm(lambda _: ["node", NODE / "calls.mjs", "jose"]),
        "Node: aws-jwt-verify": lambda: each_algorithm(
            lambda _: ["node", NODE / "calls.mjs", "aws-jwt-verify"]
        ),
        "Python: PyJWT, Powertools": lambda: each(
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
    ]


def row_of_ours(runs: Runs, bench: str, name: str, argument: str) -> Row:
    values = runs.values.get(f"{bench}/{argument}", {}).get("tollgate", [])
    return Row(name, values, bench != "bare_signature_check", runs.failures.get("tollgate", ""))
