"""Switches that platform teams ask for: permissions boundary, KMS key, traces, functions in the VPC,
and public endpoints.
"""

from __future__ import annotations

import unittest
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from template import permissions
from template.boundary import boundary_actions
from template.parameter_sets import COLLECTOR_LAYER, SAMPLES, all_stacks, with_needs
from template.rust_sources import PACKAGES
from template.stack import Stack, Unknown
from template.templates import Template

TEMPLATE = Template.read("template.yaml")
KEY = SAMPLES["KmsKeyArn"]
# The property with the key of each type that can have one.
KEY_PROPERTIES = {
    "AWS::AppConfig::ConfigurationProfile": "KmsKeyIdentifier",
    "AWS::DynamoDB::Table": "SSESpecification.KMSMasterKeyId",
    "AWS::Lambda::Function": "KmsKeyArn",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
}
# The parameters that create every function.
EVERY_FUNCTION = {
    "SyncTargets": SAMPLES["SyncTargets"],
    "PublishMetrics": "true",
    "Compositions": SAMPLES["Compositions"],
}
IN_VPC = ("AuthorizerInVpc", "LimiterInVpc", "SyncInVpc", "MetricsInVpc")


def stack(**parameters: str) -> Stack:
    return Stack(TEMPLATE, with_needs(TEMPLATE, parameters))


def at(properties: dict[str, Any], path: str) -> Any:
    value: Any = properties
    for name in path.split("."):
        value = value.get(name, {})
    return value or None


class Roles(unittest.TestCase):
    def test_permissions_boundary_applies_to_every_role(self) -> None:
        boundary = SAMPLES["PermissionsBoundaryArn"]
        checked = set()
        for label, it in all_stacks(TEMPLATE):
            expected = boundary if it.given["PermissionsBoundaryArn"] else None
            for name, role in it.of_type("AWS::IAM::Role").items():
                self.assertEqual(role.get("PermissionsBoundary"), expected, f"{label}: {name}")
                checked |= {name} if expected else set()
        functions = {f"{name}Role" for name in PACKAGES}
        self.assertEqual(checked, {*functions, "CodeDeployServiceRole", "HealthRole"})

    def test_guide_lists_the_actions_that_a_boundary_must_allow(self) -> None:
        granted = {
            action
            for _, it in all_stacks(TEMPLATE)
            for function in PACKAGES.keys() & it.resources.keys()
            for action, _ in permissions.granted(it, function)
        }
        (health,) = TEMPLATE.body["Resources"]["HealthRole"]["Properties"]["Policies"]
        (statement,) = health["PolicyDocument"]["Statement"]
        self.assertEqual(set(boundary_actions()), granted | {statement["Action"]})

    def test_sam_generates_no_role(self) -> None:
        for label, it in all_stacks(TEMPLATE):
            roles = it.of_type("AWS::IAM::Role").keys()
            self.assertLessEqual(roles, TEMPLATE.body["Resources"].keys(), label)


