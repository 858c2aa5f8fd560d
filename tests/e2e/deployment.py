"""The environment of the test cases: an emulator of AWS, a backend, a DNS server, and the deployed
stack.
"""

import contextlib
import json
import pathlib
import uuid
from collections.abc import Iterator

from e2e.aws import ROOT_USER, AwsEmulator
from e2e.composed_services import ComposedServices
from e2e.deployed_api import DeployedApi
from e2e.network_stack import NetworkStack
from e2e.stack import BUCKET, Stack
from harness.client import Response
from harness.echo_backend import EchoBackend
from harness.issuer import AUDIENCE, ISSUER, SigningKey
from harness.name_server import NameServer

ELB_DOMAIN = "eu-central-1.elb.amazonaws.com"
# The name that the tests' own target group follows, and the name that the NLB follows.
FOLLOWED_NAME, ALB_NAME = f"internal-orders-1.{ELB_DOMAIN}", f"internal-alb-1.{ELB_DOMAIN}"
NAMESPACE = "Tollgate/tollgate"
SCHEDULE_OF_SYNC = "AlbSyncFunctionEveryMinute"
PLAN = {
    "throttle": {"rate": 100, "burst": 200},
    "quotas": [{"limit": 1_000_000, "period": "month"}],
}
STOP_TIMEOUT_S = 5


