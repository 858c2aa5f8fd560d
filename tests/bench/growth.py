"""What grows with keys, groups, nodes and tokens; a flat line is what is hoped for."""

import json

from printed import printed
from processes import Failed, environment, run
from rows import Printed, Row, Runs, Table

CALLERS = [10, 1_000, 100_000]
ROUNDS = 5


def decisions(program, callers: int) -> dict[str, float]:
    slices = sorted(json.loads(run([program, "callers", callers])))
    return {"rate": slices[len(slices) // 2] / 1e6}


def memory(built) -> list[Row]:
    settings = environment(BENCH_MEMORY="1000" if built.is_dev else "1000000")
    try:
        told = json.loads(run([built.benchmarks["tokens"]], settings, 400))
    except (Failed, OSError, ValueError) as error:
        return [Row("after all tokens", ours=True, failed=f"failed: {error}"[:200])]
    return [
        Row(f"after {int(tokens):,} tokens", [kib / 1024], True)
        for tokens, kib in sorted(told.items(), key=lambda one: int(one[0]))
    ]


def measure(built) -> list[Table | Printed]:
    runs = Runs()
    names = {f"{callers:,} keys": callers for callers in CALLERS}
    program = built.benchmarks["decisions"]
    runs.measure(
        {name: lambda callers=callers: decisions(program, callers) for name, callers in names.items()}, ROUNDS, 0
    )
    note = "The embedded store, keys in turn in an order that no cache of the processor's foresees."
    return [
        Table("Decisions a second, by number of keys", "million/s", runs.rows("rate", names, names), note),
        Table(
            "The authorizer's memory, by distinct tokens",
            "MiB",
            memory(built),
            "Resident, after so many tokens of 2,000 subjects.",
        ),
        printed(built, "runs", "A run of alb-sync", 240),
    ]
