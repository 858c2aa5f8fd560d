"""Prometheus and promtool, by the names of Debian's package `prometheus`."""

import os
import pathlib
import shutil
import subprocess
import unittest

PROGRAMS = ("prometheus", "promtool")
TIMEOUT_S = 60


def require_prometheus() -> None:
    """Skips the tests of a module if Prometheus is not installed. With `CI` set, that is a failure."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if not missing:
        return

    reason = f"{' and '.join(missing)} not found: install them, for example with `apt-get install prometheus`"
    if os.environ.get("CI"):
        raise RuntimeError(reason)
    raise unittest.SkipTest(reason)


def promtool(
    *arguments: str | pathlib.Path, folder: pathlib.Path | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs promtool with `text` on its standard input. The output includes standard error."""
    return subprocess.run(
        ["promtool", *map(str, arguments)],
        input=text,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
