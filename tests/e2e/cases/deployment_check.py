"""`tollgate check` on deployed stacks: on healthy ones, and on one that was broken on purpose.

The second stack has an ALB with listener rules. The emulator has no VPC links, so requests do not
reach this ALB, and the checks by requests run on the first stack alone.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import ClassVar

from documents import markdown
from e2e.cases.case import StackCase
from e2e.iam_user import environment_of_user
from e2e.stack import Stack
from harness.paths import EVALUATOR, PROJECT

PAGE = PROJECT / "docs" / "operations" / "check.md"

NAME = "behind-alb"
LISTENER_PORT = 80
CHECK_TIMEOUT_S = 180
DROP_INVALID = "routing.http.drop_invalid_header_fields.enabled"
REMOVED_MAPPING = "no mapping overwrite:header.x-tollgate-user-id"
DESYNC_MODE = "routing.http.desync_mitigation_mode"
WITHOUT_REQUESTS = ("--no-requests",)

Broken = Callable[[], contextlib.AbstractContextManager[None]]


class DeploymentCheck(StackCase):
    maxDiff = None
    stack: ClassVar[Stack]
    load_balancer: ClassVar[str]
    listener: ClassVar[str]
    target_group: ClassVar[str]
    healthy: ClassVar[dict[str, dict]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.create_load_balancer()
        parameters = cls.deployment.stack.parameters | {
            "CreateVpcLink": "true",
            "VpcLinkId": "vl1abc",
            "BackendUrl": "",
            "OnThrottle": "mark",
            "AlbListenerArn": cls.listener,
            "AlbListenerPort": str(LISTENER_PORT),
            "SyncTargets": "",
            "SyncTargetGroupArns": "",
            "CreateDynamoDbEndpoint": "false",
            # The emulator turns every error of an authorizer into 500.
            "OnBadCredentials": "forbid",
        }
        cls.stack = Stack(cls.deployment.emulator, parameters, NAME).deploy()
        cls.healthy = cls.check(NAME, *WITHOUT_REQUESTS)

    @classmethod
    def tearDownClass(cls) -> None:
        """Deletes everything, also what a deleted stack retains."""
        retained, client = cls.stack.resources(), cls.deployment.emulator.client
        cls.stack.delete()
        client("dynamodb").delete_table(TableName=retained["RegistryTable"])
        client("logs").delete_log_group(logGroupName=retained["AccessLogGroup"])
        cls.balancers().delete_load_balancer(LoadBalancerArn=cls.load_balancer)
        cls.balancers().delete_target_group(TargetGroupArn=cls.target_group)

    def test_healthy_stack_passes_all_checks_that_the_emulator_supports(self) -> None:
        self.assertEqual(remarkable(self.healthy), EMULATOR_DIFFERENCES | ALB_DIFFERENCES)

    def test_requests_are_checked_on_a_healthy_stack(self) -> None:
        stack = self.deployment.stack
        stack.deploy(OnBadCredentials="forbid")
        try:
            found = self.check(stack.name, "--path", "/orders", "--echo", "/orders")
        finally:
            stack.deploy(OnBadCredentials="unauthorized")
        self.assertEqual(remarkable(found), EMULATOR_DIFFERENCES | REQUEST_DIFFERENCES)

        names = [plan["name"] for plan in self.deployment.admin_request("GET", "/plans").json()["items"]]
        self.assertFalse([name for name in names if name.startswith("check-")])

    def test_invalid_policy_is_found(self) -> None:
        """The template accepts any JSON object as a policy. The authorizer does not start with it."""
        policy = self.stack.parameters["AuthPolicy"]
        self.stack.deploy(AuthPolicy=policy.replace('"rules"', '"rule"'))
        try:
            refusal = self.check(NAME, "--only", "missing-key-refused")["missing-key-refused"]
            self.assertEqual(refusal["status"], "failed")
            self.assertIn("returned 500, expected 403", json.dumps(refusal["details"]))
        finally:
            self.stack.deploy(AuthPolicy=policy)

    def test_each_broken_part_is_found_with_its_hint(self) -> None:
        cases: list[tuple[str, str, Broken]] = [
            ("alb-drops-invalid-headers", "is false", self.invalid_headers_reach_services),
            ("alb-ingress", "0.0.0.0/0", self.group_is_open),
            ("listener-rules-first", "forwards throttled requests", self.other_rule_is_first),
            ("listener-rules-present", "ThrottledRule", self.rule_is_deleted),
            ("identity-headers-overwritten", REMOVED_MAPPING, self.mapping_is_removed),
            ("authorizer-settings", "300", self.decisions_are_cached),
            ("routes-authorized", "GET /open", self.route_is_open),
        ]
        for name, hint, broken in cases:
            with self.subTest(name), broken():
                found = self.check(NAME, *WITHOUT_REQUESTS)
                self.assertEqual(found[name]["status"], "failed", found[name])
                self.assertIn(hint, json.dumps(found[name]["details"]))
                self.assertNotIn(hint, json.dumps(self.healthy[name]["details"]))
                self.assertTrue(found[name]["fix"])

    @contextlib.contextmanager
    def invalid_headers_reach_services(self) -> Iterator[None]:
        self.set_attribute(DROP_INVALID, "false")
        try:
            yield
        finally:
            self.set_attribute(DROP_INVALID, "true")

    @contextlib.contextmanager
    def group_is_open(self) -> Iterator[None]:
        ec2 = self.deployment.emulator.client("ec2")
        rule = {
            "GroupId": self.deployment.network["AlbSecurityGroupId"],
            "IpPermissions": [
                {
                    "IpProtocol": "tcp",
                    "FromPort": LISTENER_PORT,
                    "ToPort": LISTENER_PORT,
                    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
                }
            ],
        }
        ec2.authorize_security_group_ingress(**rule)
        try:
            yield
        finally:
            ec2.revoke_security_group_ingress(**rule)

    @contextlib.contextmanager
    def other_rule_is_first(self) -> Iterator[None]:
        """Moves our rules behind a rule for a path, as an edit in the console can do."""
        arns = [self.stack.resources()[name] for name in ("ThrottledRule", "UnavailableRule")]
        balancers = self.balancers()
        described = balancers.describe_rules(RuleArns=arns)["Rules"]
        before = [{"RuleArn": it["RuleArn"], "Priority": int(it["Priority"])} for it in described]
        last = [it | {"Priority": it["Priority"] + 1000} for it in before]
        other = balancers.create_rule(
            ListenerArn=self.listener,
            Priority=before[0]["Priority"] + 500,
            Conditions=[{"Field": "path-pattern", "Values": ["/orders/*"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": self.target_group}],
        )["Rules"][0]["RuleArn"]
        balancers.set_rule_priorities(RulePriorities=last)
        try:
            yield
        finally:
            balancers.delete_rule(RuleArn=other)
            balancers.set_rule_priorities(RulePriorities=before)

    @contextlib.contextmanager
    def rule_is_deleted(self) -> Iterator[None]:
        balancers, arn = self.balancers(), self.stack.resources()["ThrottledRule"]
        rule = balancers.describe_rules(RuleArns=[arn])["Rules"][0]
        balancers.delete_rule(RuleArn=arn)
        try:
            yield
        finally:
            conditions = [
                {"Field": it["Field"], "HttpHeaderConfig": it["HttpHeaderConfig"]}
                for it in rule["Conditions"]
            ]
            balancers.create_rule(
                ListenerArn=self.listener,
                Priority=int(rule["Priority"]),
                Conditions=conditions,
                Actions=rule["Actions"],
            )

    @contextlib.contextmanager
    def mapping_is_removed(self) -> Iterator[None]:
        gateway, outputs = self.deployment.emulator.client("apigatewayv2"), self.stack.outputs()
        integration = {
            "ApiId": outputs["ApiId"],
            "IntegrationId": outputs["ProtectedIntegrationId"],
        }
        before = gateway.get_integration(**integration)["RequestParameters"]
        removed = {name: value for name, value in before.items() if "user-id" not in name}
        self.assertLess(len(removed), len(before))
        gateway.update_integration(**integration, RequestParameters=removed)
        try:
            yield
        finally:
            gateway.update_integration(**integration, RequestParameters=before)

    @contextlib.contextmanager
    def decisions_are_cached(self) -> Iterator[None]:
        gateway, outputs = self.deployment.emulator.client("apigatewayv2"), self.stack.outputs()
        authorizer = {"ApiId": outputs["ApiId"], "AuthorizerId": outputs["AuthorizerId"]}
        gateway.update_authorizer(**authorizer, AuthorizerResultTtlInSeconds=300)
        try:
            yield
        finally:
            gateway.update_authorizer(**authorizer, AuthorizerResultTtlInSeconds=0)

    @contextlib.contextmanager
    def route_is_open(self) -> Iterator[None]:
        gateway, outputs = self.deployment.emulator.client("apigatewayv2"), self.stack.outputs()
        target = f"integrations/{outputs['ProtectedIntegrationId']}"
        route = gateway.create_route(ApiId=outputs["ApiId"], RouteKey="GET /open", Target=target)
        try:
            yield
        finally:
            gateway.delete_route(ApiId=outputs["ApiId"], RouteId=route["RouteId"])

    @classmethod
    def create_load_balancer(cls) -> None:
        balancers, network = cls.balancers(), cls.deployment.network
        cls.load_balancer = balancers.create_load_balancer(
            Name="internal",
            Type="application",
            Scheme="internal",
            Subnets=network["PrivateSubnetIds"].split(","),
            SecurityGroups=[network["AlbSecurityGroupId"]],
        )["LoadBalancers"][0]["LoadBalancerArn"]
        cls.set_attribute(DROP_INVALID, "true")
        cls.set_attribute(DESYNC_MODE, "defensive")
        cls.target_group = balancers.create_target_group(
            Name="services", Protocol="HTTP", Port=80, VpcId=network["VpcId"], TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        cls.listener = balancers.create_listener(
            LoadBalancerArn=cls.load_balancer,
            Protocol="HTTP",
            Port=LISTENER_PORT,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": cls.target_group}],
        )["Listeners"][0]["ListenerArn"]

    @classmethod
    def set_attribute(cls, name: str, value: str) -> None:
        cls.balancers().modify_load_balancer_attributes(
            LoadBalancerArn=cls.load_balancer, Attributes=[{"Key": name, "Value": value}]
        )

    @classmethod
    def balancers(cls):
        return cls.deployment.emulator.client("elbv2")

    @classmethod
    def check(cls, stack: str, *arguments: str) -> dict[str, dict]:
        return check(cls.deployment.emulator.caller_environment(), stack, *arguments)


class CheckPermissions(StackCase):
    """Runs with IAM policies enforced."""

    def test_documented_policy_permits_every_check(self) -> None:
        policy = json.loads(next(it for it in markdown.blocks(PAGE.read_text(), "json") if "Version" in it))
        administration = "arn:aws:execute-api:REGION:ACCOUNT:API_ID/*/*/_tollgate/v1/*"
        for statement in policy["Statement"]:
            if statement["Resource"] == administration:
                statement["Resource"] = self.deployment.outputs["AdministrationArn"]

        found = self.check_as(policy, "--no-requests")
        # The emulator has names of its own for the permissions of these calls.
        for name in ("alias-current", "concurrency", "event-sources", "function-policies"):
            found.pop(name)
        self.assertEqual(not_checked(found), {})
        self.assertEqual(found["admin-api-reachable"]["status"], "ok")

    def test_missing_permission_is_no_failure(self) -> None:
        allowed = ["cloudformation:DescribeStacks", "cloudformation:ListStackResources"]
        statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}

        found = self.check_as(policy, "--only", "api,functions")
        self.assertIn("needs lambda:GetFunctionConfiguration", not_checked(found)["functions-active"])
        self.assertEqual([it for it in found.values() if it["status"] in ("failed", "error")], [])

    def check_as(self, policy: dict, *arguments: str) -> dict[str, dict]:
        environment = environment_of_user(self.deployment, policy)
        return check(environment, self.deployment.stack.name, *arguments)


def check(environment: dict[str, str], stack: str, *arguments: str) -> dict[str, dict]:
    """Runs the command and returns the outcomes by the ids of the checks."""
    command = [str(EVALUATOR), "check", "--stack", stack, "--json", *arguments]
    environment = {name: it for name, it in environment.items() if name != "TOLLGATE_STACK"}
    result = subprocess.run(
        command,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CHECK_TIMEOUT_S,
    )
    assert result.returncode in (0, 1), result.stderr
    report = json.loads(result.stdout)
    failed = report["counts"]["failed"] + report["counts"]["error"]
    assert (result.returncode == 1) == (failed > 0), result.stdout
    return {outcome["id"]: outcome for outcome in report["checks"]}


def not_checked(found: dict[str, dict]) -> dict[str, list[str]]:
    return {name: it["details"] for name, it in found.items() if it["status"] == "not_checked"}


def remarkable(found: dict[str, dict]) -> dict[str, str]:
    """Returns the statuses that need an explanation: those of checks that did not pass."""
    statuses = {name: outcome["status"] for name, outcome in found.items()}
    return {
        name: status
        for name, status in statuses.items()
        if status not in PASSED and name not in DEPENDENT_ON_OTHER_CASES
    }


PASSED = ("ok", "not_applicable")
# These depend on the requests, logs and alarms of other cases, and on the time since then.
DEPENDENT_ON_OTHER_CASES = (
    "alarms-quiet",
    "authorizer-starts",
    "function-errors",
    "log-groups",
    "metrics-fresh",
    "schedules-fired",
    "sync-succeeded",
)
# What the emulator does not have, in both stacks.
EMULATOR_DIFFERENCES = {
    # The names of its mappings are $context.authorizer.lambda.NAME.
    "identity-headers-overwritten": "failed",
    # Responses are not mapped.
    "response-mappings": "failed",
    # Stages are not throttled.
    "stage-deployed": "failed",
    # Tables have no TTL, no backups and no encryption.
    "tables-ready": "failed",
    # The adapted template does not require TLS.
    "queue-policy": "failed",
    # Alarms are returned without statistics and dimensions.
    "alarms-watch-this-stack": "failed",
    # The stack has no topic.
    "alarms-notify": "warning",
    # CloudFormation creates functions without a VPC.
    "vpc-functions": "failed",
    # Drift is detected for few types of resources.
    "drift": "not_proven",
}
# There are no VPC links and healthy targets.
ALB_DIFFERENCES = {
    "vpc-link-available": "failed",
    "alb-ingress": "failed",
    "targets-healthy": "failed",
}
# Responses are not mapped, so these lack header fields.
REQUEST_DIFFERENCES = {
    # Policies of endpoints are not stored.
    "endpoints-private": "failed",
    # HTTP APIs have no access log.
    "access-log-line": "not_proven",
    "key-admitted": "failed",
    "request-id-returned": "failed",
    "health-answers": "failed",
    # A single %25 is accepted.
    "paths-decoded": "not_proven",
    # The backend is outside the VPC, and the stack has no secret for it.
    "origin-proof": "warning",
    # Only the DNS server of the tests knows these names.
    "nlb-targets-current": "not_proven",
}
