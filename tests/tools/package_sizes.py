"""Prints the sizes of the functions in a `sam build`: `python -m tools.package_sizes
.aws-sam/build`.
"""

import io
import pathlib
import sys
import zipfile


def zipped_bytes(folder: pathlib.Path) -> int:
    """Returns the size of the archive that `sam deploy` uploads."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as entries:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entries.write(path, path.relative_to(folder))
    return archive.getbuffer().nbytes


def main(build: pathlib.Path) -> None:
    binaries = sorted(build.glob("*/bootstrap"))
    if not binaries:
        sys.exit(f"{build} contains no function, expected the output of `sam build`")

    row = "{:<26}{:>14}{:>14}".format
    print(row("function", "bootstrap MB", "zip MB"))
    for binary in binaries:
        sizes = binary.stat().st_size, zipped_bytes(binary.parent)
        print(row(binary.parent.name, *(f"{size / 1e6:.2f}" for size in sizes)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("missing argument, expected a build directory such as .aws-sam/build")
    main(pathlib.Path(sys.argv[1]))