class Key(unittest.TestCase):
    def test_key_encrypts_every_resource_that_can_have_one(self) -> None:
        for label, it in all_stacks(TEMPLATE):
            expected = it.given["KmsKeyArn"] or None
            for type_, path in KEY_PROPERTIES.items():
                for name, properties in it.of_type(type_).items():
                    self.assertEqual(at(properties, path), expected, f"{label}: {name}")

    def test_queues_are_encrypted_with_and_without_a_key(self) -> None:
        for label, it in all_stacks(TEMPLATE):
            for name, queue in it.of_type("AWS::SQS::Queue").items():
                is_managed = not it.given["KmsKeyArn"]
                self.assertEqual(queue["SqsManagedSseEnabled"], is_managed, f"{label}: {name}")

    def conditions(self, sid: str) -> dict[str, Any]:
        """Returns the condition of each role's statement with this Sid, by the name of the role."""
        given = stack(KmsKeyArn=KEY, **EVERY_FUNCTION)
        return {
            name: statement["Condition"]["StringLike"]
            for name, role in given.of_type("AWS::IAM::Role").items()
            for policy in role.get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
            if statement.get("Sid") == sid
        }

    def test_only_roles_that_use_a_queue_use_the_key_through_sqs(self) -> None:
        tables, queues = "dynamodb.*.amazonaws.com*", "sqs.*.amazonaws.com*"
        self.assertEqual(
            {name: it["kms:ViaService"] for name, it in self.conditions("UseKey").items()},
            {
                "AuthorizerFunctionRole": tables,
                "LimiterFunctionRole": tables,
                "ComposerFunctionRole": tables,
                "AlbSyncFunctionRole": [tables, queues],
                "MetricsPublisherFunctionRole": [tables, queues],
            },
        )

    def test_settings_are_decrypted_only_for_functions_of_the_account_and_region(self) -> None:
        found = self.conditions("DecryptSettings")
        self.assertEqual(found.keys(), {f"{name}Role" for name in PACKAGES})
        for name, condition in found.items():
            arn = condition["kms:EncryptionContext:aws:lambda:FunctionArn"]
            expected = "arn:aws:lambda:us-east-1:123456789012:function:*"
            self.assertEqual(getattr(arn, "text", arn), expected, name)

    def test_key_policy_of_the_example_admits_the_services_of_the_template(self) -> None:
        example = Stack(Template.read("examples/kms-key.yaml"), {})
        (key,) = example.of_type("AWS::KMS::Key").values()
        admitted = {
            principal.text if isinstance(principal, Unknown) else principal: it["Action"]
            for it in key["KeyPolicy"]["Statement"]
            for principal in it["Principal"].values()
        }
        self.assertEqual(
            admitted,
            {
                "arn:aws:iam::123456789012:root": "kms:*",
                "logs.us-east-1.amazonaws.com": [
                    "kms:Encrypt*",
                    "kms:Decrypt*",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:Describe*",
                ],
                "events.amazonaws.com": ["kms:Decrypt", "kms:GenerateDataKey"],
                "sns.amazonaws.com": ["kms:Decrypt", "kms:GenerateDataKey"],
            },
        )

    def test_services_that_write_to_encrypted_queues_are_known(self) -> None:
        """Services that the policy of a queue admits need the key too, through the key's policy."""
        for label, it in all_stacks(TEMPLATE):
            for name, policy in it.of_type("AWS::SQS::QueuePolicy").items():
                for statement in policy["PolicyDocument"]["Statement"]:
                    if statement["Effect"] == "Allow":
                        services = statement["Principal"]["Service"]
                        admitted = {services} if isinstance(services, str) else set(services)
                        known = {"events.amazonaws.com", "sns.amazonaws.com"}
                        self.assertLessEqual(admitted, known, f"{label}: {name}")


class FunctionsInVpc(unittest.TestCase):
    def test_each_switch_moves_only_its_function(self) -> None:
        functions = {
            "AuthorizerInVpc": "AuthorizerFunction",
            "LimiterInVpc": "LimiterFunction",
            "SyncInVpc": "AlbSyncFunction",
            "MetricsInVpc": "MetricsPublisherFunction",
        }
        for switch in IN_VPC:
            given = stack(**{switch: "true", "SyncTargets": SAMPLES["SyncTargets"]})
            self.assertEqual(given.failed_assertions, [], switch)
            inside = {
                name
                for name, it in given.of_type("AWS::Lambda::Function").items()
                if "VpcConfig" in it
            }
            self.assertEqual(inside, {functions[switch]}, switch)
            (policy,) = given.of_type("AWS::IAM::Policy").values()
            roles = {target for role in policy["Roles"] for target in role.targets}
            self.assertEqual(roles, {f"{functions[switch]}Role"}, switch)

    def test_policy_of_network_interfaces_outlives_the_security_group(self) -> None:
        """Otherwise Lambda cannot delete its interfaces, and CloudFormation not the group."""
        self.assertEqual(
            TEMPLATE.body["Resources"]["FunctionSecurityGroup"]["DependsOn"],
            "NetworkInterfacePolicy",
        )

    def test_authorizer_in_the_vpc_reaches_issuers_or_needs_none(self) -> None:
        for parameters in ({"JwtIssuer": SAMPLES["JwtIssuer"]}, {"AuthPolicy": "table:edge"}):
            closed = stack(AuthorizerInVpc="true", **parameters)
            (error,) = closed.failed_assertions
            self.assertIn("WayOfTheAuthorizer", error)
            opened = stack(AuthorizerInVpc="true", SubnetsHaveEgress="true", **parameters)
            self.assertEqual(opened.failed_assertions, [])

    def test_change_of_the_subnets_publishes_a_version_of_the_authorizer(self) -> None:
        contents = []
        for subnets in ("subnet-1,subnet-2", "subnet-1,subnet-3"):
            given = stack(AuthorizerInVpc="true", PrivateSubnetIds=subnets)
            contents.append(given.of_type("AWS::AppConfig::HostedConfigurationVersion"))
        self.assertNotEqual(*contents)


