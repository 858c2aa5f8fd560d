"""`sam deploy` with the project's samconfig.toml, which names a file of parameters for each
environment.
"""

import json
import shutil
import subprocess
import tempfile
import tomllib

from samcli.yamlhelper import yaml_parse

from e2e.cases.case import StackCase
from e2e.stack import SAM_TIMEOUT_S
from harness.paths import PROJECT, TOOLS

CONFIG = "samconfig.toml"


class ParameterFiles(StackCase):
    def setUp(self) -> None:
        self.folder = self.enterContext(
            tempfile.TemporaryDirectory(dir=self.deployment.emulator.folder)
        )
        shutil.copy(PROJECT / CONFIG, self.folder)
        with open(f"{self.folder}/template.json", "w") as file:
            json.dump(without_functions(), file)

    def test_production_deploys_as_production_with_a_copied_file(self) -> None:
        self.write_parameters(
            "parameters.production.yaml", "Environment: development", 'DeletionProtection: "false"'
        )
        parameters = self.deploy("production")
        self.assertEqual(parameters["Environment"], "production")
        self.assertEqual(parameters["GradualDeployment"], "true")
        self.assertEqual(parameters["VpcId"], "vpc-0123456789abcdef0")

    def test_each_environment_reads_its_own_file(self) -> None:
        for environment in ("development", "staging"):
            self.write_parameters(
                f"parameters.{environment}.yaml", f"MaxSeries: {len(environment)}"
            )
            parameters = self.deploy(environment)
            self.assertEqual(parameters["Environment"], environment)
            self.assertEqual(parameters["MaxSeries"], str(len(environment)))

        self.write_parameters("parameters.yaml")
        # The environment `default` has the name of the stack under test.
        parameters = self.deploy("default", "tollgate-default")
        self.assertEqual(parameters["Environment"], "development")

    def test_missing_file_is_named(self) -> None:
        self.write_parameters("parameters.yaml")
        with self.assertRaises(subprocess.CalledProcessError) as raised:
            self.deploy("production")
        self.assertIn("file://parameters.production.yaml was not found", raised.exception.stderr)

    def write_parameters(self, name: str, *lines: str) -> None:
        """Writes the example, as a user copies it, and more lines."""
        example = (PROJECT / "parameters.example.yaml").read_text()
        with open(f"{self.folder}/{name}", "w") as file:
            file.write("\n".join([example, *lines, ""]))

    def deploy(self, environment: str, another_name: str = "") -> dict[str, str]:
        """Deploys with an environment of samconfig.toml, and returns the stack's parameters."""
        command = ["deploy", "--config-env", environment, "--template-file", "template.json"]
        command += ["--stack-name", another_name] if another_name else []
        subprocess.run(
            [TOOLS / "sam", *command, "--no-confirm-changeset"],
            cwd=self.folder,
            env=self.deployment.emulator.caller_environment(),
            capture_output=True,
            text=True,
            timeout=SAM_TIMEOUT_S,
            check=True,
        )

        client = self.deployment.emulator.client("cloudformation")
        name = another_name or stack_name(environment)
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        self.addCleanup(client.delete_stack, StackName=name)
        return {it["ParameterKey"]: it["ParameterValue"] for it in stack["Parameters"]}


def without_functions() -> dict[str, object]:
    """Returns template.yaml with its parameters and rules, and with one resource."""
    template = yaml_parse((PROJECT / "template.yaml").read_text())
    sections = {name: template[name] for name in ("Parameters", "Mappings", "Rules")}
    return sections | {"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}}


def stack_name(environment: str) -> str:
    config = tomllib.loads((PROJECT / CONFIG).read_text())
    return config[environment]["global"]["parameters"]["stack_name"]
