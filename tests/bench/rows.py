"""The results of a comparison: tables of rows, each a figure with several measured values."""

import dataclasses
import statistics
from collections.abc import Callable, Collection, Iterable

from bench.environment import MeasurementError, NoResponse
from harness.paths import PROJECT

# A subject of a comparison: measures once and returns its figures by name.
Subject = Callable[[], dict[str, float]]


@dataclasses.dataclass
class Row:
    """The values of one subject, in the table's unit. `failed` is the reason if values are missing."""

    name: str
    values: list[float] = dataclasses.field(default_factory=list)
    ours: bool = False
    failed: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def document(self, unit: str) -> dict:
        document = {"name": self.name, "unit": unit, "ours": self.ours}
        if not self.values:
            return {**document, "failed": self.failed or "failed: nothing was measured"}
        if self.failed:
            document["incomplete"] = self.failed

        spread = {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "runs": len(self.values),
        }
        return {**document, **spread}


@dataclasses.dataclass
class Table:
    """Rows with the same unit. `name` is the heading, and part of the chart's file name."""

    name: str
    unit: str
    rows: list[Row]
    note: str = ""
    chart: bool = True

    def document(self) -> dict:
        rows = [row.document(self.unit) for row in self.rows]
        return {
            "name": self.name,
            "unit": self.unit,
            "note": self.note,
            "chart": self.chart,
            "rows": rows,
        }


@dataclasses.dataclass
class PrintedTable:
    """A table in Markdown that one of the project's own benchmarks printed."""

    name: str
    lines: list[str]
    note: str = ""

    def document(self) -> dict:
        return {"name": self.name, "printed": self.lines, "note": self.note}


class Runs:
    """The values of several subjects over several rounds. A subject that has failed twice is not
    measured again.
    """

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = {}
        self.failures: dict[str, str] = {}
        self.given_up: set[str] = set()

    def measure(self, subjects: dict[str, Subject], rounds: int, warm_up: int = 1) -> None:
        """Measures each subject once per round. Each round begins with a different subject."""
        names = list(subjects)
        for number in range(warm_up + rounds):
            for index in range(len(names)):
                name = names[(index + number) % len(names)]
                if name not in self.given_up:
                    self._measure_once(name, subjects[name], number >= warm_up)

    def rows(self, figure: str, names: Iterable[str], ours: Collection[str]) -> list[Row]:
        measured = self.values.get(figure, {})
        return [
            Row(name, measured.get(name, []), name in ours, self.failures.get(name, ""))
            for name in names
        ]

    def _measure_once(self, name: str, subject: Subject, is_counted: bool) -> None:
        try:
            figures = subject()
        except Exception as error:
            self._record_failure(name, error)
            return

        if is_counted:
            for figure, value in figures.items():
                self.values.setdefault(figure, {}).setdefault(name, []).append(value)

    def _record_failure(self, name: str, error: Exception) -> None:
        message = (
            str(error)
            if isinstance(error, MeasurementError)
            else f"{type(error).__name__}: {error}"
        )
        last_line = message.strip().splitlines()[-1].replace(f"{PROJECT}/", "")[:200]
        if name in self.failures:
            self.given_up.add(name)
        self.failures[name] = last_line if isinstance(error, NoResponse) else f"failed: {last_line}"
