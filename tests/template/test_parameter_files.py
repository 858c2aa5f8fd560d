"""parameters.example.yaml, and the files of parameters that samconfig.toml names.

`tests/e2e/cases/parameter_files.py` deploys with them.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import tempfile
import tomllib
import unittest
from typing import Any

from samcli.cli.types import CfnParameterOverridesType
from samcli.yamlhelper import yaml_parse

from harness.paths import PROJECT
from template.parameter_sets import NETWORK
from template.stack import failed_assertions
from template.templates import Template

TEMPLATE = Template.read("template.yaml")
EXAMPLE = PROJECT / "parameters.example.yaml"
COMMENTED_PARAMETER = re.compile(r"^# (?=[A-Z]\w+: )", re.M)


def with_all_parameters() -> dict[str, str]:
    """Reads the example with the commented parameters."""
    return strings(yaml_parse(COMMENTED_PARAMETER.sub("", EXAMPLE.read_text())))


def strings(values: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


class Example(unittest.TestCase):
    def test_example_names_twelve_parameters_of_the_template(self) -> None:
        parameters = with_all_parameters()
        self.assertEqual(len(parameters), 12, parameters.keys())
        self.assertLessEqual(parameters.keys(), TEMPLATE.parameters.keys())

    def test_parameters_without_a_comment_are_those_that_a_vpc_link_requires(self) -> None:
        self.assertEqual(yaml_parse(EXAMPLE.read_text()).keys(), set(NETWORK))

    def test_values_are_allowed_by_the_patterns(self) -> None:
        for name, value in with_all_parameters().items():
            pattern = TEMPLATE.parameters[name].get("AllowedPattern", ".*")
            for item in value.split(",") if name == "PrivateSubnetIds" else [value]:
                self.assertRegex(item, f"\\A(?:{pattern})\\Z", name)

    def test_rules_accept_the_example_with_and_without_the_commented_parameters(self) -> None:
        active = strings(yaml_parse(EXAMPLE.read_text()))
        for environment in TEMPLATE.parameters["Environment"]["AllowedValues"]:
            everything = with_all_parameters() | {"Environment": environment}
            self.assertEqual(failed_assertions(TEMPLATE, [active, everything]), [[], []])


class SamConfig(unittest.TestCase):
    def overrides(self, environment: str) -> list[str]:
        config = tomllib.loads((PROJECT / "samconfig.toml").read_text())
        return config[environment]["deploy"]["parameters"]["parameter_overrides"]

    def test_each_environment_names_its_file_and_has_the_last_word(self) -> None:
        for environment in TEMPLATE.parameters["Environment"]["AllowedValues"]:
            *_, file, last = self.overrides(environment)
            self.assertEqual(file, f"file://parameters.{environment}.yaml")
            self.assertEqual(last, f"Environment={environment}")
        self.assertEqual(self.overrides("default"), ["file://parameters.yaml"])

    def test_sam_reads_production_from_a_file_that_says_development(self) -> None:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            pathlib.Path("parameters.production.yaml").write_text(
                EXAMPLE.read_text() + "Environment: development\n"
            )
            read = CfnParameterOverridesType().convert(self.overrides("production"), None, None)
        self.assertEqual(read["Environment"], "production")
        self.assertEqual(read["VpcId"], "vpc-0123456789abcdef0")

    def test_git_ignores_the_copies_but_not_the_example(self) -> None:
        ignored = (PROJECT / ".gitignore").read_text().split()
        self.assertIn("/parameters.*yaml", ignored)
        self.assertIn("!/parameters.example.yaml", ignored)


if __name__ == "__main__":
    unittest.main()
