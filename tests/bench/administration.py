"""The administration of 10,000 keys: imports, lists, exports and reports, on an emulator of DynamoDB."""

from bench.benchmark_output import run_benchmark
from bench.builds import Programs
from bench.rows import PrintedTable


def measure(programs: Programs) -> list[PrintedTable]:
    table = run_benchmark(programs, "administration", "Administration", 600)
    note = (
        "Requests and items as a proxy in front of the emulator counts them. The times are those of the "
        "function, and of the same items in plain requests of the SDK with the same conditions, one after "
        "another in both cases. "
        "The rows show the round with the median ratio of three."
    )
    return [PrintedTable(table.name, table.lines, note)]
