"""The composer in the template: its routes, its network, and settings that it shares."""

from __future__ import annotations

import unittest
from typing import Any

from template import permissions
from template.environment_variables import MAX_BYTES, size_errors
from template.parameter_sets import SAMPLES, with_needs
from template.stack import Stack, text
from template.templates import Template

TEMPLATE = Template.read("template.yaml")
COMPOSED = {"Compositions": SAMPLES["Compositions"]}
URL = "http://internal-alb-1.us-east-1.elb.amazonaws.com"
NO_NETWORK = {
    "VpcId": "",
    "PrivateSubnetIds": "",
    "DynamoDbPrefixListId": "",
    "CreateDynamoDbEndpoint": "false",
}
WITHOUT_VPC = {"CreateVpcLink": "false", "BackendUrl": SAMPLES["BackendUrl"], **NO_NETWORK}


def stack(**parameters: str) -> Stack:
    return Stack(TEMPLATE, with_needs(TEMPLATE, {**COMPOSED, **parameters}))


def variables(given: Stack, function: str = "ComposerFunction") -> dict[str, Any]:
    return given.resources[function]["Properties"]["Environment"]["Variables"]


def routes(given: Stack) -> set[str]:
    """Returns the route keys of the composer. Each of them requires the authorizer."""
    found = set()
    for route in given.of_type("AWS::ApiGatewayV2::Route").values():
        if "ComposerIntegration" in route["Target"].targets:
            assert route["AuthorizationType"] == "CUSTOM", route
            assert route["AuthorizerId"].targets == ("Authorizer",), route
            found.add(text(route["RouteKey"]))
    return found


def rule(name: str, given: Stack) -> list[str]:
    return [it for it in given.failed_assertions if it.startswith(f"{name}: ")]


class Switch(unittest.TestCase):
    def test_nothing_exists_without_compositions(self) -> None:
        without, given = stack(Compositions=""), stack(PublishMetrics="true")
        named = {name for name in given.resources if name.startswith(("Compos", "AlbFromCompos"))}
        self.assertEqual(
            named,
            {
                "AlbFromComposer",
                "ComposerFunction",
                "ComposerFunctionRole",
                "ComposerIntegration",
                "ComposerLogGroup",
                "ComposerLogPermission",
                "ComposerLogSubscription",
                "ComposerPermission",
                "ComposerSecurityGroup",
                "CompositionsRoute",
            },
        )
        self.assertEqual(without.resources.keys() & named, set())
        self.assertEqual([name for name in without.outputs if name.startswith("Compos")], [])

    def test_outputs_name_the_function_its_log_and_its_security_group(self) -> None:
        outputs = {name for name in stack().outputs if name.startswith("Compos")}
        self.assertEqual(
            outputs,
            {
                "ComposerFunctionArn",
                "ComposerFunctionName",
                "ComposerLogGroupName",
                "ComposerSecurityGroupId",
            },
        )


class Routes(unittest.TestCase):
    def test_one_route_below_the_prefix_covers_every_method(self) -> None:
        self.assertEqual(routes(stack()), {"ANY /bff/{proxy+}"})
        self.assertEqual(
            routes(stack(CompositionsPrefix="/api/mobile")), {"ANY /api/mobile/{proxy+}"}
        )

    def test_no_route_matches_cors_preflight_requests_that_api_gateway_answers(self) -> None:
        methods = {f"{method} /bff/{{proxy+}}" for method in ("GET", "HEAD", "POST")}
        for parameters in (
            {"AllowedOrigins": "https://app.example.com"},
            {"HttpApiId": SAMPLES["HttpApiId"]},
        ):
            self.assertEqual(routes(stack(**parameters)), methods, parameters)

    def test_function_without_an_api_has_no_route(self) -> None:
        given = stack(HttpApiId="none")
        self.assertEqual(routes(given), set())
        self.assertNotIn("ComposerPermission", given.resources)
        self.assertIn("ComposerFunctionArn", given.outputs)

    def test_api_gateway_may_invoke_the_function_only_below_the_prefix(self) -> None:
        given = stack(CompositionsPrefix="/api/mobile").of_type("AWS::Lambda::Permission")
        source = text(given["ComposerPermission"]["SourceArn"])
        self.assertTrue(source.endswith("/*/*/api/mobile/*"), source)