class Traces(unittest.TestCase):
    LOCAL = "http://localhost:4318"
    ADDRESS = "https://collector.example.com/otlp"

    def functions(self, tracing: str, **parameters: str) -> dict[str, Any]:
        given = stack(
            Tracing=tracing, SubnetsHaveEgress="true", **EVERY_FUNCTION, **parameters
        )
        self.assertEqual(given.failed_assertions, [])
        found = given.of_type("AWS::Lambda::Function")
        self.assertEqual(found.keys(), PACKAGES.keys())
        return found

    def test_each_value_configures_every_function(self) -> None:
        for tracing, mode, layers, endpoint in (
            ("PassThrough", "PassThrough", [], None),
            ("Active", "Active", [], None),
            (COLLECTOR_LAYER, "PassThrough", [COLLECTOR_LAYER], self.LOCAL),
            (self.ADDRESS, "PassThrough", [], self.ADDRESS),
        ):
            for name, function in self.functions(tracing).items():
                variables = function["Environment"]["Variables"]
                self.assertEqual(function["TracingConfig"], {"Mode": mode}, (name, tracing))
                self.assertEqual(function["Layers"], layers, (name, tracing))
                found = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")
                self.assertEqual(found, endpoint, (name, tracing))

    def test_collector_and_certificate_authorities_are_two_layers_of_the_authorizer(self) -> None:
        bundle = SAMPLES["CaBundleLayerArn"]
        functions = self.functions(COLLECTOR_LAYER, CaBundleLayerArn=bundle)
        self.assertEqual(functions["AuthorizerFunction"]["Layers"], [bundle, COLLECTOR_LAYER])
        self.assertEqual(functions["LimiterFunction"]["Layers"], [COLLECTOR_LAYER])

    def test_collector_layer_has_memory_in_every_function(self) -> None:
        for tracing, least in ((COLLECTOR_LAYER, 256), (self.ADDRESS, 128)):
            sizes = {one["MemorySize"] for one in self.functions(tracing).values()}
            self.assertEqual(sizes, {least, 512}, tracing)

    def test_only_active_tracing_grants_permissions_of_x_ray(self) -> None:
        for tracing in ("PassThrough", "Active", COLLECTOR_LAYER, self.ADDRESS):
            given = stack(Tracing=tracing, **EVERY_FUNCTION)
            for function in PACKAGES:
                actions = {action for action, _ in permissions.granted(given, function)}
                traces = {action for action in actions if action.startswith("xray:")}
                self.assertEqual(bool(traces), tracing == "Active", (function, tracing))

    def test_collector_needs_a_way_out_of_the_vpc(self) -> None:
        others = {name: it for name, it in EVERY_FUNCTION.items() if name != "Compositions"}
        compositions = {"Compositions": EVERY_FUNCTION["Compositions"]}
        for switch in (*({name: "true"} for name in IN_VPC), compositions):
            for tracing in (COLLECTOR_LAYER, self.ADDRESS):
                given = {"Tracing": tracing, "EndpointSecurityGroupId": "", **others, **switch}
                failed = stack(**given).failed_assertions
                found = [it for it in failed if it.startswith("WayToTheCollector: ")]
                self.assertEqual(len(found), 1, (switch, tracing))
                opened = stack(**{**given, "SubnetsHaveEgress": "true"})
                self.assertEqual(opened.failed_assertions, [], (switch, tracing))

    def test_change_of_the_collector_publishes_a_version_of_the_authorizer(self) -> None:
        contents = [
            stack(Tracing=it).of_type("AWS::AppConfig::HostedConfigurationVersion")
            for it in (COLLECTOR_LAYER, self.ADDRESS)
        ]
        self.assertNotEqual(*contents)


