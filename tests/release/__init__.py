"""Builds a release: `make release`.

A release has everything that a deployment needs, so that it needs neither Rust nor the sources:
templates without a transform, the archives of the functions, checksums, and lists of all
dependencies (SBOM). The same commit gives the same bytes, if the same tools build it in the same
folder.

- build.py compiles the programs
- template.py expands template.yaml to plain CloudFormation
- archives.py writes archives that depend only on their content
- sbom.py lists the dependencies of each program
- layout.py assembles the folder
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A processor architecture, by the names of Lambda, of rustc and of cargo-lambda's option."""

    name: str
    target: str
    option: str


ARM64 = Architecture("arm64", "aarch64-unknown-linux-gnu", "--arm64")
X86_64 = Architecture("x86_64", "x86_64-unknown-linux-gnu", "--x86-64")
# Lambda's functions run on arm64 by default, so its template has no suffix.
ARCHITECTURES = (ARM64, X86_64)
