"""`tollgate check --parameters` accepts every set of values that the template accepts."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
from typing import Any

from harness.paths import EVALUATOR
from template.parameter_sets import labelled_sets
from template.templates import Template

TEMPLATE = "template.yaml"
# No set has a policy with issuers, or a composition with services, that exist.
SKIPPED = "issuers-answer,composition-services-resolve"
# The checks that every set must pass.
DECIDED = {"parameters-known", "parameters-valid", "rules-pass"}
# A policy in the registry is not known, and production without recommended settings is a warning.
ACCEPTED = {"ok", "not_applicable", "not_checked", "warning"}


def check(values: dict[str, Any], path: pathlib.Path) -> list[dict[str, Any]]:
    """Writes values in the form of CodePipeline and returns the checks of the group `parameters`."""
    path.write_text(json.dumps({"Parameters": {name: str(it) for name, it in values.items()}}))
    command = [EVALUATOR, "check", "--parameters", path, "--only", "parameters", "--skip", SKIPPED, "--json"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return json.loads(finished.stdout)["checks"]


class Sets(unittest.TestCase):
    def test_no_check_of_the_parameters_fails_for_a_valid_set(self) -> None:
        sets = list(labelled_sets(Template.read(TEMPLATE)))
        with tempfile.TemporaryDirectory() as folder:
            paths = (pathlib.Path(folder) / f"{index}.json" for index in range(len(sets)))
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                results = list(pool.map(check, (values for _, values in sets), paths))

        for (label, _), checks in zip(sets, results, strict=True):
            for it in checks:
                with self.subTest(set=label, check=it["id"]):
                    accepted = {"ok"} if it["id"] in DECIDED else ACCEPTED
                    self.assertIn(it["status"], accepted, it["details"])


if __name__ == "__main__":
    unittest.main()
