"""Writes the notices of the third-party crates that are part of each function: `notices.py .aws-sam/build`.

Licences such as MIT and BSD ask that a copy of their text goes with every copy of a program. `make package` therefore puts
THIRD-PARTY-NOTICES beside each function's binary, so that it is in the archive that is deployed or handed on. It is
made at that moment from the sources that were built, and not kept in the repository: this way it is always current.

`notices.py --package tollgate` prints those of one package, such as the local gateway's.
"""

import argparse
import collections
import functools
import hashlib
import json
import pathlib
import re
import subprocess
import sys

PROJECT = pathlib.Path(__file__).resolve().parents[1]
NAME = "THIRD-PARTY-NOTICES"
LICENCE_FILE = re.compile(r"(?i)(un)?licen[cs]e|copying|notice|copyright")
# Names of a licence's file inside a crate that are no text: its own sources, and metadata.
NO_TEXT = (".rs", ".toml", ".json", ".html", ".py", ".spdx")


@functools.cache
def metadata() -> dict:
    """What cargo says of the locked crates, on the platform that is deployed."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "aarch64-unknown-linux-gnu"]
    return json.loads(subprocess.run(command, cwd=PROJECT, check=True, capture_output=True).stdout)


def package_of(logical_id: str) -> str:
    """`AlbSyncFunction` is the package `alb-sync`."""
    words = re.findall(r"[A-Z][a-z0-9]*", logical_id.removesuffix("Function"))
    return "-".join(words).lower()


def crates(package: str) -> list[dict]:
    """The third-party crates that a package is built from, without build scripts' and tests' own."""
    packages = {one["id"]: one for one in metadata()["packages"]}
    nodes = {node["id"]: node for node in metadata()["resolve"]["nodes"]}
    members = {packages[one]["name"]: one for one in metadata()["workspace_members"]}
    if package not in members:
        sys.exit(f"the workspace has no package {package}")

    found, waiting = set(), [members[package]]
    while waiting:
        node = waiting.pop()
        if node in found:
            continue
        found.add(node)
        dependencies = nodes[node]["deps"]
        waiting += [one["pkg"] for one in dependencies if any(kind["kind"] is None for kind in one["dep_kinds"])]

    third_party = [packages[one] for one in found if packages[one]["source"]]
    return sorted(third_party, key=lambda one: (one["name"], one["version"]))


def texts(crate: dict) -> list[str]:
    """The texts of a crate's licences and notices. The same text, other spaces aside, is listed once."""
    return texts_of(crate["manifest_path"], crate["license_file"])


@functools.cache
def texts_of(manifest: str, license_file: str | None) -> list[str]:
    root = pathlib.Path(manifest).parent
    files = [file for file in root.rglob("*") if file.is_file() and LICENCE_FILE.match(file.name)]
    files = [file for file in files if file.suffix.lower() not in NO_TEXT]
    if license_file:
        files.append(root / license_file)
    found = {key(text): text for text in (file.read_text(errors="replace").strip() for file in sorted(set(files)))}
    return list(found.values())


def key(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def notices(package: str) -> str:
    """The whole document: the crates with their licences, then each text with the crates that it belongs to."""
    owners, listed = collections.defaultdict(list), []
    known: dict[str, str] = {}
    for crate in crates(package):
        title = f"{crate['name']} {crate['version']}"
        listed.append(f"{title} ({crate['license'] or 'see its licence file'}) {crate['repository'] or ''}".rstrip())
        for text in texts(crate) or [without_a_text(crate)]:
            known.setdefault(key(text), text)
            owners[key(text)].append(title)

    parts = [f"Third-party software in {package}\n\n" + "\n".join(listed)]
    parts += [", ".join(titles) + ":\n\n" + known[one] for one, titles in owners.items()]
    return ("\n\n" + "-" * 80 + "\n\n").join(parts) + "\n"


def without_a_text(crate: dict) -> str:
    """For the few crates whose archive has no licence file: what they declare, with the text that this names."""
    authors = ", ".join(crate["authors"]) or f"the authors of {crate['name']}"
    licences = crate["license"] or ""
    head = f"Licensed by {authors} under {licences}; the crate comes without a licence file."
    if "MIT" in licences:
        return f"{head}\n\nCopyright (c) {authors}\n\n{MIT}"
    if "Apache-2.0" in licences:
        return f"{head}\n\n{(PROJECT / 'LICENSE').read_text().strip()}"
    sys.exit(f"{crate['name']} {crate['version']} ({licences}) has no licence file, and its text is not known here")


MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("build", nargs="?", type=pathlib.Path, help="a build directory of the SAM CLI")
    which.add_argument("--package", help="a package of the workspace, whose notices are printed")
    options = parser.parse_args()

    if options.package:
        print(notices(options.package), end="")
        return
    binaries = sorted(options.build.glob("*/bootstrap"))
    if not binaries:
        sys.exit(f"{options.build} holds no function")
    for binary in binaries:
        (binary.parent / NAME).write_text(notices(package_of(binary.parent.name)))


if __name__ == "__main__":
    main()
