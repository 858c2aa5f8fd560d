"""Runs checkov on all templates: `make findings`.

checkov sees each template as it is deployed, expanded by the SAM transform and evaluated: once with
the default parameters and once with every feature on. A finding in either counts.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from findings.accepted import Finding, differences, read
from harness.paths import PROJECT
from template.parameter_sets import everything_on, required
from template.stack import Stack
from template.templates import Template

CHECKOV = PROJECT / ".venv-checkov" / "bin" / "checkov"
ACCEPTED = PROJECT / "docs" / "operations" / "findings.md"
TIMEOUT_S = 1_200


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        templates = dict(write_templates(pathlib.Path(folder)))
        found = set(run_checkov(pathlib.Path(folder), templates))

    lines = differences(found, read(ACCEPTED.read_text()))
    for line in lines:
        print(line)
    count = len(set(templates.values()))
    print(f"{len(found)} findings in {count} templates, {len(lines)} differences")
    if lines:
        print(f"Fix the finding, or change {ACCEPTED.relative_to(PROJECT)}.", file=sys.stderr)
    return 1 if lines else 0


def write_templates(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Writes the evaluated templates. Yields the name of each file and the template's path."""
    for template in Template.all():
        sets = {"defaults": required(template), "everything": everything_on(template)}
        for label, parameters in sets.items():
            evaluated = Stack(template, parameters).evaluated
            if "Error" in evaluated:
                raise SystemExit(f"{template.path}, {label}: {evaluated['Error']}")
            name = f"{template.path.replace('/', '-')}-{label}.json"
            body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": evaluated["Resources"]}
            (folder / name).write_text(json.dumps(body))
            yield name, template.path


def run_checkov(folder: pathlib.Path, templates: dict[str, str]) -> Iterator[Finding]:
    """Runs checkov without its platform and without a network. Yields its findings."""
    command = [CHECKOV, "--directory", folder, "--framework", "cloudformation", "--output", "json"]
    result = subprocess.run(
        [*command, "--compact", "--quiet", "--skip-download", "--soft-fail"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    if result.returncode:
        raise SystemExit(f"checkov ended with {result.returncode}: {result.stderr[-2000:]}")

    report = json.loads(result.stdout)
    if report["summary"]["parsing_errors"] or not report["summary"]["passed"]:
        raise SystemExit(f"checkov did not read every template: {report['summary']}")
    for failed in report["results"]["failed_checks"]:
        template = templates[pathlib.PurePath(failed["file_path"]).name]
        _, _, resource = failed["resource"].rpartition(".")
        yield Finding(failed["check_id"], template, resource)


if __name__ == "__main__":
    sys.exit(main())
