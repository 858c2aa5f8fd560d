"""Prints how large the functions of a `sam build` are: `package_sizes.py .aws-sam/build`."""

import io
import pathlib
import sys
import zipfile


def zipped(folder: pathlib.Path) -> int:
    """Bytes of the archive that `sam deploy` uploads."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as entries:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entries.write(path, path.relative_to(folder))
    return archive.getbuffer().nbytes


def main(build: pathlib.Path) -> None:
    binaries = sorted(build.glob("*/bootstrap"))
    if not binaries:
        sys.exit(f"{build} holds no function; `sam build` made none")
    row = "{:<26}{:>14}{:>14}".format
    print(row("function", "bootstrap MB", "zip MB"))
    for binary in binaries:
        sizes = binary.stat().st_size, zipped(binary.parent)
        print(row(binary.parent.name, *(f"{size / 1e6:.2f}" for size in sizes)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("call me with a build directory, such as .aws-sam/build")
    main(pathlib.Path(sys.argv[1]))
