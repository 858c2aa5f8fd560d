"""The templates in examples/ that contain functions, each deployed as a stack of its own."""

import json
import pathlib

from samcli.yamlhelper import yaml_parse

from e2e.cases.case import StackCase
from e2e.emulator_template import (
    UNSUPPORTED_TYPES,
    remove_leading_keys_conditions,
    remove_tls_requirements,
)
from e2e.stack import BUCKET, BUILD_FOLDER, SAM_TIMEOUT_S
from harness.paths import PROJECT, TOOLS
from harness.processes import run

# The emulator has no VPC links, and creates REST APIs without their definition.
LINK, LINK_ID = {"Ref": "VpcLink"}, "link01"


class Examples(StackCase):
    def test_alb_sync_runs_without_a_tollgate_api(self) -> None:
        group = self.deployment.target_group
        resources = self.deploy("alb-sync", DnsName="orders.example.invalid", TargetGroupArn=group)

        client = self.deployment.emulator.client("lambda")
        response = client.invoke(FunctionName=resources["AlbSyncFunction"], Payload=b"{}")
        answer = json.loads(response["Payload"].read())
        # The name cannot be resolved, so that the run fails and changes nothing.
        self.assertIn("FunctionError", response)
        (result,) = json.loads(answer["errorMessage"])["targets"]
        self.assertEqual((result["target_group_arn"], result["complete"]), (group, False))

    def test_rest_api_shares_plans_and_keys_of_the_stack(self) -> None:
        outputs, network = self.deployment.outputs, self.deployment.network
        names = ("VpcId", "PrivateSubnetIds", "AlbListenerArn", "AlbSecurityGroupId")
        resources = self.deploy(
            "rest-api",
            **{name: network[name] for name in names},
            RegistryTableName=outputs["RegistryTableName"],
            UsageTableName=outputs["UsageTableName"],
        )

        plan = self.deployment.create_plan()
        key = self.deployment.create_key(plan)
        event = json.loads((PROJECT / "events" / "authorizer.rest-request.json").read_text())
        event |= {"headers": {}, "multiValueHeaders": {"x-api-key": [key["key"]]}}
        client = self.deployment.emulator.client("lambda")
        response = client.invoke(
            FunctionName=resources["AuthorizerFunction"], Payload=json.dumps(event)
        )
        answer = json.loads(response["Payload"].read())
        self.assertEqual(answer["policyDocument"]["Statement"][0]["Effect"], "Allow", answer)
        self.assertEqual(answer["context"]["plan"], plan)
        self.assertEqual(answer["context"]["key_id"], key["key_id"])

    def deploy(self, name: str, **parameters: str) -> dict[str, str]:
        """Deploys an example with the built functions. Returns physical names by logical IDs."""
        text = json.dumps(yaml_parse((PROJECT / "examples" / f"{name}.yaml").read_text()))
        template = json.loads(text.replace(json.dumps(LINK), json.dumps(LINK_ID)))
        unsupported = {*UNSUPPORTED_TYPES, "AWS::ApiGatewayV2::VpcLink"}
        resources = {
            key: it for key, it in template["Resources"].items() if it["Type"] not in unsupported
        }
        for key, resource in resources.items():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = str(BUILD_FOLDER / key)
            if key == "AuthorizerFunction":
                # The first decision on a busy machine can take longer than the default.
                resource["Properties"]["Environment"]["Variables"]["DECISION_DEADLINE_MS"] = "5000"
        remove_leading_keys_conditions(resources)
        remove_tls_requirements(resources)

        folder = self.deployment.emulator.folder
        stack, adapted = f"example-{name}", pathlib.Path(folder, f"{name}.json")
        adapted.write_text(json.dumps(template | {"Resources": resources}))
        config = pathlib.Path(folder, "empty.toml")
        config.write_text("version = 0.1\n")

        given = [f"{key}={value}" for key, value in parameters.items()]
        command = [
            "deploy",
            "--stack-name",
            stack,
            "--template-file",
            adapted,
            "--config-file",
            config,
        ]
        run(
            [TOOLS / "sam", *command, "--s3-bucket", BUCKET, "--capabilities", "CAPABILITY_IAM"]
            + ["--no-confirm-changeset", "--parameter-overrides", *given],
            self.deployment.emulator.caller_environment(),
            SAM_TIMEOUT_S,
        )
        client = self.deployment.emulator.client("cloudformation")
        self.addCleanup(client.delete_stack, StackName=stack)
        found = client.describe_stack_resources(StackName=stack)["StackResources"]
        return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}
