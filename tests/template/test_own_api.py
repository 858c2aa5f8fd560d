"""The stack in an existing HTTP API, with an existing VPC link, and on an existing domain."""

from __future__ import annotations

import tomllib
import unittest
from pathlib import Path

from template.parameter_sets import SAMPLES, required, with_needs
from template.stack import Stack, failed_assertions
from template.templates import Template

TEMPLATE = Template.read("template.yaml")
API_ID = SAMPLES["HttpApiId"]
API_TYPE = "AWS::ApiGatewayV2"
WITHOUT_ALB = {"CreateVpcLink": "false", "AlbListenerArn": "", "AlbSecurityGroupId": ""}
WITHOUT_VPC = WITHOUT_ALB | {"VpcId": "", "PrivateSubnetIds": ""}


def stack(**parameters: str) -> Stack:
    return Stack(TEMPLATE, with_needs(TEMPLATE, parameters))


def failures(**parameters: str) -> list[str]:
    return failed_assertions(TEMPLATE, [required(TEMPLATE) | parameters])[0]


def api_resources(stack: Stack) -> set[str]:
    return {name for name, it in stack.resources.items() if it["Type"].startswith(API_TYPE)}


class ExistingApi(unittest.TestCase):
    def test_only_what_attaches_to_the_api_is_created(self) -> None:
        expected = {
            *("Authorizer", "AdministrationRoute", "UsageRoute", "DescriptionRoute"),
            *("LimiterIntegration", "ProtectedIntegration", "PublicIntegration", "VpcLink"),
        }
        attached = stack(HttpApiId=API_ID, DailyHealthRequest="true")
        self.assertEqual(api_resources(attached), expected)
        for name in ("AccessLogGroup", "HealthRule", "HealthDestination"):
            self.assertNotIn(name, attached.resources)
        for name in ("ThrottledRule", "UnavailableRule", "LimiterPermission"):
            self.assertIn(name, attached.resources)

    def test_every_resource_and_permission_names_the_api(self) -> None:
        attached = stack(HttpApiId=API_ID)
        for name in api_resources(attached) - {"VpcLink"}:
            self.assertEqual(attached.resources[name]["Properties"]["ApiId"], API_ID, name)
        for name in ("AuthorizerPermission", "LimiterPermission"):
            self.assertIn(API_ID, str(attached.resources[name]["Properties"]["SourceArn"]), name)

    def test_outputs_name_the_api_and_its_stage(self) -> None:
        outputs = stack(HttpApiId=API_ID, HttpApiStage="live").outputs
        self.assertEqual(outputs["ApiId"]["Value"], API_ID)
        self.assertIn(f"https://{API_ID}.execute-api.", str(outputs["ApiUrl"]["Value"]))
        self.assertIn("/live", str(outputs["ApiUrl"]["Value"]))
        self.assertIn(
            f"{API_ID}/live/*/_tollgate/v1/*", str(outputs["AdministrationArn"]["Value"])
        )
        self.assertNotIn("AccessLogGroup", outputs)

    def test_integrations_exist_only_with_a_backend(self) -> None:
        functions_only = stack(HttpApiId=API_ID, BackendUrl="", **WITHOUT_VPC)
        self.assertEqual(functions_only.failed_assertions, [])
        self.assertNotIn("ProtectedIntegration", api_resources(functions_only))
        self.assertNotIn("ProtectedIntegrationId", functions_only.outputs)
        with_url = stack(HttpApiId=API_ID, BackendUrl="https://b.example.com", **WITHOUT_VPC)
        self.assertIn("ProtectedIntegration", api_resources(with_url))

    def test_parameters_of_the_owner_are_refused(self) -> None:
        for name, value in {
            "AllowedOrigins": "https://app.example.com",
            "DomainName": "api.example.com",
            "StageRateLimit": 9_999,
            "StageBurstLimit": 4_999,
        }.items():
            found = failures(HttpApiId=API_ID, **{name: value})
            self.assertTrue(any(it.startswith("OwnersOfTheApi") for it in found), name)
        self.assertEqual(failures(HttpApiId=API_ID), [])

    def test_backend_without_a_url_is_refused_for_the_stacks_own_api(self) -> None:
        self.assertTrue(failures(CreateVpcLink="false"))
        self.assertEqual(failures(CreateVpcLink="false", HttpApiId=API_ID), [])


