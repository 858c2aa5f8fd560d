"""Runs every comparison, or the named ones, and writes BENCHMARKS.md.

`make bench` installs what the comparisons need, and then runs `PYTHONPATH=tests .venv/bin/python -m
bench [PART …]`. With `--dev`, the dev profile is measured, which only shows that the benchmarks
work.
"""

import argparse
import json
import sys
import time

from bench import (
    builds,
    compositions,
    gateway,
    growth,
    hot_key,
    limiter,
    machine,
    publisher,
    report,
    startup,
    tokens,
)
from bench.environment import TARGET

PARTS = {
    "startup": ("Startup", startup),
    "tokens": ("A warm call of the authorizer", tokens),
    "limiter": ("Decisions", limiter),
    "hot_key": ("A hot key", hot_key),
    "publisher": ("Metrics", publisher),
    "gateway": ("Full request path on one machine", gateway),
    "compositions": ("One response from several services", compositions),
    "growth": ("Growth", growth),
}


def measure(name: str, programs: builds.Programs, is_dev: bool) -> dict:
    """Measures a part and returns its document. A failure is part of the document."""
    title, part = PARTS[name]
    document = {"name": name, "title": title, **machine.time_and_load(), "dev": is_dev}

    begin = time.monotonic()
    try:
        document["tables"] = [table.document() for table in part.measure(programs)]
    except Exception as error:
        document["failed"] = f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
    return {
        **document,
        "seconds": time.monotonic() - begin,
        "load_after": machine.time_and_load()["load"],
    }


def latest_results() -> list[dict]:
    files = [TARGET / f"{name}.json" for name in PARTS]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Runs every comparison, or the named ones."
    )
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument(
        "--dev",
        action="store_true",
        help="measure the dev profile, to see that the benchmarks work",
    )
    arguments = parser.parse_args()

    TARGET.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    programs = builds.build(arguments.dev)
    print(f"builds: {time.monotonic() - begin:.0f} s\n", flush=True)

    failed = False
    for name in arguments.parts or PARTS:
        document = measure(name, programs, arguments.dev)
        (TARGET / f"{name}.json").write_text(json.dumps(document, indent=1))
        print(report.terminal(document))
        print(f"{name}: {document['seconds']:.0f} s\n", flush=True)
        failed |= "failed" in document

    report.write(machine.versions(), latest_results(), list(PARTS))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
