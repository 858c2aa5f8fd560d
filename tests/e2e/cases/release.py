"""The artefact of a release, deployed without Rust and without the SAM CLI."""

import json
import pathlib
import shutil
import tempfile

from botocore.exceptions import WaiterError

from e2e.aws import ROOT_USER
from e2e.cases.case import StackCase
from e2e.cases.stack_changes import remaining_resources
from e2e.deployed_api import DeployedApi
from e2e.deployment import PLAN
from e2e.released_stack import PROGRAMS, ReleasedStack, assemble, search_path
from harness.processes import wait_until

CHANGES = {
    "Environment": "staging",
    "OnBadCredentials": "forbid",
    "RateLimitHeaders": "x-ratelimit",
    "CustomersPage": "true",
    "DecisionDeadlineMs": "4000",
    "LocalInstances": "20",
    "StageRateLimit": "500",
    "StageBurstLimit": "300",
    "LimiterReservedConcurrency": "5",
    "Tracing": "Active",
    "PublicHealth": "false",
    "PublicDescription": "false",
    "SyncMisses": "4",
    "SyncIntervalSeconds": "120",
    "SyncMaxLookups": "100",
    "SyncMaxDeregistrationPercent": "40",
    "SyncRemoveUntracked": "true",
    "LogRetentionDays": "30",
    "MaxSeries": "400",
    "MetricsNamespace": "Other",
    "CreateDashboard": "false",
    "CreateAlarms": "false",
}


