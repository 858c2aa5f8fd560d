"""Compiles the programs of a release with cargo-lambda and zig, for each architecture.

Absolute paths of the machine are replaced in the binaries, and the linker adds no build ID. The
same tools then give the same bytes in the same folder.
"""

import os
import pathlib
import subprocess
import sys

from harness.paths import PROJECT, TOOLS
from release import Architecture
from release.layout import PROGRAM

# Other flags than those of `make package` would rebuild everything in a shared folder.
TARGET_FOLDER = PROJECT / "target" / "distribution"


def compile_programs(
    architecture: Architecture, functions: list[str], output: pathlib.Path
) -> None:
    """Writes each program to OUTPUT/PACKAGE/bootstrap, including `tollgate`.

    Each package is built alone, as `sam build` does it. Otherwise, a feature that one package
    enables would be in all of them.
    """
    for package in (*functions, PROGRAM):
        command = [
            str(TOOLS / "cargo-lambda"),
            *("lambda", "build", "--locked", "--release", architecture.option),
            *("--lambda-dir", str(output), "--package", package),
        ]
        result = subprocess.run(command, cwd=PROJECT, env=environment(), check=False)
        if result.returncode:
            sys.exit(f"{package}, {architecture.name}: cargo-lambda ended with {result.returncode}")


def environment() -> dict[str, str]:
    """Returns the environment of the compilers."""
    prefixes = {
        str(PROJECT): "/tollgate",
        os.environ.get("CARGO_HOME", str(pathlib.Path.home() / ".cargo")): "/cargo",
        sysroot(): "/rust",
    }
    remaps = [f"--remap-path-prefix={path}={name}" for path, name in prefixes.items()]
    # aws-lc is written in C and contains the names of its files.
    maps = " ".join(f"-ffile-prefix-map={path}={name}" for path, name in prefixes.items())
    return os.environ | {
        # Finds zig, which comes with cargo-lambda.
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "CARGO_TARGET_DIR": str(TARGET_FOLDER),
        "CARGO_INCREMENTAL": "0",
        # In contrast to RUSTFLAGS, this variable allows spaces in paths.
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join([*remaps, "-Clink-arg=-Wl,--build-id=none"]),
        "CFLAGS": maps,
        "CXXFLAGS": maps,
    }


def sysroot() -> str:
    command = ["rustc", "--print", "sysroot"]
    return subprocess.run(
        command, cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout.strip()
