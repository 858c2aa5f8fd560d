"""Writes the licence notices of the third-party crates in each function: `python -m tools.notices
.aws-sam/build`. A program with the web console also has those of its JavaScript libraries.

Licences such as MIT and BSD require that a copy of their text accompanies every copy of a program.
`make package` therefore writes THIRD-PARTY-NOTICES next to each function's binary, so that the
deployed archive contains it. The file is generated from the sources that were built and is not in
the repository, so it is always current.

`python -m tools.notices --package tollgate` prints the notices of one package.
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

from harness.paths import PROJECT
from tools import vendored

FILE_NAME = "THIRD-PARTY-NOTICES"
LICENCE_FILE = re.compile(r"(?i)(un)?licen[cs]e|copying|notice|copyright")
# Files with a name like a licence's that are source code or metadata.
OTHER_SUFFIXES = (".rs", ".toml", ".json", ".html", ".py", ".spdx")


@functools.cache
def metadata() -> dict:
    """Returns cargo's metadata of the locked crates for the deployed platform."""
    command = [
        "cargo",
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        "aarch64-unknown-linux-gnu",
    ]
    return json.loads(subprocess.run(command, cwd=PROJECT, check=True, capture_output=True).stdout)


def package_of(logical_id: str) -> str:
    """Returns the package of a function, such as `alb-sync` for `AlbSyncFunction`."""
    words = re.findall(r"[A-Z][a-z0-9]*", logical_id.removesuffix("Function"))
    return "-".join(words).lower()


def crates(package: str) -> list[dict]:
    """Returns the third-party crates that a package links, without those of build scripts and
    tests.
    """
    third_party = [crate for crate in linked(package) if crate["source"]]
    return sorted(third_party, key=lambda one: (one["name"], one["version"]))


def libraries(package: str) -> list[vendored.Library]:
    """Returns the JavaScript libraries that a package contains."""
    folders = [
        pathlib.Path(one["manifest_path"]).parent for one in linked(package) if not one["source"]
    ]
    return sorted(library for folder in folders for library in vendored.libraries(folder))


def linked(package: str) -> list[dict]:
    """Returns the crates that a package links, with itself."""
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
        waiting += [
            one["pkg"]
            for one in dependencies
            if any(kind["kind"] is None for kind in one["dep_kinds"])
        ]

    return [packages[one] for one in found]


def texts(crate: dict) -> list[str]:
    """Returns the texts of a crate's licences and notices. Texts that differ only in white space
    are listed once.
    """
    return texts_in(crate["manifest_path"], crate["license_file"])


@functools.cache
def texts_in(manifest: str, license_file: str | None) -> list[str]:
    root = pathlib.Path(manifest).parent
    files = [file for file in root.rglob("*") if file.is_file() and LICENCE_FILE.match(file.name)]
    files = [file for file in files if file.suffix.lower() not in OTHER_SUFFIXES]
    if license_file:
        files.append(root / license_file)
    found = {
        text_hash(text): text
        for text in (file.read_text(errors="replace").strip() for file in sorted(set(files)))
    }
    return list(found.values())


def text_hash(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def notices(package: str) -> str:
    """Returns the document: a list of crates with their licences, and then each text with its
    crates.
    """
    owners, listed = collections.defaultdict(list), []
    known: dict[str, str] = {}
    for crate in crates(package):
        title = f"{crate['name']} {crate['version']}"
        listed.append(
            f"{title} ({crate['license'] or 'see its licence file'}) {crate['repository'] or ''}".rstrip()
        )
        for text in texts(crate) or [text_of_declared_licence(crate)]:
            known.setdefault(text_hash(text), text)
            owners[text_hash(text)].append(title)

    for library in libraries(package):
        title = f"{library.name} {library.version}"
        address = f"https://www.npmjs.com/package/{library.name}"
        listed.append(f"{title} ({library.licence}) {address}, in the web console")
        known.setdefault(text_hash(library.text), library.text)
        owners[text_hash(library.text)].append(title)

    parts = [f"Third-party software in {package}\n\n" + "\n".join(listed)]
    parts += [", ".join(titles) + ":\n\n" + known[one] for one, titles in owners.items()]
    return ("\n\n" + "-" * 80 + "\n\n").join(parts) + "\n"


def text_of_declared_licence(crate: dict) -> str:
    """Returns the text of the licence that a crate declares, for the few crates without a licence
    file.
    """
    authors = ", ".join(crate["authors"]) or f"the authors of {crate['name']}"
    licences = crate["license"] or ""
    head = f"Licensed by {authors} under {licences}; the crate comes without a licence file."
    if "MIT" in licences:
        return f"{head}\n\nCopyright (c) {authors}\n\n{MIT}"
    if "Apache-2.0" in licences:
        return f"{head}\n\n{(PROJECT / 'LICENSE').read_text().strip()}"
    sys.exit(
        f"{crate['name']} {crate['version']} ({licences}) has no licence file, and its licence is not in tools/notices.py"
    )


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
    which.add_argument("build", nargs="?", type=pathlib.Path, help="build directory of the SAM CLI")
    which.add_argument("--package", help="package of the workspace whose notices to print")
    options = parser.parse_args()

    if options.package:
        print(notices(options.package), end="")
        return

    binaries = sorted(options.build.glob("*/bootstrap"))
    if not binaries:
        sys.exit(f"{options.build} contains no function, expected the output of `sam build`")

    for binary in binaries:
        (binary.parent / FILE_NAME).write_text(notices(package_of(binary.parent.name)))


if __name__ == "__main__":
    main()