class Release(StackCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.release = assemble(cls.folder)

    def stack(self, name: str, **parameters: str) -> ReleasedStack:
        """Returns a stack that is not deployed yet, by default with the parameters of the shared
        stack.
        """
        parameters = parameters or self.deployment.stack.parameters
        return ReleasedStack(self.deployment.emulator, self.release, name, parameters)

    def test_three_commands_of_the_guide_deploy_it(self) -> None:
        programs = search_path(self.folder / "bin")
        self.assertEqual({path.name for path in programs.iterdir()}, set(PROGRAMS))
        self.assertFalse({"cargo", "rustc", "sam"} & set(PROGRAMS))

        stack = self.stack("released")
        stack.deploy_by_guide(programs)
        self.addCleanup(stack.delete)
        self.assert_admits_a_key(stack)

    def test_calls_of_the_terraform_example_deploy_it(self) -> None:
        stack = self.stack("terraformed")
        stack.deploy_by_terraform_calls()
        self.addCleanup(stack.delete)
        self.assert_admits_a_key(stack)

    def test_defaults_are_deployed(self) -> None:
        # The emulator has no VPC links. Two busy cores need more time for a decision.
        stack = self.stack(
            "defaults",
            CreateVpcLink="false",
            BackendUrl=self.deployment.backend.url,
            DailyHealthRequest="false",
            DecisionDeadlineMs="5000",
        )
        stack.deploy_by_terraform_calls()
        self.addCleanup(stack.delete)
        self.assert_admits_a_key(stack)

    def test_production_with_an_existing_registry_is_protected_by_an_update(self) -> None:
        deployment = self.deployment
        registry = deployment.resources["RegistryTable"]
        parameters = deployment.stack.parameters | {
            "Environment": "production",
            "DeletionProtection": "false",
            "RegistryTableName": registry,
        }
        stack = self.stack("protected", **parameters)
        stack.deploy_by_terraform_calls()
        self.addCleanup(stack.delete)
        self.assertNotIn("RegistryTable", stack.resources())

        key = deployment.create_key(deployment.create_plan())["key"]
        api = DeployedApi(stack.resources()["Api"], deployment.emulator.port)
        response = api.request("GET", "/orders", {"x-api-key": key})
        self.assertEqual(response.status, 200, response)

        stack.update(DeletionProtection="true")
        self.assertTrue(self.is_protected(stack.resources()["UsageTable"]))
        stack.update(DeletionProtection="false")
        self.assertFalse(self.is_protected(stack.resources()["UsageTable"]))

    def is_protected(self, table: str) -> bool:
        client = self.deployment.emulator.client("dynamodb")
        return client.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"]

    def test_22_parameters_change_and_change_back(self) -> None:
        stack = self.stack("changed")
        stack.deploy_by_terraform_calls()
        self.addCleanup(stack.delete)
        before = self.state(stack)

        self.assertEqual(len(CHANGES), 22)
        self.assertLessEqual(CHANGES.keys(), stack.template_parameters)
        stack.update(**CHANGES)
        during = self.state(stack)
        self.assertNotEqual(during["functions"], before["functions"])
        self.assertNotEqual(during["routes"], before["routes"])
        self.assertNotEqual(during["types"], before["types"])
        self.assert_admits_a_key(stack)

        stack.update()
        self.assertEqual(self.state(stack), before)
        self.assert_admits_a_key(stack)

    def test_failed_first_deployment_leaves_nothing_and_can_be_repeated(self) -> None:
        before = remaining_resources(self.deployment.emulator)
        broken = self.stack("repeated")
        broken.folder = self.release_with_a_broken_resource()
        with self.assertRaisesRegex(WaiterError, "ROLLBACK"):
            broken.deploy_by_terraform_calls()

        wait_until(lambda: broken.status() == "ROLLBACK_COMPLETE", 60, "the rollback is complete")
        self.assertEqual(remaining_resources(self.deployment.emulator), before)
        self.deployment.emulator.client("cloudformation").delete_stack(StackName=broken.name)
        broken.wait("stack_delete_complete")

        stack = self.stack(broken.name)
        stack.deploy_by_terraform_calls()
        self.addCleanup(stack.delete)
        self.assert_admits_a_key(stack)

    def release_with_a_broken_resource(self) -> pathlib.Path:
        """Returns a copy of the release, in which one resource fails after all others exist."""
        folder = shutil.copytree(self.release, self.folder / "broken")
        file = folder / "template.json"
        template = json.loads(file.read_text())
        created = [
            name for name, resource in template["Resources"].items() if "Condition" not in resource
        ]
        template["Resources"]["Handle"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
        # Nothing sends the expected signal, so that creation fails after a second.
        template["Resources"]["Broken"] = {
            "Type": "AWS::CloudFormation::WaitCondition",
            "DependsOn": created,
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
        }
        file.write_text(json.dumps(template))
        return folder

    def state(self, stack: ReleasedStack) -> dict[str, object]:
        """Returns what a change of parameters changes: resources, settings of functions, routes."""
        client, created = self.deployment.emulator.client, stack.resources()
        functions = {
            name: client("lambda").get_function_configuration(FunctionName=created[name])
            for name in created
            if name.endswith("Function")
        }
        routes = client("apigatewayv2").get_routes(ApiId=created["Api"])["Items"]
        return {
            "types": set(created),
            "functions": {
                name: (one["Environment"]["Variables"], one["MemorySize"], one["Timeout"])
                for name, one in functions.items()
            },
            "routes": {(one["RouteKey"], one.get("AuthorizationType")) for one in routes},
        }

    def assert_admits_a_key(self, stack: ReleasedStack) -> None:
        api = DeployedApi(stack.resources()["Api"], self.deployment.emulator.port)
        planned = api.request("PUT", "/_tollgate/v1/plans/free", {}, PLAN, ROOT_USER)
        self.assertIn(planned.status, (200, 201), planned)
        body = {"name": "first", "plan": "free"}
        created = api.request("POST", "/_tollgate/v1/keys", {}, body, ROOT_USER)
        self.assertEqual(created.status, 201, created)

        key = created.json()["key"]
        response = api.request("GET", "/orders", {"x-api-key": key})
        self.assertEqual(response.status, 200, response)
        self.assertEqual(response.json()["headers"]["x-tollgate-plan"], "free")
        # The stack of the source has another registry, in which this key does not exist.
        self.assertNotEqual(self.deployment.request("GET", "/orders", key).status, 200)
