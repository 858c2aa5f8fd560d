"""Deploys, updates and deletes the stack with the SAM CLI."""

import json
import pathlib

from samcli.yamlhelper import yaml_parse

from e2e.aws import AwsEmulator
from e2e.emulator_template import adapt_nested_stacks, adapted
from harness.emulator import REGION
from harness.paths import PROJECT, TOOLS
from harness.processes import run

NAME = "tollgate"
BUCKET = "artifacts"
BUILD_FOLDER = PROJECT / ".aws-sam" / "native"
SAM_TIMEOUT_S = 180


class Stack:
    """The stack. `parameters` that the template does not have are ignored."""

    def __init__(
        self, emulator: AwsEmulator, parameters: dict[str, str], name: str = NAME
    ) -> None:
        self.emulator, self.name = emulator, name
        self.template = yaml_parse((BUILD_FOLDER / "template.yaml").read_text())
        self.parameters = {
            name: value for name, value in parameters.items() if name in self.template["Parameters"]
        }
        # This file is in the folder of the built template because the paths in it are relative.
        self.adapted_file = BUILD_FOLDER / f"adapted-{emulator.port}.json"

    def deploy(self, **changes: str) -> "Stack":
        """Creates the stack, or updates it with changed parameters."""
        self.parameters |= changes
        template = adapted(self.template)
        copies = adapt_nested_stacks(template, BUILD_FOLDER, str(self.emulator.port))
        self.adapted_file.write_text(json.dumps(template))
        overrides = self.emulator.folder / "parameters.yaml"
        overrides.write_text(json.dumps(self.parameters))

        try:
            self._sam(
                "deploy",
                *("--template-file", str(self.adapted_file), "--s3-bucket", BUCKET),
                *(
                    "--capabilities",
                    "CAPABILITY_IAM",
                    "CAPABILITY_AUTO_EXPAND",
                    "--no-confirm-changeset",
                    "--no-fail-on-empty-changeset",
                ),
                *("--parameter-overrides", f"file://{overrides}"),
            )
        finally:
            for file in [self.adapted_file, *copies]:
                file.unlink()
        return self

    def delete(self) -> None:
        """Deletes the stack. `sam delete` reads the address of the nested template, and accepts only an
        address of AWS.
        """
        client = self.emulator.client("cloudformation")
        client.delete_stack(StackName=self.name)
        client.get_waiter("stack_delete_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 1}
        )

    def outputs(self) -> dict[str, str]:
        return outputs(self.emulator, self.name)

    def resources(self) -> dict[str, str]:
        return resources(self.emulator, self.name)

    def _sam(self, command: str, *arguments: str) -> str:
        common = [
            "--stack-name",
            self.name,
            "--region",
            REGION,
            "--config-file",
            str(self._empty_config()),
        ]
        return run(
            [TOOLS / "sam", command, *arguments, *common],
            self.emulator.caller_environment(),
            SAM_TIMEOUT_S,
        )

    def _empty_config(self) -> pathlib.Path:
        """Writes a config file that replaces the project's own, which is for real accounts."""
        config = self.emulator.folder / "samconfig.toml"
        config.write_text("version = 0.1\n")
        return config


def outputs(emulator: AwsEmulator, stack: str) -> dict[str, str]:
    """Returns the outputs of a stack by their names."""
    described = emulator.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def resources(emulator: AwsEmulator, stack: str) -> dict[str, str]:
    """Returns physical names by logical IDs."""
    paginator = emulator.client("cloudformation").get_paginator("list_stack_resources")
    pages = paginator.paginate(StackName=stack)
    summaries = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in summaries
    }
