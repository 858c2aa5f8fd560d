"""Growth with the number of keys, target groups, nodes and tokens. A flat line is good."""

import json

from bench.benchmark_output import run_benchmark
from bench.builds import Programs
from bench.environment import MeasurementError, run, variables
from bench.limiter import slices
from bench.rows import PrintedTable, Row, Runs, Table

KEY_COUNTS = [10, 1_000, 100_000]
ROUNDS = 5


def decisions(programs: Programs) -> list[Row]:
    """Returns the decisions per second on one limit, of Tollgate and of a crate that has only that."""
    tollgate = [programs.benchmarks["decisions"], "callers"]
    subjects = {}
    for keys in KEY_COUNTS:
        subjects[f"Tollgate, {keys:,} keys"] = slices([*tollgate, keys, 1])
        subjects[f"governor, {keys:,} keys"] = slices([programs.peers, "governor", keys])

    runs = Runs()
    runs.measure(subjects, ROUNDS, 0)
    ours = [name for name in subjects if name.startswith("Tollgate")]
    return runs.rows("rate", subjects, ours)


def memory(programs: Programs) -> list[Row]:
    settings = variables(BENCH_MEMORY="1000" if programs.is_dev else "1000000")
    try:
        resident_kib = json.loads(run([programs.benchmarks["tokens"]], settings, 400))
    except (MeasurementError, OSError, ValueError) as error:
        return [Row("after all tokens", ours=True, failed=f"failed: {error}"[:200])]
    return [
        Row(f"after {int(tokens):,} tokens", [kib / 1024], True)
        for tokens, kib in sorted(resident_kib.items(), key=lambda item: int(item[0]))
    ]


def measure(programs: Programs) -> list[Table | PrintedTable]:
    note = (
        "Embedded store, one limit. The order of the keys defeats the caches of the processor, for "
        "both in the same way."
    )
    return [
        Table(
            "Decisions per second, by number of keys",
            "million/s",
            decisions(programs),
            note,
        ),
        Table(
            "Authorizer memory, by number of distinct tokens",
            "MiB",
            memory(programs),
            "Resident memory after this number of tokens of 2,000 subjects.",
        ),
        run_benchmark(programs, "runs", "One run of alb-sync", 240),
    ]
