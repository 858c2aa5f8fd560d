"""Builds what is measured, in release, and tells where it is."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

from processes import BENCH, PROJECT, TARGET, Failed

BENCHMARKS = {"decisions": "usage", "tokens": "authorizer", "runs": "alb-sync", "deliveries": "metrics-publisher"}
FUNCTIONS = ["authorizer", "alb-sync", "limiter", "metrics-publisher"]
PROGRAMS = [*FUNCTIONS, "nothing", "tollgate"]


@dataclasses.dataclass
class Built:
    """Programs and benchmarks by name."""

    programs: dict[str, pathlib.Path]
    benchmarks: dict[str, pathlib.Path]
    peers: pathlib.Path
    is_dev: bool


def cargo(*arguments: str) -> dict[str, pathlib.Path]:
    """Runs cargo; the executables that it made, or would have made, by their targets' names."""
    command = [os.environ.get("CARGO", "cargo"), *arguments, "--locked", "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failed(f"cargo {' '.join(arguments)} failed")
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    made = (message for message in messages if message["reason"] == "compiler-artifact" and message.get("executable"))
    return {message["target"]["name"]: pathlib.Path(message["executable"]) for message in made}


def build(is_dev: bool) -> Built:
    """Each function by itself, as it is deployed: together they would share features. In the dev profile, which is for
    work on the benchmarks, what the tests are built with will do."""
    manifest = ["--manifest-path", str(BENCH / "peers/Cargo.toml"), "--target-dir", str(TARGET.parent / "peers")]
    try:
        peers = cargo("build", "--release", *manifest)["peers"]
    except Failed:
        # Their rows then say so; ours go on.
        peers = pathlib.Path("peers that were not built")
    if is_dev:
        names = [*(f"--bench={name}" for name in BENCHMARKS), *(f"--bin={name}" for name in PROGRAMS)]
        made = cargo("build", "--workspace", *names)
        return Built({name: made[name] for name in PROGRAMS}, {name: made[name] for name in BENCHMARKS}, peers, True)
    benchmarks = {}
    for name, package in BENCHMARKS.items():
        benchmarks[name] = cargo("bench", "--profile=release", "--no-run", "--package", package, "--bench", name)[name]
    return Built({name: release(name) for name in PROGRAMS}, benchmarks, peers, False)


def release(name: str) -> pathlib.Path:
    """A copy, because a benchmark of the same package leaves a program with its features in the same place."""
    made = cargo("build", "--release", "--package", name)[name]
    copy = TARGET / "programs" / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(made, copy)
    return copy
