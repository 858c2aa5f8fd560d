"""The machine and the versions of a run."""

import datetime
import json
import os
import pathlib
import platform
import subprocess

from bench.environment import BENCH
from harness.paths import PROJECT


def first_line(*command: str) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "not installed"
    lines = (result.stdout + result.stderr).strip().splitlines()
    return lines[0] if lines else "–"


def processor() -> str:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def memory_gib() -> float:
    line = pathlib.Path("/proc/meminfo").read_text().splitlines()[0]
    return int(line.split()[1]) / 1024 / 1024


def time_and_load() -> dict:
    """Returns the time and the load average."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
    return {"at": now, "load": round(os.getloadavg()[0], 2)}


def pinned(path: str, names: list[str]) -> list[str]:
    lines = (BENCH / path).read_text().splitlines()
    return [line.replace("==", " ") for line in lines if line.split("==")[0] in names]


def peers() -> list[str]:
    packages = (BENCH / f"{folder}/package.json" for folder in ("node", "bff"))
    node = [
        f"{name} {version}"
        for package in packages
        for name, version in json.loads(package.read_text())["dependencies"].items()
    ]
    rust = [line.split('"') for line in (BENCH / "peers/Cargo.toml").read_text().splitlines()]
    rust = {
        parts[0].split(" ")[0]: parts[1].lstrip("=")
        for parts in rust
        if len(parts) > 2 and parts[1].startswith("=")
    }
    return [
        *node,
        *pinned(
            "python/requirements.txt",
            ["PyJWT", "aws-lambda-powertools", "awslambdaric", "boto3", "cryptography"],
        ),
        *pinned("zae-limiter/requirements.txt", ["zae-limiter", "aiobotocore"]),
        *(f"{name} {version}" for name, version in rust.items()),
    ]


def commit() -> str:
    """Returns the short hash of the commit that is measured, with `-dirty` if files have changed. The
    results of a part that was measured before do not count.
    """
    git = ("git", "-C", str(PROJECT))
    others = (":/", ":!/docs/benchmarks", ":!/BENCHMARKS.md")
    is_dirty = first_line(*git, "status", "--porcelain", "--", *others) != "–"
    return first_line(*git, "rev-parse", "--short=8", "HEAD") + ("-dirty" if is_dirty else "")


def versions() -> dict[str, str]:
    emulator = pinned("../ministack-requirements.txt", ["ministack"]) + pinned(
        "../requirements.txt", ["aws-sam-cli"]
    )
    languages = [first_line("rustc", "--version"), f"Node {first_line('node', '--version')}"]
    tools = [
        first_line("wrk", "--version").split(" [")[0],
        first_line("nginx", "-v").removeprefix("nginx version: "),
    ]
    return {
        "Machine": f"{os.cpu_count()} cores of {processor()}, {memory_gib():.0f} GiB, {platform.platform()}",
        "Languages": ", ".join([*languages, f"Python {platform.python_version()}"]),
        "Tools": ", ".join([*emulator, *tools]),
        "Peers": ", ".join(peers()),
    }
