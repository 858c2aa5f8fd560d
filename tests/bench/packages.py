"""The zip of each function, as `make package` builds it for arm64."""

from bench.builds import FUNCTIONS, Programs
from bench.environment import MeasurementError
from bench.rows import Row, Table
from harness.paths import PROJECT
from tools.package_sizes import zipped_bytes

BUILD = PROJECT / ".aws-sam" / "build"


def folder_of(function: str) -> str:
    """Returns the resource of a function, which is also the name of its folder."""
    return "".join(word.capitalize() for word in function.split("-")) + "Function"


def measure(_: Programs) -> list[Table]:
    folders = {function: BUILD / folder_of(function) for function in FUNCTIONS}
    missing = [function for function, folder in folders.items() if not folder.exists()]
    if missing:
        raise MeasurementError(f"not built: {', '.join(missing)}; run `make package` first")

    rows = [Row(name, [zipped_bytes(folder) / 1e6], True) for name, folder in folders.items()]
    note = "The archive that `sam deploy` uploads, with the notices of licences."
    return [Table("Package for arm64", "MB", rows, note, chart=False)]