class Deployment:
    """One emulator with one stack. `enforces_iam` is true if the emulator evaluates IAM policies."""

    def __init__(self, folder: pathlib.Path, enforces_iam: bool) -> None:
        self.signing_key = SigningKey("one")
        self.backend = EchoBackend(folder).start()
        self.names = NameServer().start()
        self.services = ComposedServices().start()
        settings = {
            "AUTH": str(enforces_iam).lower(),
            "SSL_CERT_FILE": str(self.backend.certificate_file),
        }
        self.emulator = AwsEmulator(folder / "emulator", settings)

    def stop(self) -> None:
        self.emulator.stop(STOP_TIMEOUT_S)
        self.names.stop()
        self.backend.stop()
        self.services.stop()

    def deploy(self) -> "Deployment":
        """Creates the resources that the stack needs but does not create, and then the stack."""
        self.emulator.client("s3").create_bucket(Bucket=BUCKET)
        self.network = self._create_network()
        self.target_group = self._create_target_group(self.network["VpcId"])
        self.nlb = self._create_nlb()
        self.names.addresses |= {
            FOLLOWED_NAME: ["10.0.0.4", "10.0.0.5"],
            ALB_NAME: ["10.0.16.4", "10.0.16.5"],
        }

        self.stack = Stack(self.emulator, self._parameters(self.network)).deploy()
        self.outputs, self.resources = self.stack.outputs(), self.stack.resources()
        self.api = DeployedApi(self.resources["Api"], self.emulator.port)
        return self

    def request(self, method: str, path: str, key: str | None = None, **headers: str) -> Response:
        """Sends a client's request. `_` in the name of a header stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.request(method, path, named | ({"x-api-key": key} if key else {}))

    def admin_request(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> Response:
        """Sends a signed request to a path below `/_tollgate/v1`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.request(method, f"/_tollgate/v1{path}", named, body, ROOT_USER)

    def create_plan(self, **fields: object) -> str:
        """Creates a plan and returns its name."""
        name = f"plan-{uuid.uuid4().hex[:12]}"
        created = self.admin_request("PUT", f"/plans/{name}", {**PLAN, **fields})
        assert created.status == 201, created
        return name

    def create_key(self, plan: str, **fields: object) -> dict:
        """Creates a key and returns its document, with `key` and `key_id`."""
        created = self.admin_request("POST", "/keys", {"name": "a test's", "plan": plan, **fields})
        assert created.status == 201, created
        return created.json()

    def invoke(self, function: str, event: object) -> tuple[object, bool]:
        """Invokes a function by its logical ID. Returns the response, and true if it is an error."""
        name, client = self.resources[function], self.emulator.client("lambda")
        response = client.invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(response["Payload"].read()), "FunctionError" in response

    def sync(self) -> tuple[dict[str, dict], bool]:
        """Runs alb-sync. Returns its results by target group ARN, and true if the run failed."""
        response, failed = self.invoke("AlbSyncFunction", {})
        results = json.loads(response["errorMessage"]) if failed else response
        return {group["target_group_arn"]: group for group in results["targets"]}, failed

    def disable_schedule_of_sync(self) -> None:
        self.emulator.client("events").disable_rule(Name=self.resources[SCHEDULE_OF_SYNC])

    @contextlib.contextmanager
    def schedule_of_sync_disabled(self) -> Iterator[None]:
        """Lets alb-sync run only by `sync`, because a scheduled run at the same time would make one of
        the two leave the group to the other.
        """
        self.disable_schedule_of_sync()
        try:
            yield
        finally:
            self.emulator.client("events").enable_rule(Name=self.resources[SCHEDULE_OF_SYNC])

    def targets(self, group: str) -> list[str]:
        """Returns the addresses that are registered in a target group."""
        health = self.emulator.client("elbv2").describe_target_health(TargetGroupArn=group)
        targets = [target["Target"] for target in health["TargetHealthDescriptions"]]
        assert all(target["Port"] == 443 for target in targets), targets
        return sorted(target["Id"] for target in targets)

    def token(self, **claims: object) -> str:
        return self.signing_key.token("alice", 600, **claims)

    def policy(self, *rules: dict) -> str:
        """Returns the authorizer's policy as JSON. `rules` come before the rules that all cases
        share.
        """
        key_set = {"keys": [self.signing_key.jwk()]}
        trusted = {"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": key_set, "plan_claim": "plan"}
        shared = [
            {"match": "ANY /admin/{proxy+}", "auth": "api_key", "scopes": ["admin:read"]},
            {"match": "GET /_tollgate/usage", "auth": "api_key"},
            {"match": "GET /reports", "auth": "api_key", "scopes": ["reports:read"]},
            {"match": "ANY /", "auth": "any"},
            {"match": "ANY /{proxy+}", "auth": "any"},
        ]
        return json.dumps(
            {"issuers": [trusted], "api_keys": {"header": "x-api-key"}, "rules": [*rules, *shared]}
        )

    def _create_network(self) -> dict[str, str]:
        """Creates a VPC as a user would have one, and returns the parameters that describe it."""
        ec2 = self.emulator.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{16 * zone}.0/20", AvailabilityZone=f"us-east-1{name}"
            )
            for zone, name in enumerate("ab")
        ]
        return {
            "VpcId": vpc,
            "PrivateSubnetIds": ",".join(subnet["Subnet"]["SubnetId"] for subnet in subnets),
            "RouteTableIds": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
            "AlbSecurityGroupId": ec2.create_security_group(
                VpcId=vpc, GroupName="alb", Description="ALB"
            )["GroupId"],
            "AlbListenerArn": "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/none/0/0",
        }

    def _create_target_group(self, vpc: str) -> str:
        group = self.emulator.client("elbv2").create_target_group(
            Name="orders",
            Protocol="TCP",
            Port=443,
            VpcId=vpc,
            TargetType="ip",
            IpAddressType="ipv4",
        )
        return group["TargetGroups"][0]["TargetGroupArn"]

    def _create_nlb(self) -> NetworkStack:
        return NetworkStack(self.emulator, "nlb").create(
            VpcId=self.network["VpcId"],
            SubnetIds=self.network["PrivateSubnetIds"],
            AlbDnsName=ALB_NAME,
            AlbSecurityGroupId=self.network["AlbSecurityGroupId"],
            AlbListenerPort="443",
        )

    def _parameters(self, network: dict[str, str]) -> dict[str, str]:
        """Enables every feature that the emulator supports. The decision deadline is long, for two
        busy cores.
        """
        nlb = self.nlb.outputs()
        followed = [
            {"name": FOLLOWED_NAME, "target_group_arn": self.target_group, "port": 443},
            *json.loads(nlb["SyncTargets"]),
        ]
        features = (
            *("PublishMetrics", "CreateMetricsQueue", "CreateDashboard", "CreateAlarms"),
            "CreateDynamoDbEndpoint",
        )
        values = {
            "CreateVpcLink": "false",
            "BackendUrl": self.backend.url,
            "OnThrottle": "forbid",
            "DailyHealthRequest": "false",
            "Architecture": "x86_64",
            "DecisionDeadlineMs": "5000",
            "AuthPolicy": self.policy(),
            "Compositions": self.services.compositions(),
            "DynamoDbPrefixListId": "pl-02cd2c6b",
            "SyncTargets": json.dumps(followed),
            "SyncTargetGroupArns": f"{self.target_group},{nlb['SyncTargetGroupArns']}",
            "SyncDnsServers": self.names.address,
        }
        return network | dict.fromkeys(features, "true") | values