class Endpoints(unittest.TestCase):
    def test_public_routes_exist_unless_they_are_turned_off(self) -> None:
        for switch, route in (
            ("PublicHealth", "GET /health"),
            ("PublicDescription", "GET /_tollgate/openapi.json"),
        ):
            for value in ("true", "false"):
                given = stack(**{switch: value, "DailyHealthRequest": "false"})
                routes = given.of_type("AWS::ApiGatewayV2::Route").values()
                keys = {it["RouteKey"] for it in routes}
                self.assertEqual(route in keys, value == "true", f"{switch}={value}")

    def test_daily_request_uses_the_domain_if_the_default_endpoint_is_disabled(self) -> None:
        for disabled, mapping_key, expected in (
            ("true", "", "https://api.example.com/health"),
            ("true", "orders", "https://api.example.com/orders/health"),
            ("false", "orders", "${Api.ApiEndpoint}/health"),
        ):
            given = stack(
                DisableExecuteApiEndpoint=disabled,
                DomainName=SAMPLES["DomainName"],
                ApiMappingKey=mapping_key,
            )
            (destination,) = given.of_type("AWS::Events::ApiDestination").values()
            endpoint = destination["InvocationEndpoint"]
            text = endpoint.text if isinstance(endpoint, Unknown) else endpoint
            self.assertEqual(text, expected)
            (api,) = given.of_type("AWS::ApiGatewayV2::Api").values()
            self.assertEqual(api["DisableExecuteApiEndpoint"], disabled == "true")

    def test_dual_stack_applies_to_the_api_the_domain_and_its_records(self) -> None:
        for type_, records in (("ipv4", {"A"}), ("dualstack", {"A", "AAAA"})):
            given = stack(IpAddressType=type_, HostedZoneId=SAMPLES["HostedZoneId"])
            (api,) = given.of_type("AWS::ApiGatewayV2::Api").values()
            (domain,) = given.of_type("AWS::ApiGatewayV2::DomainName").values()
            (configuration,) = domain["DomainNameConfigurations"]
            self.assertEqual({api["IpAddressType"], configuration["IpAddressType"]}, {type_})
            found = {it["Type"] for it in given.of_type("AWS::Route53::RecordSet").values()}
            self.assertEqual(found, records)


class Tags(unittest.TestCase):
    def test_types_named_by_the_guide_can_have_the_tags_of_the_stack(self) -> None:
        """CloudFormation adds the tags of a stack to every type that can have tags."""
        can_have = {
            type_: schema_of(type_)["tagging"]["taggable"]
            for type_ in (
                "AWS::ApiGatewayV2::Api",
                "AWS::ApiGatewayV2::Integration",
                "AWS::ApiGatewayV2::Route",
                "AWS::ApiGatewayV2::Stage",
                "AWS::DynamoDB::Table",
                "AWS::IAM::Role",
                "AWS::Lambda::Function",
                "AWS::Logs::LogGroup",
                "AWS::Route53::RecordSet",
                "AWS::SQS::Queue",
            )
        }
        without = {type_ for type_, is_taggable in can_have.items() if not is_taggable}
        self.assertEqual(
            without,
            {
                "AWS::ApiGatewayV2::Integration",
                "AWS::ApiGatewayV2::Route",
                "AWS::Route53::RecordSet",
            },
        )


def schema_of(type_: str) -> dict[str, Any]:
    return PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema


class AccessLog(unittest.TestCase):
    def test_later_stack_of_the_same_name_has_another_access_log(self) -> None:
        names = set()
        for number in (1, 2):
            id_ = f"arn:aws:cloudformation:us-east-1:123456789012:stack/tollgate/0-0-0-0-{number}"
            given = Stack(TEMPLATE, {**with_needs(TEMPLATE, {}), "AWS::StackId": id_})
            names.add(given.of_type("AWS::Logs::LogGroup")["AccessLogGroup"]["LogGroupName"])
        self.assertEqual(
            names, {f"/aws/vendedlogs/tollgate/access-{number}" for number in (1, 2)}
        )
