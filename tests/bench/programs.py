"""System programs that the comparisons need. They are named if they are missing, never installed."""

import shutil
from types import ModuleType

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


def missing(parts: dict[str, ModuleType]) -> str:
    """Returns an error that names the missing programs and the parts that need them, or an empty
    text. A part names its programs in `PROGRAMS`.
    """
    needed: dict[str, list[str]] = {}
    for name, part in parts.items():
        for program in getattr(part, "PROGRAMS", []):
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
