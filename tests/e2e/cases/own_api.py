"""Tollgate in an existing HTTP API: one of separate resources, and one of SAM with Lambda functions.

The emulator creates an HTTP API without its Body, so the routes of SAM become separate resources.
"""

import io
import json
import uuid
import zipfile

from samcli.yamlhelper import yaml_parse

from e2e.api_body import with_separate_resources
from e2e.aws import ROOT_USER
from e2e.cases.case import StackCase
from e2e.deployed_api import DeployedApi
from e2e.stack import BUCKET, Stack, outputs
from harness.client import Response
from harness.paths import PROJECT
from template.templates import UPLOAD_PREFIX, Template

EXAMPLES = PROJECT / "examples"
CODE_KEY = "lambda-429.zip"
POLLING = {"Delay": 1, "MaxAttempts": 60}
IDS = ("AuthorizerId", "ProtectedIntegrationId", "PublicIntegrationId")
# Two requests, and no more within the duration of the tests.
PLAN = {"throttle": {"rate": 0.001, "burst": 2}, "quotas": []}


class OwnApi(StackCase):
    def test_separate_routes_use_the_authorizer_of_the_stack(self) -> None:
        template = yaml_parse((EXAMPLES / "own-api.yaml").read_text())
        api = self.create("own-api", template)["ApiId"]
        tollgate = self.deploy_tollgate(
            "attached", HttpApiId=api, BackendUrl=self.deployment.backend.url, OnThrottle="forbid"
        )
        self.assertEqual(tollgate["ApiId"], api)
        self.update("own-api", template, {name: tollgate[name] for name in IDS})

        deployed = DeployedApi(api, self.deployment.emulator.port)
        key = create_key(deployed)
        self.assert_refused_without_key(deployed)
        responses = [get(deployed, "/orders/7", key) for _ in range(3)]
        self.assertEqual([it.status for it in responses], [200, 200, 403])
        received = responses[0].json()
        self.assertEqual(received["path"], "/orders/7")
        self.assertEqual(received["headers"]["x-tollgate-decision"], "allowed")
        self.assertNotIn("x-api-key", received["headers"])

        public = deployed.request("GET", "/status", {"x-tollgate-plan": "forged"})
        self.assertEqual(public.status, 200)
        self.assertNotIn("x-tollgate-plan", public.json()["headers"])

    def test_functions_of_a_sam_api_respond_with_429(self) -> None:
        tollgate = self.deploy_tollgate(
            "functions", HttpApiId="none", BackendUrl="", OnThrottle="function"
        )
        names = ("AuthorizerAliasArn", "LimiterFunctionArn")
        self.upload_function()
        created = self.create(
            "own-api-sam", expanded(), {name: tollgate[name] for name in names}
        )

        api = created["ApiUrl"].split("//")[1].split(".")[0]
        deployed = DeployedApi(api, self.deployment.emulator.port)
        key = create_key(deployed)
        self.assert_refused_without_key(deployed)
        usage = get(deployed, "/_tollgate/usage", key)
        self.assertEqual(usage.status, 200)
        responses = [get(deployed, "/orders/7", key) for _ in range(3)]
        self.assertEqual([it.status for it in responses], [200, 200, 429], responses)
        self.assertEqual(responses[0].json()["path"], "/orders/7")
        self.assertGreater(int(responses[2].headers["retry-after"]), 0)
        for response in responses:
            self.assertIn("burst", response.headers["ratelimit-policy"])
        self.assertEqual(responses[2].json()["status"], 429)
        self.assertNotEqual(
            deployed.request("GET", "/_tollgate/v1/plans").status, 200, "without a signature"
        )

    def deploy_tollgate(self, name: str, **parameters: str) -> dict[str, str]:
        """Deploys a Tollgate stack without monitoring, and returns its outputs."""
        values = {
            "Architecture": "x86_64",
            "CreateVpcLink": "false",
            "DailyHealthRequest": "false",
            "DecisionDeadlineMs": "5000",
            "PublishMetrics": "false",
            "CreateAlarms": "false",
            "CreateDashboard": "false",
        }
        stack = Stack(self.deployment.emulator, values | parameters, name).deploy()
        created = stack.outputs()
        self.addCleanup(self.delete_with_registry, stack, created["RegistryTableName"])
        return created

    def delete_with_registry(self, stack: Stack, registry: str) -> None:
        """Deletes a stack and the table that it retains."""
        stack.delete()
        self.deployment.emulator.client("dynamodb").delete_table(TableName=registry)

    def create(
        self, name: str, template: dict, parameters: dict[str, str] | None = None
    ) -> dict[str, str]:
        """Creates a stack as `aws cloudformation deploy` does, and returns its outputs."""
        client = self.deployment.emulator.client("cloudformation")
        client.create_stack(**request(name, template, parameters or {}))
        self.addCleanup(client.delete_stack, StackName=name)
        client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=POLLING)
        return outputs(self.deployment.emulator, name)

    def update(self, name: str, template: dict, parameters: dict[str, str]) -> None:
        client = self.deployment.emulator.client("cloudformation")
        client.update_stack(**request(name, template, parameters))
        # The Tollgate stack is deleted after the routes that refer to it.
        self.addCleanup(client.delete_stack, StackName=name)
        client.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=POLLING)

    def upload_function(self) -> None:
        """Uploads the function of the example, as `sam deploy` does."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            for path in sorted((EXAMPLES / "lambda-429").glob("*.mjs")):
                file.write(path, path.name)
        client = self.deployment.emulator.client("s3")
        client.put_object(Bucket=BUCKET, Key=CODE_KEY, Body=archive.getvalue())

    def assert_refused_without_key(self, api: DeployedApi) -> None:
        # The emulator turns every error of an authorizer into 500.
        self.assertIn(api.request("GET", "/orders/7").status, (401, 500))


def expanded() -> dict:
    """Returns the SAM example after the transform, as the emulator can deploy it."""
    template = Template.read("examples/own-api-sam.yaml")
    defaults = {
        name: it.get("Default", f"value-of-{name}") for name, it in template.parameters.items()
    }
    text = json.dumps(template.expanded(defaults))
    bucket, _, key = f"{UPLOAD_PREFIX}lambda-429/".removeprefix("s3://").partition("/")
    code = json.dumps({"S3Bucket": bucket, "S3Key": key})
    assert code in text, text
    text = text.replace(code, json.dumps({"S3Bucket": BUCKET, "S3Key": CODE_KEY}))
    return with_separate_resources(json.loads(text), "Api")


def request(name: str, template: dict, parameters: dict[str, str]) -> dict[str, object]:
    given = [{"ParameterKey": key, "ParameterValue": it} for key, it in parameters.items()]
    return {
        "StackName": name,
        "TemplateBody": json.dumps(template),
        "Parameters": given,
        "Capabilities": ["CAPABILITY_IAM"],
    }


def create_key(api: DeployedApi) -> str:
    """Creates a plan and a key through the admin API, and returns the key."""
    plan = f"plan-{uuid.uuid4().hex[:12]}"
    created = api.request("PUT", f"/_tollgate/v1/plans/{plan}", {}, PLAN, ROOT_USER)
    assert created.status == 201, created
    fields = {"name": "a test's", "plan": plan}
    created = api.request("POST", "/_tollgate/v1/keys", {}, fields, ROOT_USER)
    assert created.status == 201, created
    return created.json()["key"]


def get(api: DeployedApi, path: str, key: str) -> Response:
    return api.request("GET", path, {"x-api-key": key})
