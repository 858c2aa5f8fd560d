"""Archives that depend only on the content of their files: entries are sorted, with one time and
fixed permissions.
"""

import gzip
import hashlib
import io
import pathlib
import stat
import tarfile
import time
import zipfile

# The first second that an entry of a zip archive can have: 1980-01-01.
EARLIEST_ZIP_TIME = 315_532_800


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns all files in a folder, sorted by their relative path."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def mode(path: pathlib.Path) -> int:
    """Returns 0o755 for a program and 0o644 for any other file, whatever the umask was."""
    return 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644


def zipped(folder: pathlib.Path, seconds: int) -> bytes:
    """Returns a zip archive of a folder. `seconds` is the time of every entry, since 1970."""
    when = time.gmtime(max(seconds, EARLIEST_ZIP_TIME))[:6]
    content = io.BytesIO()

    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), when)
            # The system that made the entry is Unix everywhere. Otherwise Lambda ignores the mode.
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | mode(path)) << 16
            archive.writestr(entry, path.read_bytes())

    return content.getvalue()


def tarred(folder: pathlib.Path, seconds: int) -> bytes:
    """Returns a `.tar.gz` archive of a folder, which contains the folder itself."""
    content = io.BytesIO()

    with (
        gzip.GzipFile(fileobj=content, mode="wb", filename="", mtime=seconds) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in files(folder):
            entry = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}")
            entry.size, entry.mode, entry.mtime = path.stat().st_size, mode(path), seconds
            with path.open("rb") as source:
                archive.addfile(entry, source)

    return content.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checksums(folder: pathlib.Path) -> str:
    """Returns the checksums of all files, as `sha256sum --check` reads them."""
    lines = (
        f"{sha256(path.read_bytes())}  {path.relative_to(folder).as_posix()}\n"
        for path in files(folder)
    )
    return "".join(lines)
