"""Runs every comparison, or the named ones, and writes BENCHMARKS.md.

`make bench` installs what the comparisons need into the project's folder, and then runs
`PYTHONPATH=tests .venv/bin/python -m bench [PART …]`. With `--dev`, the dev profile is measured,
which only shows that the benchmarks work. The results are then printed and not written.
"""

import argparse
import sys
import time

from bench import builds, machine, programs, report
from bench.environment import TARGET
from bench.parts import PARTS, measurement


def measure(name: str, built: builds.Programs) -> dict:
    """Measures a part and returns its document. A failure is part of the document."""
    document = {"name": name, "title": PARTS[name].title, **machine.time_and_load()}
    document |= {"commit": machine.commit(), "versions": machine.versions()}

    begin = time.monotonic()
    try:
        document["tables"] = [table.document() for table in measurement(name)(built)]
    except Exception as error:
        document["failed"] = f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
    return {
        **document,
        "seconds": time.monotonic() - begin,
        "load_after": machine.time_and_load()["load"],
    }


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

    names = arguments.parts or list(PARTS)
    if missing := programs.missing({name: PARTS[name].programs for name in names}):
        print(missing, file=sys.stderr)
        return 2

    TARGET.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    built = builds.build(arguments.dev)
    print(f"builds: {time.monotonic() - begin:.0f} s\n", flush=True)

    failed = False
    for name in names:
        document = measure(name, built)
        if not arguments.dev:
            report.store(document)
        print(report.terminal(document))
        print(f"{name}: {document['seconds']:.0f} s\n", flush=True)
        failed |= "failed" in document

    if not arguments.dev:
        report.write(list(PARTS))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
