"""Checks that a block of commands can be pasted into interactive bash and zsh.

Interactive zsh, the default shell of macOS, has no comments, expands `!` as history, and refuses a
pattern that matches no file. Shells such as dash have no here strings.
"""

from __future__ import annotations

import re
import shutil
import subprocess

SINGLE_QUOTED = re.compile(r"'[^']*'")
DOUBLE_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
SUBSTITUTION = re.compile(r"\$\([^()]*\)|\$\{[^{}]*\}")
UNSAFE = {
    "a comment": re.compile(r"(?:^|\s)#", re.MULTILINE),
    "an exclamation mark": re.compile(r"!"),
    "a here string": re.compile(r"<<<"),
    "a pattern": re.compile(r"(?<!\$)[*?\[\]]"),
}


def unquoted(code: str) -> str:
    """Returns the code with an `x` for each quoted string. An exclamation mark in double quotes
    stays.
    """
    code = SINGLE_QUOTED.sub("x", code)
    return DOUBLE_QUOTED.sub(
        lambda match: "!" if re.search(r"!", SUBSTITUTION.sub("", match[0])) else "x", code
    )


def unsafe(code: str) -> list[str]:
    """Returns the names of the constructs that cannot be pasted."""
    return [name for name, pattern in UNSAFE.items() if pattern.search(unquoted(code))]


def syntax_errors(code: str) -> list[str]:
    """Returns the syntax errors that the installed shells report. The code is not run."""
    shells = [shell for shell in ("bash", "zsh") if shutil.which(shell)]
    results = {
        shell: subprocess.run([shell, "-n"], input=code, capture_output=True, text=True)
        for shell in shells
    }
    return [
        f"{shell}: {result.stderr.strip()}"
        for shell, result in results.items()
        if result.returncode
    ]
