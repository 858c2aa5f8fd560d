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
    return {"admitted": counts["admitted"] / counts["seconds"], "unanswered": counts["unanswered"] / counts["seconds"]}


def measure(programs: Programs) -> list[Table]:
    runs = Runs()
    names = {f"leases of {lease}" if lease else "no leases": lease for lease in LEASES}
    subjects = {
        name: lambda lease=lease: admitted(programs.benchmarks["decisions"], lease) for name, lease in names.items()
    }
    runs.measure(subjects, ROUNDS, warm_up=0)
    rows = runs.rows("admitted", names, names)
    note = (
        "16 instances, an ample plan, 3 s. The store is simulated, because emulators are slower than a partition; "
        "it takes 1,000 writes a second, and a tenth of a second's at once, so that the first second has 100 more."
    )
    unanswered = runs.rows("unanswered", names, names)
    return [
        Table("Admitted on one hot key", "calls/s", [Row("the cap itself", [STORE_WRITES_PER_SECOND]), *rows], note),
        Table(
            "Answered by the plan's policy instead",
            "calls/s",
            unanswered,
            "For want of the store's answer.",
            chart=False,
        ),
    ]
