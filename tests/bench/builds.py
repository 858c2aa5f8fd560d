"""Builds the programs that are measured, in the release profile."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

from bench.environment import BENCH, TARGET, MeasurementError
from harness.paths import PROJECT

# The package of each benchmark.
BENCHMARKS = {
    "decisions": "store",
    "administration": "limiter",
    "tokens": "authorizer",
    "runs": "alb-sync",
    "deliveries": "metrics-publisher",
    "compositions": "composer",
    "merge": "composition",
}
FUNCTIONS = ["authorizer", "alb-sync", "composer", "limiter", "metrics-publisher"]
BINARIES = [*FUNCTIONS, "nothing", "tollgate"]


@dataclasses.dataclass
class Programs:
    """Paths of the built programs and benchmarks, by name."""

    binaries: dict[str, pathlib.Path]
    benchmarks: dict[str, pathlib.Path]
    peers: pathlib.Path
    is_dev: bool


def cargo(*arguments: str) -> dict[str, pathlib.Path]:
    """Runs cargo and returns the paths of the executables it built or found up to date, by target
    name.
    """
    command = [
        os.environ.get("CARGO", "cargo"),
        *arguments,
        "--locked",
        "--message-format=json-render-diagnostics",
    ]
    result = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise MeasurementError(f"cargo {' '.join(arguments)} failed")

    messages = (json.loads(line) for line in result.stdout.splitlines() if line.startswith("{"))
    artifacts = (message for message in messages if message["reason"] == "compiler-artifact")
    return {
        it["target"]["name"]: pathlib.Path(it["executable"])
        for it in artifacts
        if it.get("executable")
    }


def build(is_dev: bool) -> Programs:
    """Builds each function by itself, as it is deployed, because one build of all would unify their
    features.

    The dev profile, for work on the benchmarks, uses the build of the tests.
    """
    manifest = [
        "--manifest-path",
        str(BENCH / "peers/Cargo.toml"),
        "--target-dir",
        str(TARGET.parent / "peers"),
    ]
    try:
        peers = cargo("build", "--release", *manifest)["peers"]
    except MeasurementError:
        # The rows of the peers then show the failure, and the others are measured.
        peers = pathlib.Path("peers that were not built")

    if is_dev:
        targets = [
            *(f"--bench={name}" for name in BENCHMARKS),
            *(f"--bin={name}" for name in BINARIES),
        ]
        built = cargo("build", "--workspace", *targets)
        return Programs(
            {name: built[name] for name in BINARIES},
            {name: built[name] for name in BENCHMARKS},
            peers,
            True,
        )

    benchmarks = {}
    for name, package in BENCHMARKS.items():
        benchmarks[name] = cargo(
            "bench", "--profile=release", "--no-run", "--package", package, "--bench", name
        )[name]
    return Programs({name: build_release(name) for name in BINARIES}, benchmarks, peers, False)


def build_release(name: str) -> pathlib.Path:
    """Builds a binary and returns a copy of it. The build of a benchmark may replace the original."""
    built = cargo("build", "--release", "--package", name)[name]
    copy = TARGET / "programs" / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(built, copy)
    return copy
