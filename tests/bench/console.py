"""The web console in a browser: what it loads, and how it behaves with ten thousand keys."""

import json

from bench.builds import Programs
from bench.environment import BENCH, run, variables
from bench.rows import Row, Runs, Table

ROUNDS = 5
# Each time of console.mjs, with the name of its row.
TIMES = {
    "overviewMs": "from the address to the first figures of Overview",
    "firstKeysMs": "from the address to the first rows of Keys",
    "allKeysMs": "from the address to all 10,000 keys",
    "searchMs": "from a typed character to the rows that match",
    "scrollMs": "a step of scrolling, p90",
}
SUBJECT = "console"


def once(programs: Programs) -> dict[str, float]:
    """Runs the console in a new browser and returns its figures."""
    settings = variables(TOLLGATE=str(programs.binaries["tollgate"]))
    return json.loads(run(["node", BENCH / "console.mjs"], settings, 300))


def rows(runs: Runs, names: dict[str, str]) -> list[Row]:
    failed = runs.failures.get(SUBJECT, "")
    return [
        Row(text, runs.values.get(name, {}).get(SUBJECT, []), True, failed)
        for name, text in names.items()
    ]


def measure(programs: Programs) -> list[Table]:
    runs = Runs()
    runs.measure({SUBJECT: lambda: once(programs)}, ROUNDS, warm_up=0)

    size, requests = rows(runs, {"transferredKb": "responses"}), rows(runs, {"requests": "requests"})
    sizes = "Everything that the browser loads for the page Overview, as it is sent, with headers."
    times = (
        "In Chromium without a window, on the same cores as the gateway, which has ten thousand keys in its embedded "
        "store. Each run is a new browser. The rows of Keys appear while further keys are loading."
    )
    return [
        Table("Console, first page", "kB", size, sizes, chart=False),
        Table("Console, requests of the first page", "requests", requests, chart=False),
        Table("Console, times", "ms", rows(runs, TIMES), times),
        Table(
            "Console, memory",
            "MB",
            rows(runs, {"heapMb": "scripts, with 10,000 keys"}),
            "Used memory of the page's scripts after a garbage collection.",
            chart=False,
        ),
    ]
