"""What a comparison yields: tables of rows, each a figure measured so many times."""

import dataclasses
import statistics

from processes import PROJECT, Failed, NoAnswer


@dataclasses.dataclass
class Row:
    """A figure: what was measured of whom, in the table's unit. `failed` says why there is none, or not more."""

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
        spread = {"median": self.median, "min": min(self.values), "max": max(self.values), "runs": len(self.values)}
        return {**document, **spread}


@dataclasses.dataclass
class Table:
    """Rows of one unit. `name` is its heading and, where it is drawn, its chart's file."""

    name: str
    unit: str
    rows: list[Row]
    note: str = ""
    chart: bool = True

    def document(self) -> dict:
        rows = [row.document(self.unit) for row in self.rows]
        return {"name": self.name, "unit": self.unit, "note": self.note, "chart": self.chart, "rows": rows}


@dataclasses.dataclass
class Printed:
    """A table as a benchmark of the project prints it, from one run."""

    name: str
    lines: list[str]
    note: str = ""

    def document(self) -> dict:
        return {"name": self.name, "printed": self.lines, "note": self.note}


class Runs:
    """Values of several subjects, collected over rounds. One that has failed twice is left out from then on."""

    def __init__(self):
        self.values: dict[str, dict[str, list[float]]] = {}
        self.failures: dict[str, str] = {}
        self.given_up: set[str] = set()

    def measure(self, subjects: dict, rounds: int, warm_up: int = 1):
        """Calls each subject once a round, each round beginning with another; a subject returns its figures."""
        names = list(subjects)
        for number in range(warm_up + rounds):
            for place in range(len(names)):
                name = names[(place + number) % len(names)]
                if name not in self.given_up:
                    self.call(name, subjects[name], number >= warm_up)

    def call(self, name: str, subject, counts: bool):
        try:
            figures = subject()
        except Exception as error:
            said = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
            lines = said.strip().splitlines()
            prefix = "" if isinstance(error, NoAnswer) else "failed: "
            if name in self.failures:
                self.given_up.add(name)
            self.failures[name] = prefix + lines[-1].replace(f"{PROJECT}/", "")[:200]
            return
        if counts:
            for figure, value in figures.items():
                self.values.setdefault(figure, {}).setdefault(name, []).append(value)

    def rows(self, figure: str, names, ours) -> list[Row]:
        measured = self.values.get(figure, {})
        return [Row(name, measured.get(name, []), name in ours, self.failures.get(name, "")) for name in names]
