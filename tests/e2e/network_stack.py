"""Deploys the stacks of a network team, which have no functions and no transform of SAM."""

from __future__ import annotations

import json
import time

from samcli.yamlhelper import yaml_parse

from e2e.aws import AwsEmulator
from e2e.emulator_template import with_supported_types
from harness.paths import PROJECT

DEADLINE_S = 60


class NetworkStack:
    """A stack of a template in stacks/, deployed as `aws cloudformation deploy` does it."""

    def __init__(self, emulator: AwsEmulator, name: str, stack_name: str | None = None) -> None:
        self.client = emulator.client("cloudformation")
        self.stack_name = f"network-{stack_name or name}"
        template = yaml_parse((PROJECT / "stacks" / f"{name}.yaml").read_text())
        self.template = json.dumps(with_supported_types(template))

    def create(self, **parameters: str) -> NetworkStack:
        self.client.create_stack(**self._request(parameters))
        return self._wait("CREATE_COMPLETE")

    def update(self, **parameters: str) -> NetworkStack:
        self.client.update_stack(**self._request(parameters))
        return self._wait("UPDATE_COMPLETE")

    def delete(self) -> None:
        stack_id = self.client.describe_stacks(StackName=self.stack_name)["Stacks"][0]["StackId"]
        self.client.delete_stack(StackName=self.stack_name)
        self._wait("DELETE_COMPLETE", stack_id)

    def outputs(self) -> dict[str, str]:
        stack = self.client.describe_stacks(StackName=self.stack_name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def resources(self) -> dict[str, str]:
        """Returns physical names by logical IDs."""
        found = self.client.describe_stack_resources(StackName=self.stack_name)["StackResources"]
        return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}

    def _request(self, parameters: dict[str, str]) -> dict[str, object]:
        given = [{"ParameterKey": name, "ParameterValue": it} for name, it in parameters.items()]
        return {
            "StackName": self.stack_name,
            "TemplateBody": self.template,
            "Parameters": given,
            "Capabilities": ["CAPABILITY_AUTO_EXPAND"],
        }

    def _wait(self, expected: str, name: str | None = None) -> NetworkStack:
        end = time.monotonic() + DEADLINE_S
        while True:
            stack = self.client.describe_stacks(StackName=name or self.stack_name)["Stacks"][0]
            if stack["StackStatus"] == expected:
                return self
            is_final = not stack["StackStatus"].endswith("_IN_PROGRESS")
            if is_final or time.monotonic() > end:
                raise AssertionError(f"{self.stack_name}: {stack}, expected {expected}")
            time.sleep(0.2)
