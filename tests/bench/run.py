"""Runs every comparison, or those that are named, and writes BENCHMARKS.md.

`python3 tests/bench/run.py [--dev] [PART …]`; `make bench` installs what it needs before. With `--dev` the dev
profile is measured, which says that the benchmarks work, and nothing else.
"""

import argparse
import json
import sys
import time

import build
import gateway
import growth
import hot_key
import limiter
import machine
import publisher
import report
import startup
import tokens
from processes import TARGET

PARTS = {
    "startup": ("Start-up", startup),
    "tokens": ("A warm call of the authorizer", tokens),
    "limiter": ("Decisions", limiter),
    "hot_key": ("A hot key", hot_key),
    "publisher": ("Metrics", publisher),
    "gateway": ("The whole way, on one machine", gateway),
    "growth": ("Growth", growth),
}


def measure(name: str, built: build.Built, is_dev: bool) -> dict:
    """A part's document, whatever becomes of it."""
    title, part = PARTS[name]
    document = {"name": name, "title": title, **machine.moment(), "dev": is_dev}
    began = time.monotonic()
    try:
        document["tables"] = [table.document() for table in part.measure(built)]
    except Exception as error:
        document["failed"] = f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
    return {**document, "seconds": time.monotonic() - began, "load_after": machine.moment()["load"]}


def results() -> list[dict]:
    """The latest of each part that there is."""
    files = [TARGET / f"{name}.json" for name in PARTS]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs every comparison, or those that are named.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--dev", action="store_true", help="measure the dev profile, to see that it all works")
    arguments = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    built = build.build(arguments.dev)
    print(f"builds: {time.monotonic() - began:.0f} s\n", flush=True)
    failed = False
    for name in arguments.parts or PARTS:
        document = measure(name, built, arguments.dev)
        (TARGET / f"{name}.json").write_text(json.dumps(document, indent=1))
        print(report.terminal(document))
        print(f"{name}: {document['seconds']:.0f} s\n", flush=True)
        failed |= "failed" in document
    report.write(machine.versions(), results(), list(PARTS))
    return int(failed)


sys.exit(main())
