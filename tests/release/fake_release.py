"""A release of programs that only have their names as content, for tests."""

import atexit
import functools
import os
import pathlib
import subprocess
import sys
import tempfile

from harness.paths import PROJECT
from release import ARCHITECTURES, layout, sbom
from release.version import version
from template.templates import Template

SECONDS = "1700000001"
PACKAGES = (*layout.functions(Template.read("template.yaml")), layout.PROGRAM)


def write_inputs(folder: pathlib.Path, mode: int = 0o755) -> pathlib.Path:
    """Writes the programs with permissions, and empty lists of dependencies."""
    for architecture in ARCHITECTURES:
        for package in PACKAGES:
            program = folder / "programs" / architecture.name / package / "bootstrap"
            program.parent.mkdir(parents=True)
            program.write_text(f"{package} for {architecture.name}")
            program.chmod(mode)
            listed = folder / "sboms" / architecture.name / f"{package}{sbom.SUFFIX}"
            listed.parent.mkdir(parents=True, exist_ok=True)
            listed.write_text("{}")
    return folder


def build(
    inputs: pathlib.Path, output: pathlib.Path, hash_seed: str = "1", umask: int = 0o022
) -> str:
    """Runs `make release` without the compilers, and returns its output."""
    command = [sys.executable, "-m", "release", "--output", str(output)]
    command += ["--programs", str(inputs / "programs"), "--sboms", str(inputs / "sboms")]
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT / "tests"),
        "PYTHONHASHSEED": hash_seed,
        "SOURCE_DATE_EPOCH": SECONDS,
    }
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, umask=umask
    ).stdout


def folder_in(output: pathlib.Path) -> pathlib.Path:
    """Returns the unpacked release in an output folder."""
    return output / f"{layout.PROGRAM}-{version()}"


@functools.cache
def shared() -> pathlib.Path:
    """Returns an unpacked release that all tests of a process share. They do not change it."""
    folder = tempfile.TemporaryDirectory(prefix="tollgate-release-")
    atexit.register(folder.cleanup)
    root = pathlib.Path(folder.name)
    build(write_inputs(root / "inputs"), root / "output")
    return folder_in(root / "output")
