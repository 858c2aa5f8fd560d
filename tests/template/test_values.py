"""Patterns of parameters reject values that cannot work."""

from __future__ import annotations

import re
import unittest

from template.parameter_sets import SAMPLES
from template.templates import Template

TEMPLATES = [it for it in Template.all() if it.path.startswith(("template", "stacks"))]
# If templates share a name, the parameter of template.yaml counts.
PARAMETERS = {
    name: it for template in reversed(TEMPLATES) for name, it in template.parameters.items()
}
RANGES = ("ClientCidr", "ResolverClientCidr", "SyncDnsCidr")
POLICY = '{"rules":[{"match":"ANY /","auth":"any"}]}'
ENTRY = (
    '{"name":"a.example","target_group_arn":"arn:aws:x","port":443,"networks":["2001:db8::/56"]}'
)


def is_allowed(name: str, value: str) -> bool:
    """True if CloudFormation accepts the value. A pattern has to match the whole value, or each value
    of a list.
    """
    parameter = PARAMETERS[name]
    values = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
    matches = all(re.fullmatch(parameter["AllowedPattern"], it) for it in values)
    return matches and len(value) <= parameter.get("MaxLength", 4096)


class Values(unittest.TestCase):
    def assert_rejected(self, name: str, *values: str) -> None:
        for value in values:
            self.assertFalse(is_allowed(name, value), f"{name}={value[:80]}")

    def assert_accepted(self, name: str, *values: str) -> None:
        for value in values:
            self.assertTrue(is_allowed(name, value), f"{name}={value[:80]}")

    def test_policy_is_a_json_object_or_the_name_of_a_stored_policy(self) -> None:
        self.assert_accepted(
            "AuthPolicy", "", POLICY, f" \n{POLICY}\n", "table:edge-1.eu", "{" + " " * 2_998 + "}"
        )
        self.assert_rejected(
            "AuthPolicy",
            "this is not json",
            POLICY[:-1],
            POLICY[1:],
            "table:",
            "table:a b",
            "edge",
            "[]",
            " ",
        )
        self.assert_rejected("AuthPolicy", "{" + " " * 2_999 + "}")

    def test_compositions_are_a_json_object_or_the_name_of_a_stored_document(self) -> None:
        self.assert_accepted("Compositions", "", '{"routes": {}}', "\n{ }\n", "table:mobile-1.eu")
        self.assert_accepted("Compositions", "{" + " " * 2_998 + "}")
        self.assert_rejected("Compositions", "nonsense", "[]", "table:", "table:a b", " ")
        self.assert_rejected("Compositions", "{" + " " * 2_999 + "}")

    def test_prefix_of_compositions_is_a_path_outside_tollgates_own(self) -> None:
        self.assert_accepted("CompositionsPrefix", "/bff", "/api/bff-2", "/a")
        self.assert_rejected(
            "CompositionsPrefix",
            *("", "/", "bff", "/bff/", "//bff", "/BFF", "/bff/{id}", "/bff/{proxy+}", "/a b"),
            *("/_tollgate", "/_tollgate/v1", "/bff/../admin", "/bff?x", "/" + "a" * 100),
        )

    def test_targets_are_an_array_of_objects(self) -> None:
        self.assert_accepted("SyncTargets", "", f"[{ENTRY}]", f"[{ENTRY},\n {ENTRY}]")
        self.assert_rejected(
            "SyncTargets", "nonsense", "[]", ENTRY, f"[{ENTRY}", f"[ {ENTRY}]", f"[[{ENTRY}]]"
        )

    def test_cidr_ranges_are_valid_and_do_not_include_every_address(self) -> None:
        for name in RANGES:
            self.assert_accepted(name, "", "10.0.0.0/8", "10.64.0.0/16", "192.168.255.254/32")
            self.assert_rejected(
                name,
                "999.0.0.0/99",
                "256.0.0.0/16",
                "10.0.0.0/33",
                "10.0.0.0",
                "10.0.0/16",
                "0.0.0.0/0",
                "::/0",
            )

    def test_dns_servers_are_up_to_three_addresses(self) -> None:
        self.assert_accepted(
            "ResolverForwardTargets", "", "10.0.0.2", "10.0.0.2,192.168.1.255,1.1.1.1"
        )
        self.assert_rejected(
            "ResolverForwardTargets",
            "10.0.0.256",
            "10.0.0.2,",
            "10.0.0.2 ,10.0.0.3",
            "1.1.1.1," * 3 + "1.1.1.1",
        )

    def test_services_of_endpoints_are_names_without_a_prefix(self) -> None:
        self.assert_accepted(
            "InterfaceEndpoints", "monitoring", "ecr.api,ecr.dkr", "bedrock-runtime,s3"
        )
        self.assert_rejected(
            "InterfaceEndpoints", "", "monitoring,,logs", "logs,", "Logs", "ecr/api", "a b", ".logs"
        )

    def test_network_is_named_by_ids_or_empty(self) -> None:
        for name, prefix in (
            ("VpcId", "vpc"),
            ("PrivateSubnetIds", "subnet"),
            ("AlbSecurityGroupId", "sg"),
        ):
            self.assert_accepted(name, "", f"{prefix}-0123456789abcdef0")
            self.assert_rejected(name, "my-network", f"{prefix}-", "xyz-0123456789abcdef0")
        self.assert_accepted("PrivateSubnetIds", "subnet-0a,subnet-0b")
        self.assert_rejected("PrivateSubnetIds", "subnet-0a,vpc-0b")
        self.assert_accepted("AlbListenerArn", "", SAMPLES["AlbListenerArn"])
        self.assert_rejected(
            "AlbListenerArn", "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/a/1"
        )

    def test_domain_name_is_in_lower_case(self) -> None:
        self.assert_accepted("DomainName", "", "api.example.com")
        self.assert_rejected(
            "DomainName", "API.Example.com", "localhost", "https://api.example.com"
        )

    def test_key_is_the_arn_of_a_key_and_not_of_an_alias(self) -> None:
        key = "arn:aws:kms:us-east-1:123456789012:key"
        self.assert_accepted("KmsKeyArn", "", f"{key}/mrk-0123456789abcdef0123456789abcdef")
        self.assert_rejected(
            "KmsKeyArn", "alias/tollgate", "arn:aws:kms:us-east-1:123456789012:alias/tollgate", key
        )

    def test_permissions_boundary_is_the_arn_of_a_managed_policy(self) -> None:
        self.assert_accepted(
            "PermissionsBoundaryArn",
            "",
            "arn:aws:iam::123456789012:policy/team/boundary",
            "arn:aws:iam::aws:policy/PowerUserAccess",
        )
        self.assert_rejected(
            "PermissionsBoundaryArn", "boundary", "arn:aws:iam::123456789012:role/boundary"
        )

    def test_origin_secret_is_a_full_arn_with_the_id_of_a_version(self) -> None:
        arn = SAMPLES["OriginSecretArn"]
        self.assert_accepted("OriginSecretArn", "", arn, arn.replace("aws", "aws-cn", 1))
        self.assert_rejected(
            "OriginSecretArn",
            "origin",
            arn + ":key",
            arn + "}}",
            arn.replace("secretsmanager", "ssm"),
        )
        self.assert_accepted("OriginSecretVersion", "", SAMPLES["OriginSecretVersion"])
        self.assert_rejected("OriginSecretVersion", "AWSCURRENT", "a" * 65, "a:" + "b" * 32)

    def test_secrets_are_arns_whose_names_can_end_with_a_wildcard(self) -> None:
        secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:idp"
        parameter = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/tollgate/idp"
        self.assert_accepted(
            "SecretArns",
            *("", f"{secret}-Ab3dEf", parameter, f"{secret}-Ab3dEf,{parameter}"),
            *(f"{secret}-*", f"{secret}-??????", f"{parameter}/*"),
        )
        self.assert_rejected(
            "SecretArns",
            *("*", "idp", secret.removesuffix("idp") + "*", secret.replace("123456789012", "*")),
            *(secret.replace("eu-central-1", "*"), f"{secret}*x", f"{secret}-Ab3dEf,*"),
            *(parameter.replace("parameter/tollgate/idp", "*"), secret.replace("secret:", "key:")),
        )

    def test_target_groups_are_arns_without_a_wildcard(self) -> None:
        name = "SyncTargetGroupArns"
        arn = SAMPLES[name]
        self.assert_accepted(name, "", arn, f"{arn},{arn}")
        self.assert_rejected(
            name,
            *("*", "orders", f"{arn},*", arn.rpartition("/")[0] + "/*", arn + "*"),
            arn.replace("targetgroup", "loadbalancer"),
        )

    def test_traces_go_nowhere_to_x_ray_to_a_layer_or_to_a_url(self) -> None:
        layer = "arn:aws:lambda:us-east-1:123456789012:layer:collector:7"
        self.assert_accepted("Tracing", "PassThrough", "Active", layer, layer.replace("aws", "aws-cn", 1))
        self.assert_accepted(
            "Tracing", "http://10.0.0.7:4318", "https://otlp.example.com", "https://a.example/v1/x", "http://localhost.example:4318"
        )
        self.assert_rejected(
            "Tracing",
            *("", "active", "localhost:4318", "grpc://a.example:4317", "https://"),
            *(layer.rpartition(":")[0], layer.replace("layer", "function")),
            *("https://user:password@a.example", "https://a.example?token=1", "https://a b"),
            # Nothing listens in a function without a layer.
            *("http://localhost:4317", "http://localhost", "http://127.0.0.1:4318"),
            *("https://a..b", "https://-", "https://a.example:123456"),
        )

    def test_runbook_is_a_url_without_a_fragment(self) -> None:
        self.assert_accepted("RunbookUrl", "", "https://wiki.example.com/a?page=1", "http://wiki/x")
        self.assert_rejected("RunbookUrl", "docs/runbook.md", "https://wiki/x#pagealarm", "https://")

    def test_backend_url_is_https_or_an_internal_load_balancer(self) -> None:
        """API Gateway cannot reach an internal load balancer without a VPC link, so that it never
        sends a request over the internet without TLS.
        """
        self.assert_accepted("BackendUrl", "", "https://orders.example.com/base")
        alb = "http://internal-alb-1.eu-central-1.elb.amazonaws.com"
        self.assert_accepted("BackendUrl", alb, f"{alb}:8080/base", f"{alb}.cn")
        self.assert_accepted("BackendUrl", "http://internal-net-Alb-1AB2-3.us-east-1.elb.amazonaws.com")
        self.assert_rejected(
            "BackendUrl",
            "http://alb-1.eu-central-1.elb.amazonaws.com",
            f"{alb}.example.com",
            f"{alb}@example.com",
            f"{alb}:80@example.com",
            f"http://example.com/{alb}",
        )
        self.assert_rejected(
            "BackendUrl",
            "http://orders.example.com",
            "orders.example.com",
            "https://",
            "https://a b",
        )

    def test_backend_url_has_no_default(self) -> None:
        self.assertEqual(PARAMETERS["BackendUrl"]["Default"], "")

    def test_complex_patterns_have_a_constraint_description(self) -> None:
        names = {
            *RANGES,
            "AuthPolicy",
            "InterfaceEndpoints",
            "SyncTargets",
            "ResolverForwardTargets",
            "DomainName",
            "BackendUrl",
            "Compositions",
            "CompositionsPrefix",
            "KmsKeyArn",
            "OriginSecretArn",
            "OriginSecretVersion",
            "RegistryTableName",
            "SecretArns",
            "SyncTargetGroupArns",
            "Tracing",
            "RunbookUrl",
        }
        undescribed = {name for name in names if not PARAMETERS[name].get("ConstraintDescription")}
        self.assertEqual(undescribed, set())

    def test_typical_values_of_the_tests_are_allowed(self) -> None:
        patterned = [
            name for name, it in PARAMETERS.items() if "AllowedPattern" in it and name in SAMPLES
        ]
        self.assertEqual(
            [name for name in patterned if not is_allowed(name, str(SAMPLES[name]))], []
        )
