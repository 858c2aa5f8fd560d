"""Lists the dependencies of each program in CycloneDX 1.5, with cargo-cyclonedx.

`make release` installs cargo-cyclonedx with its locked dependencies into target/.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from harness.paths import PROJECT
from release import Architecture
from tools import notices, vendored

CARGO_CYCLONEDX = PROJECT / "target" / "cargo-cyclonedx" / "bin" / "cargo-cyclonedx"
SUFFIX = ".cdx.json"


def write(
    architecture: Architecture, packages: list[str], seconds: int, output: pathlib.Path
) -> None:
    """Writes OUTPUT/ARCHITECTURE/PACKAGE.cdx.json for each package."""
    command = [
        str(CARGO_CYCLONEDX),
        *("cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5"),
        *("--target", architecture.target),
    ]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(seconds)}

    try:
        subprocess.run(command, cwd=PROJECT, env=environment, check=True)
        collect(PROJECT, packages, output / architecture.name)
    except subprocess.CalledProcessError as error:
        sys.exit(f"cargo-cyclonedx ended with {error.returncode} for {architecture.name}")
    finally:
        for path in written(PROJECT):
            path.unlink()


def written(project: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files that cargo-cyclonedx wrote next to each Cargo.toml."""
    folders = ("crates", "functions", "tests")
    return [path for folder in folders for path in (project / folder).rglob(f"*{SUFFIX}")]


def collect(project: pathlib.Path, packages: list[str], output: pathlib.Path) -> None:
    """Copies the lists of the packages, without the path of the project on this machine."""
    found = {path.name.removesuffix(SUFFIX): path for path in written(project)}
    if missing := sorted(set(packages) - found.keys()):
        sys.exit(f"cargo-cyclonedx wrote no list for {', '.join(missing)}")

    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    for package in packages:
        text = found[package].read_text().replace(f"file://{project}", "file://.")
        (output / f"{package}{SUFFIX}").write_text(
            with_libraries(text, notices.libraries(package))
        )


def with_libraries(text: str, libraries: list[vendored.Library]) -> str:
    """Adds the JavaScript libraries of a program to its list. cargo-cyclonedx knows crates only."""
    if not libraries:
        return text
    document = json.loads(text)
    document["components"] += [component(library) for library in libraries]
    return json.dumps(document, indent=2, ensure_ascii=False)


def component(library: vendored.Library) -> dict:
    """Returns a library as CycloneDX describes it."""
    purl = f"pkg:npm/{library.name}@{library.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": library.name,
        "version": library.version,
        "scope": "required",
        "licenses": [{"expression": library.licence}],
        "purl": purl,
    }
