"""The templates in examples/, beyond what test_templates.py checks for every template."""

from __future__ import annotations

import json
import re
import unittest
from typing import Any

from harness.paths import PROJECT
from template.parameter_sets import LISTENER, SAMPLES, required
from template.stack import Stack
from template.templates import Template
from template.withheld_headers import http_integrations

REST_API = Template.read("examples/rest-api.yaml")
ALB = (
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/internal/0123456789abcdef"
)


class RestApi(unittest.TestCase):
    def stack(self, **given: str) -> Stack:
        account = {
            "AWS::AccountId": "123456789012",
            "AWS::Region": "us-east-1",
            "AWS::Partition": "aws",
        }
        return Stack(REST_API, {**required(REST_API), **account, **given})

    def test_target_is_the_load_balancer_of_the_listener(self) -> None:
        stack = self.stack(AlbListenerArn=LISTENER)
        integrations = dict(http_integrations(stack))
        self.assertEqual(integrations.keys(), {"Api /", "Api /{proxy+}"})
        for name, integration in integrations.items():
            self.assertEqual(integration["connectionType"], "VPC_LINK", name)
            self.assertEqual(integration["integrationTarget"], ALB, name)

    def test_link_is_of_the_second_version(self) -> None:
        stack = self.stack()
        self.assertEqual(stack.of_type("AWS::ApiGateway::VpcLink"), {})
        self.assertEqual(stack.of_type("AWS::ApiGatewayV2::VpcLink").keys(), {"VpcLink"})

    def test_address_contains_the_path_without_the_stage(self) -> None:
        name = SAMPLES["BackendTlsServerName"]
        for given, origin in (
            ({"AlbListenerPort": "8080"}, "http://backend.internal:8080"),
            ({"AlbListenerPort": "443", "BackendTlsServerName": name}, f"https://{name}:443"),
        ):
            addresses = {
                name: integration["uri"]
                for name, integration in http_integrations(self.stack(**given))
            }
            self.assertEqual(
                addresses, {"Api /": f"{origin}/", "Api /{proxy+}": f"{origin}/{{proxy}}"}
            )

    def test_only_the_link_reaches_the_load_balancer(self) -> None:
        stack = self.stack()
        ((_, rule),) = stack.of_type("AWS::EC2::SecurityGroupIngress").items()
        self.assertEqual(rule["SourceSecurityGroupId"].targets, ("VpcLinkSecurityGroup",))
        self.assertNotIn("CidrIp", rule)


class AlbSync(unittest.TestCase):
    def test_entry_of_the_target_group(self) -> None:
        template = Template.read("examples/alb-sync.yaml")
        stack = Stack(template, required(template) | {"TargetPort": "8443"})
        variables = stack.resources["AlbSyncFunction"]["Properties"]["Environment"]["Variables"]
        entry = {
            "name": SAMPLES["DnsName"],
            "target_group_arn": SAMPLES["TargetGroupArn"],
            "port": 8443,
        }
        self.assertEqual(json.loads(variables["SYNC_TARGETS"]), [entry])


class OwnApi(unittest.TestCase):
    def body(self) -> dict[str, Any]:
        """Returns the definition of the API that SAM makes of its example."""
        template = Template.read("examples/own-api-sam.yaml")
        return Stack(template, required(template)).resources["Api"]["Properties"]["Body"]

    def test_sam_asks_the_authorizer_about_every_request(self) -> None:
        scheme = self.body()["components"]["securitySchemes"]["Tollgate"]
        settings = scheme["x-amazon-apigateway-authorizer"]
        self.assertEqual(settings["authorizerResultTtlInSeconds"], 0)
        self.assertEqual(settings["authorizerPayloadFormatVersion"], "2.0")
        self.assertIs(settings["enableSimpleResponses"], True)
        self.assertFalse(settings.get("identitySource"))
        self.assertIn(SAMPLES["AuthorizerAliasArn"], str(settings["authorizerUri"]))

    def test_sam_protects_every_route(self) -> None:
        found = {
            path: [it["security"] for it in methods.values()]
            for path, methods in self.body()["paths"].items()
        }
        key, administrator = [[{"Tollgate": []}]], [[{"AWS_IAM": []}]]
        expected = {
            "/orders/{proxy+}": key,
            "/_tollgate/usage": key,
            "/_tollgate/v1/{proxy+}": administrator,
        }
        self.assertEqual(found, expected)

    def test_sam_permits_its_api_to_invoke_the_alias_and_the_limiter(self) -> None:
        template = Template.read("examples/own-api-sam.yaml")
        permissions = Stack(template, required(template)).of_type("AWS::Lambda::Permission")
        invoked = [str(it["FunctionName"]) for it in permissions.values()]
        self.assertIn(SAMPLES["AuthorizerAliasArn"], invoked)
        self.assertIn(SAMPLES["LimiterFunctionArn"], invoked)

    def test_separate_routes_exist_only_with_the_authorizer(self) -> None:
        template = Template.read("examples/own-api.yaml")
        routes = "AWS::ApiGatewayV2::Route"
        self.assertEqual(Stack(template, required(template)).of_type(routes), {})
        names = ("AuthorizerId", "ProtectedIntegrationId", "PublicIntegrationId")
        given = {name: SAMPLES[name] for name in names}
        found = {
            it["RouteKey"]: (it["AuthorizationType"], it.get("AuthorizerId"), it["Target"])
            for it in Stack(template, required(template) | given).of_type(routes).values()
        }
        protected = ("CUSTOM", given["AuthorizerId"], "integrations/def456")
        public = ("NONE", None, "integrations/def789")
        self.assertEqual(found, {"ANY /orders/{proxy+}": protected, "GET /status": public})

    def test_outputs_and_parameters_in_the_examples_exist_in_the_template(self) -> None:
        stack = Template.read("template.yaml")
        terraform = (PROJECT / "examples/terraform/own-api/main.tf").read_text()
        outputs = re.findall(r'outputs\["(\w+)"\]', terraform)
        self.assertIn("AuthorizerId", outputs)
        for path in ("examples/own-api.yaml", "examples/own-api-sam.yaml"):
            parameters = Template.read(path).parameters
            outputs += [name for name, it in parameters.items() if "(output" in it["Description"]]
        self.assertLessEqual(set(outputs), stack.body["Outputs"].keys())
        self.assertGreater(len(set(outputs)), 3)


if __name__ == "__main__":
    unittest.main()
