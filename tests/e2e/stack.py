"""The stack: deployed, changed and deleted by the SAM CLI."""

import json
import pathlib

from samcli.yamlhelper import yaml_parse

from .differences import adapted
from .emulator import Emulator
from .processes import PROJECT, TOOLS, run

NAME = "tollgate"
BUCKET = "artifacts"
BUILT = PROJECT / ".aws-sam" / "native"


class Stack:
    """`parameters` that the template does not have are left out."""

    def __init__(self, emulator: Emulator, parameters: dict[str, str]) -> None:
        self.emulator = emulator
        self.template = yaml_parse((BUILT / "template.yaml").read_text())
        self.parameters = {name: value for name, value in parameters.items() if name in self.template["Parameters"]}
        # Beside the built one, because the paths in it are relative.
        self.adapted = BUILT / f"adapted-{emulator.port}.json"

    def deploy(self, **changed: str) -> "Stack":
        """Makes the stack, or updates it with other parameters."""
        self.parameters |= changed
        self.adapted.write_text(json.dumps(adapted(self.template)))
        overrides = self.emulator.folder / "parameters.yaml"
        overrides.write_text(json.dumps(self.parameters))
        try:
            self._sam(
                "deploy", "--template-file", str(self.adapted), "--s3-bucket", BUCKET, "--capabilities",
                "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
                "--parameter-overrides", f"file://{overrides}",
            )
        finally:
            self.adapted.unlink()
        return self

    def delete(self) -> None:
        self._sam("delete", "--no-prompts", "--s3-bucket", BUCKET)

    def outputs(self) -> dict[str, str]:
        stack = self.emulator.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def resources(self) -> dict[str, str]:
        """Physical names by logical ones."""
        pages = self.emulator.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=NAME)
        listed = [resource for page in pages for resource in page["StackResourceSummaries"]]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}

    def _sam(self, command: str, *arguments: str) -> str:
        fixed = ["--stack-name", NAME, "--region", "us-east-1", "--config-file", str(self._settings())]
        return run([str(TOOLS / "sam"), command, *arguments, *fixed], self.emulator.caller(), 180)

    def _settings(self) -> pathlib.Path:
        """Nobody's own: the project's are for real accounts."""
        settings = self.emulator.folder / "samconfig.toml"
        settings.write_text("version = 0.1\n")
        return settings