class NoApi(unittest.TestCase):
    def test_only_functions_tables_and_the_link_are_created(self) -> None:
        self.assertEqual(api_resources(stack(HttpApiId="none")), {"VpcLink"})
        self.assertEqual(api_resources(stack(HttpApiId="none", **WITHOUT_VPC)), set())

    def test_outputs_have_what_a_definition_of_an_api_needs(self) -> None:
        outputs = stack(HttpApiId="none").outputs
        self.assertLessEqual(
            {"AuthorizerAliasArn", "LimiterFunctionArn", "VpcLinkId"}, outputs.keys()
        )
        self.assertFalse({"ApiUrl", "ApiId", "AuthorizerId", "AdministrationArn"} & outputs.keys())


class Throttling(unittest.TestCase):
    def response(self, **parameters: str) -> str:
        function = stack(**parameters).resources["AuthorizerFunction"]
        return str(function["Properties"]["Environment"]["Variables"]["ON_THROTTLE"])

    def test_request_is_marked_only_if_a_rule_or_a_function_responds(self) -> None:
        self.assertEqual(self.response(), "mark")
        self.assertEqual(self.response(HttpApiId=API_ID), "mark")
        self.assertEqual(self.response(HttpApiId=API_ID, CreateVpcLink="false"), "forbid")
        self.assertEqual(self.response(OnThrottle="function"), "mark")
        self.assertEqual(self.response(OnThrottle="forbid"), "forbid")

    def test_functions_that_throttle_belong_to_an_api_without_an_alb(self) -> None:
        self.assertTrue(failures(OnThrottle="function"))
        self.assertTrue(failures(OnThrottle="function", HttpApiId=API_ID))
        backend = {"BackendUrl": "https://orders.example.com", "CreateVpcLink": "false"}
        self.assertTrue(failures(OnThrottle="function", HttpApiId=API_ID, **backend))
        self.assertEqual(
            failures(OnThrottle="function", HttpApiId="none", CreateVpcLink="false"), []
        )


class ExistingVpcLink(unittest.TestCase):
    def test_link_is_used_and_no_security_group_is_created(self) -> None:
        link = SAMPLES["VpcLinkId"]
        given = stack(VpcLinkId=link, AlbSecurityGroupId="", VpcId="", PrivateSubnetIds="")
        self.assertEqual(given.failed_assertions, [])
        for name in ("ProtectedIntegration", "PublicIntegration"):
            self.assertEqual(given.resources[name]["Properties"]["ConnectionId"], link)
        for name in ("VpcLink", "VpcLinkSecurityGroup", "AlbFromVpcLink"):
            self.assertNotIn(name, given.resources)
        self.assertEqual(given.outputs["VpcLinkId"]["Value"], link)
        self.assertNotIn("VpcLinkSecurityGroupId", given.outputs)


class ExistingDomain(unittest.TestCase):
    def test_only_the_mapping_is_created(self) -> None:
        given = stack(DomainName="api.example.com", ApiMappingKey="orders/v1")
        self.assertEqual(given.failed_assertions, [])
        mapping = given.resources["DomainMapping"]["Properties"]
        self.assertEqual(
            (mapping["DomainName"], mapping["ApiMappingKey"]), ("api.example.com", "orders/v1")
        )
        self.assertNotIn("Domain", given.resources)
        self.assertNotIn("DomainTarget", given.outputs)
        self.assertEqual(given.outputs["ApiUrl"]["Value"], "https://api.example.com/orders/v1")

    def test_record_and_truststore_of_an_existing_domain_are_refused(self) -> None:
        domain = {"DomainName": "api.example.com"}
        self.assertTrue(failures(**domain, HostedZoneId=SAMPLES["HostedZoneId"]))
        self.assertTrue(
            failures(**domain, TruststoreUri=SAMPLES["TruststoreUri"], DailyHealthRequest="false")
        )
        self.assertTrue(failures(ApiMappingKey="orders"))


class Release(unittest.TestCase):
    def test_output_has_the_version_of_the_workspace(self) -> None:
        workspace = tomllib.loads(Path("Cargo.toml").read_text())["workspace"]
        self.assertEqual(
            stack().outputs["Version"]["Value"], workspace["package"]["version"]
        )
