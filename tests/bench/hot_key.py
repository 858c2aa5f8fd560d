"""The benefit of leases for a hot key, with a store as fast as one partition of DynamoDB."""

import json
import pathlib

from bench.builds import Programs
from bench.environment import MeasurementError, run, variables
from bench.rows import Row, Runs, Table

ROUNDS = 5
DURATION_S = 3
LEASES = [0, 4, 16, 64]
STORE_WRITES_PER_SECOND = 1000


def admitted(program: pathlib.Path, lease: int) -> dict[str, float]:
    counts = json.loads(run([program, "hot", lease, DURATION_S], variables(), 60))
    if not counts["admitted"]:
        raise MeasurementError("nothing was admitted")
    return {
        "admitted": counts["admitted"] / counts["seconds"],
        "unanswered": counts["unanswered"] / counts["seconds"],
    }


def measure(programs: Programs) -> list[Table]:
    runs = Runs()
    names = {f"leases of {lease}" if lease else "no leases": lease for lease in LEASES}
    subjects = {
        name: lambda lease=lease: admitted(programs.benchmarks["decisions"], lease)
        for name, lease in names.items()
    }
    runs.measure(subjects, ROUNDS, warm_up=0)
    rows = runs.rows("admitted", names, names)
    note = (
        "16 instances, a plan with a high limit, 3 s. The store is simulated, because emulators are slower than a "
        "DynamoDB partition. It accepts 1,000 writes per second with a burst of 100, so the first second has 100 more."
    )
    unanswered = runs.rows("unanswered", names, names)
    limit = Row("the limit of the partition", [STORE_WRITES_PER_SECOND])
    return [
        Table("Calls allowed on one hot key, simulated store", "calls/s", [limit, *rows], note),
        Table(
            "Calls decided by on_store_failure, simulated store",
            "calls/s",
            unanswered,
            "The store did not respond in time for these calls.",
            chart=False,
        ),
    ]
