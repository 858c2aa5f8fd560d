"""The result of a run that a starved emulator may disturb: its row, exit code and errors."""

import dataclasses
import pathlib
import shutil
import sys

from harness import results
from soak.starvation import MAX_STARVED_SHARE

PASSED, FAILED, INCONCLUSIVE = 0, 1, 3
NAMES = {PASSED: "passed", FAILED: "failed", INCONCLUSIVE: "inconclusive"}
MAX_LISTED_ERRORS = 50


@dataclasses.dataclass
class Verdict:
    """The result of a run. `errors` are wrong on any machine. `late` are decisions of the store
    that are missing, for which a starved emulator may be the cause, too.
    """

    row: results.Row
    errors: list[str]
    late: list[str]
    starved_share: float

    def exit_code(self) -> int:
        is_starved = self.starved_share > MAX_STARVED_SHARE
        if self.errors or (self.late and not is_starved):
            return FAILED
        return INCONCLUSIVE if is_starved else PASSED

    def report(self, table: str, folder: pathlib.Path, writes: bool) -> int:
        """Prints the row and the errors, and returns the exit code. If the run passed, its folder
        is removed. `writes` puts the row into the table of the page.
        """
        code = self.exit_code()
        row = {**self.row, "result": NAMES[code]}
        results.show([row])
        if writes:
            results.write(table, [row], keep=3)
        if code == PASSED:
            shutil.rmtree(folder)
            print("passed")
            return code

        errors = [*self.errors, *self.late]
        print(
            f"\n{NAMES[code]}: {len(errors)} errors; logs are in {folder}",
            *errors[:MAX_LISTED_ERRORS],
            sep="\n  ",
            file=sys.stderr,
        )
        return code
