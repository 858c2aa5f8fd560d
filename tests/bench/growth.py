"""What grows with keys, groups, nodes and tokens; a flat line is what is hoped for."""

import json

from printed import printed
from processes import Failed, environment, run
from rows import Printed, Row, Runs, Table

KEYS = [10, 1_000, 100_000]
ROUNDS = 5


def decisions(program, keys: int) -> dict[str, float]:
    slices = sorted(json.loads(run([program, "keys", keys])))
    return {"rate": slices[len(slices) // 2] / 1e6}


def memory(program) -> list[Row]:
    try:
        told = json.loads(run([program], environment(BENCH_MEMORY="1"), 400))
    except (Failed, OSError, ValueError) as error:
        return [Row("after 1,000,000 tokens", ours=True, failed=str(error)[:200])]
    return [
        Row(f"after {int(tokens):,} tokens", [kib / 1024], True)
        for tokens, kib in sorted(told.items(), key=lambda one: int(one[0]))
    ]


def measure(built) -> list[Table | Printed]:
    runs = Runs()
    names = {f"{keys:,} keys": keys for keys in KEYS}
    program = built.benchmarks["decisions"]
    runs.measure({name: lambda keys=keys: decisions(program, keys) for name, keys in names.items()}, ROUNDS)
    note = "The embedded store, keys in turn in an order that no cache of the processor's foresees."
    return [
        Table("Decisions a second, by number of keys", "million/s", runs.rows("rate", names, names), note),
        Table(
            "The authorizer's memory, by distinct tokens",
            "MiB",
            memory(built.benchmarks["tokens"]),
            "Resident, after so many tokens of 2,000 subjects.",
        ),
        printed(built.benchmarks["runs"], "A run of alb-sync", 240),
    ]
