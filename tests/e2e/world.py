"""All that the journeys run in: an emulator, a backend, a name server, and the stack between them."""

import base64
import json
import pathlib
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .backend import Backend
from .emulator import OWNER, Emulator
from .gateway import Answer, Gateway
from .names import NameServer
from .stack import BUCKET, Stack

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example"
# A name that a target group of the tests' own follows, and the one that the stack's does.
ELB = "eu-central-1.elb.amazonaws.com"
FOLLOWED, ALB = f"internal-orders-1.{ELB}", f"internal-alb-1.{ELB}"
NAMESPACE = "Tollgate/tollgate"
PLAN = {"throttle": {"rate": 100, "burst": 200}, "quotas": [{"limit": 1_000_000, "period": "month"}]}


class World:
    """One emulator with one stack. `enforces`: whether policies of IAM decide."""

    def __init__(self, folder: pathlib.Path, enforces: bool) -> None:
        self.started: list = []
        self.issuer = ec.generate_private_key(ec.SECP256R1())
        self.backend = self._start(Backend(folder))
        self.names = self._start(NameServer())
        self.emulator = self._start(Emulator(folder / "emulator", self.backend.authority, enforces))

    def _start(self, program):
        """So that whatever has begun is ended, even where the next one does not begin."""
        try:
            self.started.append(program.start())
        except BaseException:
            self.stop()
            raise
        return program

    def stop(self) -> None:
        while self.started:
            self.started.pop().stop()

    def deploy(self) -> "World":
        """Makes what the stack needs and does not bring, and the stack."""
        self.emulator.client("s3").create_bucket(Bucket=BUCKET)
        network = self._network()
        self.target_group = self._target_group(network["VpcId"])
        self.names.addresses |= {FOLLOWED: ["10.0.0.4", "10.0.0.5"], ALB: ["10.0.16.4", "10.0.16.5"]}
        self.stack = Stack(self.emulator, self._parameters(network)).deploy()
        self.outputs, self.resources = self.stack.outputs(), self.stack.resources()
        self.gateway = Gateway(self.resources["Api"], self.emulator.port)
        return self

    def request(self, method: str, path: str, key: str | None = None, **headers: str) -> Answer:
        """A client's request. `_` in a header's name stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.request(method, path, named | ({"x-api-key": key} if key else {}))

    def administer(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """An administrator's request, below `/_tollgate/v1`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.request(method, f"/_tollgate/v1{path}", named, body, OWNER)

    def plan(self, **members: object) -> str:
        """A new plan's name."""
        name = f"plan-{uuid.uuid4().hex[:12]}"
        made = self.administer("PUT", f"/plans/{name}", {**PLAN, **members})
        assert made.status == 201, made
        return name

    def key(self, plan: str, **members: object) -> dict:
        """A new key: `key` and `key_id`."""
        made = self.administer("POST", "/keys", {"name": "a test's", "plan": plan, **members})
        assert made.status == 201, made
        return made.json()

    def invoke(self, function: str, event: object) -> tuple[object, bool]:
        """What a function answers, by its logical name, and whether that is an error."""
        name, client = self.resources[function], self.emulator.client("lambda")
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), "FunctionError" in answer

    def sync(self) -> tuple[dict[str, dict], bool]:
        """What a run of alb-sync did to each group, by its ARN, and whether it ended in an error."""
        answer, erred = self.invoke("AlbSyncFunction", {})
        answer = json.loads(answer["errorMessage"]) if erred else answer
        return {group["target_group_arn"]: group for group in answer["targets"]}, erred

    def targets(self, group: str) -> list[str]:
        health = self.emulator.client("elbv2").describe_target_health(TargetGroupArn=group)
        targets = [target["Target"] for target in health["TargetHealthDescriptions"]]
        assert all(target["Port"] == 443 for target in targets), targets
        return sorted(target["Id"] for target in targets)

    def token(self, **claims: object) -> str:
        now = int(time.time())
        standard = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 600}
        parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": "one"}, standard | claims)]
        signature = self.issuer.sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256()))
        numbers = [number.to_bytes(32, "big") for number in decode_dss_signature(signature)]
        return ".".join([*parts, encoded(b"".join(numbers))])

    def policy(self, *rules: dict) -> str:
        """The authorizer's policy, with rules beside those that all journeys share."""
        public = self.issuer.public_key().public_numbers()
        point = {axis: encoded(getattr(public, axis).to_bytes(32, "big")) for axis in "xy"}
        jwk = {"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256", **point}
        trusted = {"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": {"keys": [jwk]}, "plan_claim": "plan"}
        shared = [
            {"match": "ANY /admin/{proxy+}", "auth": "api_key", "scopes": ["admin:read"]},
            {"match": "GET /_tollgate/usage", "auth": "api_key"},
            {"match": "ANY /", "auth": "any"},
            {"match": "ANY /{proxy+}", "auth": "any"},
        ]
        return json.dumps({"issuers": [trusted], "api_keys": {"header": "x-api-key"}, "rules": [*rules, *shared]})

    def _network(self) -> dict[str, str]:
        """A VPC as a user has it, as parameters."""
        ec2 = self.emulator.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{16 * zone}.0/20", AvailabilityZone=f"us-east-1{name}")
            for zone, name in enumerate("ab")
        ]
        return {
            "VpcId": vpc, "PrivateSubnetIds": ",".join(subnet["Subnet"]["SubnetId"] for subnet in subnets),
            "RouteTableIds": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
            "AlbSecurityGroupId": ec2.create_security_group(VpcId=vpc, GroupName="alb", Description="ALB")["GroupId"],
            "AlbListenerArn": "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/none/0/0",
        }

    def _target_group(self, vpc: str) -> str:
        group = self.emulator.client("elbv2").create_target_group(
            Name="orders", Protocol="TCP", Port=443, VpcId=vpc, TargetType="ip", IpAddressType="ipv4"
        )
        return group["TargetGroups"][0]["TargetGroupArn"]

    def _parameters(self, network: dict[str, str]) -> dict[str, str]:
        """Everything on that the emulator knows. Decisions get time, on an emulator on two busy cores."""
        followed = [{"name": FOLLOWED, "target_group_arn": self.target_group, "port": 443}]
        switches = (
            "PublishMetrics", "CreateMetricsQueue", "CreateDashboard", "CreateAlarms", "CreateNlb",
            "CreateDynamoDbEndpoint", "CreateS3Endpoint", "CreateMonitoringEndpoint",
            "CreateElasticLoadBalancingEndpoint", "CreatePrivateZone",
        )
        return network | dict.fromkeys(switches, "true") | {
            "CreateVpcLink": "false", "BackendUrl": self.backend.url, "OnThrottle": "forbid",
            "DailyHealthRequest": "false", "Architecture": "x86_64", "DecisionDeadlineMs": "5000",
            "AuthPolicy": self.policy(), "SyncTargets": json.dumps(followed), "SyncTargetGroupArns": self.target_group,
            "SyncDnsServers": self.names.address, "AlbDnsName": ALB, "AlbListenerPort": "443",
            "AlbHostedZoneId": "Z35SXDOTRQ7X7K", "EndpointClientCidr": "10.0.0.0/16", "PrivateZoneName": "services.example",
        }


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
