"""Runs the project's own benchmarks, which print tables."""

import pathlib
import subprocess

from bench.builds import Programs
from bench.environment import variables
from bench.rows import PrintedTable
from harness.paths import PROJECT

DEV_TIMEOUT_S = 60


def run_benchmark(programs: Programs, benchmark: str, name: str, timeout_s: float) -> PrintedTable:
    """Returns the table that a benchmark prints. If the benchmark fails, the last row says so."""
    output, failure = run(
        programs.benchmarks[benchmark], DEV_TIMEOUT_S if programs.is_dev else timeout_s
    )
    lines = [line for line in output.splitlines() if line.startswith("|")]
    if not lines:
        lines = ["| | measured | goal |", "|---|---|---|"]

    if failure:
        reason = " ".join(failure.split())[:200].replace("|", "/")
        lines.append(f"| the rest failed | {reason} | |")
    return PrintedTable(name, lines, "One run, with the goal of each row.")


def run(program: pathlib.Path, timeout_s: float) -> tuple[str, str]:
    """Returns the output of a benchmark, and the reason if it failed."""
    options = {"env": variables(), "cwd": PROJECT, "timeout": timeout_s, "capture_output": True}
    try:
        result = subprocess.run([program, "--bench"], **options)
    except subprocess.TimeoutExpired as timeout:
        return (timeout.stdout or b"").decode(), f"timed out after {timeout_s:.0f} s"
    return result.stdout.decode(), result.stderr.decode() if result.returncode else ""


def measured_value(table: PrintedTable, row_name: str) -> str:
    """Returns the measured value in a row of the table, or an empty string if there is no such row."""
    for line in table.lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == row_name:
            return cells[1]
    return ""
