"""Builds a release: `make release`. It takes long, because all programs are compiled for two
architectures.

`python -m release --programs FOLDER --sboms FOLDER` skips the compilers. FOLDER has
ARCHITECTURE/PACKAGE/bootstrap, and ARCHITECTURE/PACKAGE.cdx.json.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

from harness.paths import PROJECT
from release import ARCHITECTURES, archives, build, layout, sbom
from release.version import version
from template.templates import Template


def release_time() -> int:
    """Returns the time of all files, in seconds since 1970: SOURCE_DATE_EPOCH, or the time of the
    commit.
    """
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        if not epoch.isdigit():
            sys.exit(f"SOURCE_DATE_EPOCH: {epoch!r} is invalid, expected seconds since 1970")
        return int(epoch)

    if git("status", "--porcelain", "--untracked-files=no"):
        sys.exit("there are uncommitted changes: commit them, or set SOURCE_DATE_EPOCH")
    return int(git("log", "-1", "--format=%ct"))


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"git {arguments[0]} failed, so set SOURCE_DATE_EPOCH: {result.stderr.strip()}")
    return result.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m release", description="Builds a release.")
    parser.add_argument("--output", type=pathlib.Path, default=PROJECT / "dist")
    parser.add_argument("--programs", type=pathlib.Path, help="compiled programs")
    parser.add_argument("--sboms", type=pathlib.Path, help="lists of dependencies")
    options = parser.parse_args()

    source, seconds = Template.read("template.yaml"), release_time()
    functions, number = layout.functions(source), version()
    programs = options.programs or PROJECT / "target" / "distribution" / "programs"
    sboms = options.sboms or PROJECT / "target" / "distribution" / "sboms"

    for architecture in ARCHITECTURES:
        if not options.programs:
            build.compile_programs(architecture, functions, programs / architecture.name)
        if not options.sboms:
            sbom.write(architecture, [*functions, layout.PROGRAM], seconds, sboms)

    shutil.rmtree(options.output, ignore_errors=True)
    folder = options.output / f"{layout.PROGRAM}-{number}"
    for architecture in ARCHITECTURES:
        built = programs / architecture.name
        layout.add_architecture(folder, source, number, architecture, built, seconds)
        layout.pack_program(options.output, number, architecture, built, seconds)
    layout.add_common_files(folder, sboms)
    layout.pack(folder, seconds)

    packed = sorted(options.output.glob("*.tar.gz"))
    lines = [f"{archives.sha256(path.read_bytes())}  {path.name}\n" for path in packed]
    (options.output / layout.CHECKSUMS).write_text("".join(lines))
    print("".join(lines), end="")


if __name__ == "__main__":
    main()