class Settings(unittest.TestCase):
    def test_policy_is_that_of_the_authorizer(self) -> None:
        issuer = {name: SAMPLES[name] for name in ("JwtIssuer", "JwtAudience")}
        for parameters in ({}, {"AuthPolicy": "table:edge"}, {"AuthPolicy": "{}"}, issuer):
            given = stack(**parameters)
            for name in ("AUTH_POLICY", "KEY_HEADER", "REGISTRY_TABLE", "USAGE_TABLE"):
                own, others = (
                    text(variables(given, function)[name])
                    for function in ("ComposerFunction", "AuthorizerFunction")
                )
                self.assertEqual(own, others, (name, parameters))

    def test_proof_of_origin_is_that_of_the_request_mapping(self) -> None:
        secret = {"OriginSecretArn": SAMPLES["OriginSecretArn"]}
        version = {**secret, "OriginSecretVersion": SAMPLES["OriginSecretVersion"]}
        for parameters in ({}, secret, version):
            given = stack(**parameters)
            mapping = given.resources["ProtectedIntegration"]["Properties"]["RequestParameters"]
            expected = text(mapping["overwrite:header.x-tollgate-origin"])
            self.assertEqual(text(variables(given)["ORIGIN_SECRET"]), expected, parameters)

    def test_backend_is_a_url_of_https_or_of_an_internal_load_balancer(self) -> None:
        given = stack(BackendUrl=URL)
        self.assertEqual(variables(given)["BACKEND_URL"], URL)
        # API Gateway itself uses the VPC link.
        integration = given.resources["ProtectedIntegration"]["Properties"]
        self.assertEqual(integration["IntegrationUri"], SAMPLES["AlbListenerArn"])

    def test_limiter_knows_the_prefix_and_the_document_in_use(self) -> None:
        names = ("COMPOSITIONS", "COMPOSITIONS_PREFIX")
        for compositions, expected in (
            ("table:mobile", ["table:mobile", "/bff"]),
            ('{"routes": {}}', [None, "/bff"]),
            ("", [None, None]),
        ):
            found = variables(stack(Compositions=compositions), "LimiterFunction")
            self.assertEqual([found.get(name) for name in names], expected, compositions)

    def test_one_of_two_documents_fits_into_the_settings_of_the_function(self) -> None:
        """Lambda allows 4 KB. The descriptions of both parameters say so."""
        document = "{" + " " * 2_998 + "}"
        for parameters, fits in (
            ({"Compositions": document, "AuthPolicy": "table:edge"}, True),
            ({"AuthPolicy": document}, True),
            ({"Compositions": document, "AuthPolicy": document}, False),
        ):
            found = variables(stack(BackendUrl=URL, **parameters))
            self.assertEqual(size_errors(found) == [], fits, parameters.keys())
        for name in ("Compositions", "AuthPolicy"):
            self.assertIn(f"{MAX_BYTES // 1_024} KB", TEMPLATE.parameters[name]["Description"])

    def test_role_reads_no_secret(self) -> None:
        given = stack(SecretArns=SAMPLES["SecretArns"], OriginSecretArn=SAMPLES["OriginSecretArn"])
        granted = permissions.granted(given, "ComposerFunction")
        self.assertEqual(
            {action for action, _ in granted if action.startswith(("secretsmanager", "ssm", "kms"))},
            set(),
        )


class Network(unittest.TestCase):
    def test_alb_admits_the_composer_in_its_own_group(self) -> None:
        given = stack()
        network = given.resources["ComposerFunction"]["Properties"]["VpcConfig"]
        groups = [target for it in network["SecurityGroupIds"] for target in it.targets]
        self.assertEqual(groups, ["FunctionSecurityGroup", "ComposerSecurityGroup"])

        (egress,) = given.resources["ComposerSecurityGroup"]["Properties"]["SecurityGroupEgress"]
        ingress = given.resources["AlbFromComposer"]["Properties"]
        self.assertEqual(egress["DestinationSecurityGroupId"], SAMPLES["AlbSecurityGroupId"])
        self.assertEqual(ingress["GroupId"], SAMPLES["AlbSecurityGroupId"])
        self.assertEqual(ingress["SourceSecurityGroupId"].targets, ("ComposerSecurityGroup",))
        ports = {it[name] for it in (egress, ingress) for name in ("FromPort", "ToPort")}
        self.assertEqual(ports, {80})

    def test_no_other_function_is_in_the_group_that_the_alb_admits(self) -> None:
        given = stack(
            AuthorizerInVpc="true",
            LimiterInVpc="true",
            SyncInVpc="true",
            MetricsInVpc="true",
            SubnetsHaveEgress="true",
            SyncTargets=SAMPLES["SyncTargets"],
        )
        inside = {
            name
            for name, it in given.of_type("AWS::Lambda::Function").items()
            for group in it["VpcConfig"]["SecurityGroupIds"]
            if "ComposerSecurityGroup" in group.targets
        }
        self.assertEqual(inside, {"ComposerFunction"})

    def test_group_without_a_known_alb_opens_no_connection(self) -> None:
        """EC2 adds a rule that allows everything to a group without egress rules."""
        for parameters in (
            {"VpcLinkId": "a1b2c3", "AlbSecurityGroupId": ""},
            {"CreateVpcLink": "false", "BackendUrl": SAMPLES["BackendUrl"]},
        ):
            given = stack(**parameters)
            self.assertEqual(given.failed_assertions, [], parameters)
            group = given.resources["ComposerSecurityGroup"]["Properties"]
            cidrs = [it.get("CidrIp") for it in group["SecurityGroupEgress"]]
            self.assertEqual(cidrs, ["127.0.0.1/32"], parameters)
            self.assertNotIn("AlbFromComposer", given.resources)

    def test_policy_of_network_interfaces_outlives_the_group(self) -> None:
        group = TEMPLATE.body["Resources"]["ComposerSecurityGroup"]
        self.assertEqual(group["DependsOn"], "NetworkInterfacePolicy")

    def test_composer_without_a_vpc_has_no_network(self) -> None:
        given = stack(**WITHOUT_VPC)
        self.assertEqual(given.failed_assertions, [])
        self.assertNotIn("VpcConfig", given.resources["ComposerFunction"]["Properties"])
        self.assertEqual(given.of_type("AWS::EC2::SecurityGroup"), {})

    def test_calls_through_an_alb_need_the_vpc(self) -> None:
        given = stack(VpcLinkId="a1b2c3", **NO_NETWORK)
        self.assertEqual(len(rule("NetworkOfTheComposer", given)), 1)
        half = stack(**{**WITHOUT_VPC, "VpcId": SAMPLES["VpcId"]})
        self.assertEqual(len(rule("NetworkOfTheComposer", half)), 1)

    def test_composer_in_the_vpc_needs_a_way_to_the_tables(self) -> None:
        given = stack(DynamoDbPrefixListId="")
        self.assertEqual(len(rule("WayToDynamoDb", given)), 1)
        for parameters in ({}, {"DynamoDbPrefixListId": "", "SubnetsHaveEgress": "true"}):
            self.assertEqual(stack(**parameters).failed_assertions, [], parameters)


if __name__ == "__main__":
    unittest.main()
