"""Assembles a release from compiled programs.

tollgate-0.2.0/
  template.json               for arm64, the default
  template-x86_64.json
  functions/ARCHITECTURE/PACKAGE.zip
  stacks/                     the separate stacks and the nested one
  sbom/ARCHITECTURE/PACKAGE.cdx.json
  LICENSE, README.md, CHANGELOG.md
  SHA256SUMS
tollgate-0.2.0.tar.gz         the folder
tollgate-0.2.0-TARGET.tar.gz  the program `tollgate` with template.yaml, for each target
SHA256SUMS                    the checksums of these archives
"""

import json
import pathlib
import shutil

from harness.paths import PROJECT
from release import ARM64, Architecture, archives, template
from template.templates import FUNCTION, Template
from tools import notices

PROGRAM = "tollgate"
CHECKSUMS = "SHA256SUMS"
DOCUMENTS = ("LICENSE", "README.md", "CHANGELOG.md")


def functions(source: Template) -> list[str]:
    """Returns the packages of the functions, such as `authorizer`."""
    resources = source.resources(FUNCTION).values()
    return [pathlib.PurePath(one["Properties"]["CodeUri"]).name for one in resources]


def add_architecture(
    release: pathlib.Path,
    source: Template,
    version: str,
    architecture: Architecture,
    programs: pathlib.Path,
    seconds: int,
) -> None:
    """Adds the functions' archives of one architecture and its template.

    `programs` has each function's binary at PACKAGE/bootstrap.
    """
    hashes = {}
    for package in functions(source):
        path = template.archive_path(package, architecture)
        content = function_archive(release, programs / package / "bootstrap", package, seconds)
        (release / path).parent.mkdir(parents=True, exist_ok=True)
        (release / path).write_bytes(content)
        hashes[path] = archives.sha256(content)

    body = template.released(source, version, architecture, hashes)
    name = template_name(architecture)
    (release / name).write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n")


def template_name(architecture: Architecture) -> str:
    suffix = "" if architecture == ARM64 else f"-{architecture.name}"
    return f"template{suffix}.json"


def function_archive(
    release: pathlib.Path, binary: pathlib.Path, package: str, seconds: int
) -> bytes:
    """Returns the archive that Lambda runs: the binary and the notices of its dependencies."""
    if not binary.is_file():
        raise FileNotFoundError(f"{binary} is missing, expected the compiled function {package}")

    folder = release / ".function"
    folder.mkdir(parents=True)
    try:
        copy(binary, folder / "bootstrap", 0o755)
        (folder / notices.FILE_NAME).write_text(notices.notices(package))
        return archives.zipped(folder, seconds)
    finally:
        shutil.rmtree(folder)


def add_common_files(release: pathlib.Path, sboms: pathlib.Path) -> None:
    """Adds the files that do not depend on the architecture, the SBOMs, and then the checksums."""
    for document in DOCUMENTS:
        copy(PROJECT / document, release / document)
    for stack in sorted((PROJECT / "stacks").glob("*")):
        copy(stack, release / "stacks" / stack.name)
    for sbom in archives.files(sboms):
        copy(sbom, release / "sbom" / sbom.relative_to(sboms))

    (release / CHECKSUMS).write_text(archives.checksums(release))


def pack_program(
    output: pathlib.Path,
    version: str,
    architecture: Architecture,
    programs: pathlib.Path,
    seconds: int,
) -> None:
    """Writes the archive of the program `tollgate`, with the template that it serves."""
    folder = output / f"{PROGRAM}-{version}-{architecture.target}"
    copy(programs / PROGRAM / "bootstrap", folder / PROGRAM, 0o755)
    copy(PROJECT / "template.yaml", folder / "template.yaml")
    copy(PROJECT / "LICENSE", folder / "LICENSE")
    (folder / notices.FILE_NAME).write_text(notices.notices(PROGRAM))

    pack(folder, seconds)
    shutil.rmtree(folder)


def pack(folder: pathlib.Path, seconds: int) -> None:
    """Writes `FOLDER.tar.gz` next to a folder. The version in its name contains dots."""
    folder.with_name(f"{folder.name}.tar.gz").write_bytes(archives.tarred(folder, seconds))


def copy(source: pathlib.Path, target: pathlib.Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)
