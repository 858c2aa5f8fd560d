"""Growth with the number of keys, target groups, nodes and tokens. A flat line is good."""

import json

from bench.benchmark_output import run_benchmark
from bench.builds import Programs
from bench.environment import MeasurementError, run, variables
from bench.rows import PrintedTable, Row, Runs, Table

KEY_COUNTS = [10, 1_000, 100_000]
ROUNDS = 5


def decisions(program, callers: int) -> dict[str, float]:
    slices = sorted(json.loads(run([program, "callers", callers])))
    return {"rate": slices[len(slices) // 2] / 1e6}


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
    runs = Runs()
    names = {f"{callers:,} keys": callers for callers in KEY_COUNTS}
    program = programs.benchmarks["decisions"]
    runs.measure(
        {
            name: lambda callers=callers: decisions(program, callers)
            for name, callers in names.items()
        },
        ROUNDS,
        0,
    )
    note = "Embedded store. The order of the keys defeats the caches of the processor."
    return [
        Table(
            "Decisions per second, by number of keys",
            "million/s",
            runs.rows("rate", names, names),
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
