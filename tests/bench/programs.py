"""System programs that the comparisons need. They are named if they are missing, never installed."""

import shutil
from collections.abc import Iterable

# The Debian package of each program.
PACKAGES = {
    "chromium": "chromium",
    "nginx": "nginx-light",
    "node": "nodejs",
    "taskset": "util-linux",
    "valgrind": "valgrind",
    "wrk": "wrk",
}
# Other names of a program.
NAMES = {"chromium": ["chromium", "chromium-browser", "google-chrome"]}


def missing(parts: dict[str, Iterable[str]]) -> str:
    """Returns an error that names the missing programs and the parts that need them, or an empty
    text. `parts` has the programs of each part.
    """
    needed: dict[str, list[str]] = {}
    for name, of_part in parts.items():
        for program in of_part:
            if not any(shutil.which(it) for it in NAMES.get(program, [program])):
                needed.setdefault(program, []).append(name)
    if not needed:
        return ""

    lines = [
        f"  {program}, for {', '.join(names)}: apt-get install {PACKAGES[program]}"
        for program, names in sorted(needed.items())
    ]
    return "\n".join(
        ["bench: these programs are missing:", *lines, "Or measure other parts: make bench PART=…"]
    )
