"""A hot key at a store that takes what one partition of DynamoDB takes: what leases are worth."""

import json

from processes import Failed, environment, run
from rows import Row, Runs, Table

ROUNDS = 5
SECONDS = 3
LEASES = [0, 4, 16, 64]
CAP = 1000


def admitted(program, lease: int) -> dict[str, float]:
    told = json.loads(run([program, "hot", lease, SECONDS], environment(), 60))
    if not told["admitted"]:
        raise Failed("nothing was admitted")
    return {"admitted": told["admitted"] / told["seconds"], "unanswered": told["unanswered"] / told["seconds"]}


def measure(built) -> list[Table]:
    runs = Runs()
    names = {f"leases of {lease}" if lease else "no leases": lease for lease in LEASES}
    subjects = {
        name: lambda lease=lease: admitted(built.benchmarks["decisions"], lease) for name, lease in names.items()
    }
    runs.measure(subjects, ROUNDS, warm_up=0)
    rows = runs.rows("admitted", names, names)
    note = (
        "16 instances, an ample plan, 3 s. The store is simulated, because emulators are slower than a partition; "
        "it takes 1,000 writes a second, and a tenth of a second's at once, so that the first second has 100 more."
    )
    unanswered = runs.rows("unanswered", names, names)
    return [
        Table("Admitted on one hot key", "calls/s", [Row("the cap itself", [CAP]), *rows], note),
        Table(
            "Answered by the plan's policy instead",
            "calls/s",
            unanswered,
            "For want of the store's answer.",
            chart=False,
        ),
    ]
