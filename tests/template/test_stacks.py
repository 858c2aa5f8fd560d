"""The stacks of a network team."""

from __future__ import annotations

import unittest
from typing import Any

from cfnlint.decode import decode_str

from harness.paths import PROJECT
from template import loops
from template.parameter_sets import required, with_change
from template.stack import Stack
from template.templates import LOOPS, Template

ENDPOINTS, NAMES = (Template.read(f"stacks/{name}.yaml") for name in ("endpoints", "names"))
ALB_NAME = "internal-orders-1.us-east-1.elb.amazonaws.com"


def stack(template: Template, **changes: str) -> Stack:
    return Stack(template, {**required(template), **changes})


def allowed_callers(endpoint: dict[str, Any]) -> dict[str, Any]:
    """Returns the condition under which an endpoint's policy allows every action."""
    (statement,) = [
        it for it in endpoint["PolicyDocument"]["Statement"] if it["Action"] == "*"
    ]
    return statement["Condition"]["StringEquals"]


class Endpoints(unittest.TestCase):
    def endpoints(self, **changes: str) -> dict[str, dict[str, Any]]:
        """Returns the endpoints by the name of their service."""
        found = stack(ENDPOINTS, **changes).of_type("AWS::EC2::VPCEndpoint").values()
        return {it["ServiceName"].removeprefix("com.amazonaws.us-east-1."): it for it in found}

    def test_each_service_of_the_list_has_an_endpoint(self) -> None:
        self.assertEqual(sorted(self.endpoints()), sorted(LOOPS["InterfaceEndpoints"]))

        body = decode_str((PROJECT / ENDPOINTS.path).read_text())[0]
        expanded = loops.expanded(body, {"InterfaceEndpoints": ["ecr.api", "bedrock-runtime"]})
        ids = {name for name in expanded["Resources"] if name.startswith("Endpoint")}
        fixed = {"EndpointSecurityGroup", "EndpointsFromClients"}
        self.assertEqual(ids - fixed, {"Endpointecrapi", "Endpointbedrockruntime"})

    def test_interface_endpoints_have_private_names_and_the_group_of_the_output(self) -> None:
        template = stack(ENDPOINTS)
        group = template.outputs["EndpointSecurityGroupId"]["Value"]
        for endpoint in template.of_type("AWS::EC2::VPCEndpoint").values():
            self.assertIs(endpoint["PrivateDnsEnabled"], True)
            self.assertEqual(endpoint["SecurityGroupIds"], [group])

    def test_endpoints_admit_principals_of_this_account_only(self) -> None:
        account = "123456789012"
        for limited in ("false", "true"):
            changes = with_change(ENDPOINTS, "CreateS3Endpoint", "true")
            for service, endpoint in self.endpoints(
                **changes | {"AccountResourcesOnly": limited}
            ).items():
                expected = {"aws:PrincipalAccount": account}
                expected |= {"aws:ResourceAccount": account} if limited == "true" else {}
                self.assertEqual(allowed_callers(endpoint), expected, service)

    def test_clients_have_access_only_with_a_range(self) -> None:
        self.assertNotIn("EndpointsFromClients", stack(ENDPOINTS).resources)
        rule = stack(ENDPOINTS, ClientCidr="10.0.0.0/16").resources["EndpointsFromClients"]
        self.assertEqual(rule["Properties"]["CidrIp"], "10.0.0.0/16")
        self.assertEqual((rule["Properties"]["FromPort"], rule["Properties"]["ToPort"]), (443, 443))

    def test_s3_endpoint_exists_only_with_its_switch(self) -> None:
        self.assertNotIn("s3", self.endpoints())
        with_s3 = self.endpoints(**with_change(ENDPOINTS, "CreateS3Endpoint", "true"))
        self.assertEqual(with_s3["s3"]["VpcEndpointType"], "Gateway")
        self.assertEqual(len(with_s3["s3"]["RouteTableIds"]), 2)


class Names(unittest.TestCase):
    def test_nothing_is_created_by_default(self) -> None:
        self.assertEqual(stack(NAMES).resources, {})

    def test_zone_has_an_alias_of_the_load_balancer(self) -> None:
        zone = stack(
            NAMES,
            PrivateZoneName="backend.internal",
            AlbDnsName=ALB_NAME,
            AlbHostedZoneId="Z35SXDOTRQ7X7K",
        )
        self.assertEqual(zone.resources.keys(), {"PrivateZone", "AlbRecord"})
        record = zone.resources["AlbRecord"]["Properties"]
        self.assertEqual(record["Name"], "backend.internal")
        self.assertEqual(record["AliasTarget"]["DNSName"], ALB_NAME)

    def test_inbound_resolver_admits_its_clients(self) -> None:
        resolver = stack(NAMES, ResolverClientCidr="192.168.0.0/16")
        self.assertEqual(
            resolver.resources.keys(), {"ResolverInbound", "ResolverInboundSecurityGroup"}
        )
        group = resolver.resources["ResolverInboundSecurityGroup"]["Properties"]
        rules = {(it["IpProtocol"], it["CidrIp"]) for it in group["SecurityGroupIngress"]}
        self.assertEqual(rules, {("udp", "192.168.0.0/16"), ("tcp", "192.168.0.0/16")})

    def test_queries_are_forwarded_to_each_server(self) -> None:
        servers = ["192.168.0.2", "192.168.1.2", "192.168.2.2"]
        for count in (1, 2, 3):
            resolver = stack(
                NAMES,
                ResolverClientCidr="192.168.0.0/16",
                ResolverForwardDomain="corp.example.com",
                ResolverForwardTargets=",".join(servers[:count]),
            )
            rule = resolver.resources["ResolverForwardRule"]["Properties"]
            self.assertEqual([it["Ip"] for it in rule["TargetIps"]], servers[:count])

            group = resolver.resources["ResolverOutboundSecurityGroup"]["Properties"]
            allowed = {(it["IpProtocol"], it["CidrIp"]) for it in group["SecurityGroupEgress"]}
            ranges = [f"{server}/32" for server in servers[:count]]
            self.assertEqual(
                allowed, {(protocol, it) for protocol in ("udp", "tcp") for it in ranges}
            )


if __name__ == "__main__":
    unittest.main()
