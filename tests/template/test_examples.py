"""The templates in examples/, beyond what test_templates.py checks for every template."""

from __future__ import annotations

import json
import unittest

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


if __name__ == "__main__":
    unittest.main()
