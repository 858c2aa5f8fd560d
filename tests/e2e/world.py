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
FOLLOWED = "internal-orders.example"
NAMESPACE = "CustomApp/NetworkMetrics"
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
        self.target_group = self._target_group()
        self.names.addresses[FOLLOWED] = ["10.0.0.4", "10.0.0.5"]
        self.stack = Stack(self.emulator, self._parameters()).deploy()
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

    def _target_group(self) -> str:
        ec2, elb = self.emulator.client("ec2"), self.emulator.client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        group = elb.create_target_group(
            Name="orders", Protocol="TCP", Port=443, VpcId=vpc, TargetType="ip", IpAddressType="ipv4"
        )
        return group["TargetGroups"][0]["TargetGroupArn"]

    def _parameters(self) -> dict[str, str]:
        loaded = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/none/0/0"
        followed = [{"name": FOLLOWED, "target_group_arn": self.target_group, "port": 443}]
        subnets = self.emulator.client("ec2").describe_subnets()["Subnets"][:2]
        return {
            # Asked for without a default, and used by a VPC link alone.
            "AlbListenerArn": loaded, "VpcLinkSecurityGroupIds": "sg-0", "AlbSecurityGroupId": "sg-0",
            "VpcId": subnets[0]["VpcId"], "PrivateSubnetIds": ",".join(subnet["SubnetId"] for subnet in subnets),
            "CreateVpcLink": "false", "BackendUrl": self.backend.url, "OnThrottle": "forbid",
            "DailyHealthRequest": "false", "Architecture": "x86_64",
            # An emulator on two busy cores.
            "DecisionDeadlineMs": "5000",
            "AuthPolicy": self.policy(), "PublishMetrics": "true", "CreateMetricsQueue": "true",
            "SyncTargets": json.dumps(followed), "SyncTargetGroupArns": self.target_group,
            "SyncDnsServers": self.names.address,
        }


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
