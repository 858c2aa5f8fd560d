"""The stacks of a network team, deployed on their own."""

import json

from botocore.exceptions import ClientError

from e2e.cases.case import StackCase
from e2e.network_stack import NetworkStack


class NetworkStacks(StackCase):
    def test_endpoints_follow_the_list_of_services(self) -> None:
        network = self.deployment.network
        endpoints = {
            "VpcId": network["VpcId"],
            "SubnetIds": network["PrivateSubnetIds"],
            "CreateS3Endpoint": "true",
            "RouteTableIds": network["RouteTableIds"],
        }
        stack = NetworkStack(self.deployment.emulator, "endpoints")
        stack.create(**endpoints, InterfaceEndpoints="monitoring,ecr.api,sts")
        self.assertEqual(
            self.services(), ["ecr.api", "monitoring", "s3", "sts"], "one endpoint per service"
        )
        before = stack.resources()
        self.assertEqual(
            stack.outputs()["EndpointSecurityGroupId"], before["EndpointSecurityGroup"]
        )

        endpoints["CreateS3Endpoint"] = "false"
        stack.update(**endpoints, InterfaceEndpoints="logs,sts")
        self.assertEqual(self.services(), ["logs", "sts"])
        self.assertEqual(
            stack.resources()["Endpointsts"], before["Endpointsts"], "other endpoints remain"
        )

        with self.assertRaisesRegex(ClientError, "must be service names separated by commas"):
            stack.update(**endpoints, InterfaceEndpoints="logs,,sts")
        self.assertEqual(self.services(), ["logs", "sts"])

        stack.delete()
        self.assertEqual(self.services(), [])

    def test_zone_has_a_record_of_the_load_balancer(self) -> None:
        network = self.deployment.network
        stack = NetworkStack(self.deployment.emulator, "names").create(
            VpcId=network["VpcId"],
            SubnetIds=network["PrivateSubnetIds"],
            PrivateZoneName="services.example",
            AlbDnsName="internal-a-1.us-east-1.elb.amazonaws.com",
            AlbHostedZoneId="Z35SXDOTRQ7X7K",
        )
        client = self.deployment.emulator.client("route53")
        (zone,) = client.list_hosted_zones()["HostedZones"]
        records = client.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        (alias,) = [it["AliasTarget"] for it in records if it["Type"] == "A"]
        self.assertIn("internal-a-1.us-east-1.elb.amazonaws.com", alias["DNSName"])

        stack.delete()
        self.assertEqual(client.list_hosted_zones()["HostedZones"], [])

    def test_nlb_and_its_target_group_are_deleted_with_their_stack(self) -> None:
        network = self.deployment.network
        stack = NetworkStack(self.deployment.emulator, "nlb", "second-nlb").create(
            VpcId=network["VpcId"],
            SubnetIds=network["PrivateSubnetIds"],
            AlbDnsName="internal-a-1.us-east-1.elb.amazonaws.com",
            AlbSecurityGroupId=network["AlbSecurityGroupId"],
        )
        outputs = stack.outputs()
        (entry,) = json.loads(outputs["SyncTargets"])
        self.assertEqual(
            entry,
            {
                "name": "internal-a-1.us-east-1.elb.amazonaws.com",
                "target_group_arn": outputs["SyncTargetGroupArns"],
                "port": 80,
            },
        )
        self.assertIn(outputs["NlbArn"], self.load_balancers())

        stack.delete()
        self.assertNotIn(outputs["NlbArn"], self.load_balancers())

    def load_balancers(self) -> list[str]:
        found = self.deployment.emulator.client("elbv2").describe_load_balancers()
        return [it["LoadBalancerArn"] for it in found["LoadBalancers"]]

    def services(self) -> list[str]:
        """Returns the services of the endpoints in the VPC, without the DynamoDB endpoint of the
        Tollgate stack.
        """
        found = self.deployment.emulator.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
        names = (it["ServiceName"].removeprefix("com.amazonaws.us-east-1.") for it in found)
        return sorted(name for name in names if name != "dynamodb")
