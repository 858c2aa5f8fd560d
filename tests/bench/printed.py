"""Tables that a benchmark of the project prints itself."""

import subprocess

from processes import PROJECT, environment
from rows import Printed

DEV_S = 60


def printed(built, benchmark: str, name: str, timeout: float) -> Printed:
    """What it prints until it ends, or fails: then with its last words as the last row."""
    text, failure = output(built.benchmarks[benchmark], DEV_S if built.is_dev else timeout)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    if not lines:
        lines = ["| | measured | goal |", "|---|---|---|"]
    if failure:
        words = " ".join(failure.split())[:200].replace("|", "/")
        lines.append(f"| the rest failed | {words} | |")
    return Printed(name, lines, "One run, with the goal that each row has.")


def output(program, timeout: float) -> tuple[str, str]:
    """What a program prints, and why it did not end well."""
    settings = {"env": environment(), "cwd": PROJECT, "timeout": timeout, "capture_output": True}
    try:
        done = subprocess.run([program, "--bench"], **settings)
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(), f"not done after {timeout:.0f} s"
    return done.stdout.decode(), done.stderr.decode() if done.returncode else ""


def row(table: Printed, what: str) -> str:
    """What one of its rows says."""
    for line in table.lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == what:
            return cells[1]
    return ""
