"""Tables that a benchmark of the project prints itself."""

import pathlib
import subprocess

from processes import PROJECT, environment
from rows import Printed


def printed(program: pathlib.Path, name: str, timeout: float) -> Printed:
    """What it prints until it ends, or fails: then with its last words as the last row."""
    try:
        done = subprocess.run(
            [program, "--bench"], env=environment(), cwd=PROJECT, timeout=timeout, capture_output=True, text=True
        )
        text, failure = done.stdout, done.stderr.strip() if done.returncode else ""
    except subprocess.TimeoutExpired as late:
        text, failure = (late.stdout or b"").decode(), f"not done after {timeout:.0f} s"
    lines = [line for line in text.splitlines() if line.startswith("|")]
    if not lines:
        lines = ["| | measured | goal |", "|---|---|---|"]
    if failure:
        words = " ".join(failure.split())[:200].replace("|", "/")
        lines.append(f"| the rest failed | {words} | |")
    return Printed(name, lines, "One run, with the goal that each row has.")


def row(table: Printed, what: str) -> str:
    """What one of its rows says."""
    for line in table.lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == what:
            return cells[1]
    return ""
