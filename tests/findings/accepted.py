"""The accepted findings, which are the rows of a table in docs/operations/findings.md."""

from __future__ import annotations

import dataclasses
import re

ROW = re.compile(
    r"^\| `(?P<check>CKV2?_\w+)` \|(?P<resources>[^|]*)\|(?P<reason>[^|]*)\|$", re.MULTILINE
)
NAME = re.compile(r"`([^`]+)`")


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    check: str
    template: str
    resource: str

    def __str__(self) -> str:
        return f"{self.check} | `{self.template}`: `{self.resource}`"


def read(text: str) -> set[Finding]:
    """Reads the rows of a document: a check, `TEMPLATE.yaml`: `Resource`, …, and a reason.

    Raises:
        ValueError: a row has no template, no resource or no reason, or repeats a finding.
    """
    found: set[Finding] = set()
    for row in ROW.finditer(text):
        findings = in_row(row["check"], row["resources"])
        if not findings or not row["reason"].strip():
            raise ValueError(f"{row['check']}: a row needs a template, resources and a reason")
        if repeated := found & findings:
            raise ValueError(f"{min(repeated)} is accepted twice")
        found |= findings
    return found


def in_row(check: str, cell: str) -> set[Finding]:
    """Reads the cell with the resources. The name of a template precedes its resources."""
    findings, template = set(), None
    for name in NAME.findall(cell):
        if name.endswith(".yaml"):
            template = name
        elif template is None:
            raise ValueError(f"{check}: `{name}` follows no template")
        else:
            findings.add(Finding(check, template, name))
    return findings


def differences(found: set[Finding], accepted: set[Finding]) -> list[str]:
    """Returns a line for each finding that is new, and for each accepted one that no longer occurs."""
    new = [f"new: {it}" for it in sorted(found - accepted)]
    return new + [f"no longer occurs: {it}" for it in sorted(accepted - found)]
