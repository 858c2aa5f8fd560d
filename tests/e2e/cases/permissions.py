"""Every statement of the functions' IAM policies is needed, and only by the operations listed here."""

import contextlib
import itertools
import json
import uuid
from collections.abc import Callable, Iterator

from e2e.cases.case import StackCase
from e2e.cases.compositions import CHARGED, invocation
from e2e.cases.requests import event
from e2e.deployment import ALB_NAME, FOLLOWED_NAME, Deployment
from e2e.emulator_template import statements

REGISTRATIONS = ("register a new address", "register a new address of the ALB")
# The operations that fail without a statement, by its Sid.
NEEDED_BY = {
    "ReadPlansAndKeys": {"reject an unknown key"},
    "ChargeCallers": {"charge a request"},
    "AdministratePlansAndKeys": {"read a plan", "list a plan's keys"},
    "FindAndListKeys": {"list a plan's keys"},
    "ChangeTheseTargetGroups": {*REGISTRATIONS},
    "LookAtTargetGroups": {*REGISTRATIONS, "inspect a target group"},
    "KeepState": {*REGISTRATIONS, "inspect a target group"},
    "ShareThePlacesForSeries": {"count a new series"},
    "ReadPlansAndPolicies": {"charge the parts of a composition"},
    "ChargeParts": {"charge the parts of a composition"},
}
# The emulator does not check these actions. The tests simulate the deployed policy instead.
SIMULATED = {
    "PublishMetrics": ["cloudwatch:PutMetricData"],
    "TakeRecords": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
}
# Not tested here. Lambda itself needs the first two, and the emulator's Lambda needs no permission.
# The next three allow the same actions on one table for different partition keys, which the emulator
# does not distinguish. The others only exist with `SecretArns`, `ThresholdEvents`, `KmsKeyArn`,
# `Tracing` or the value `once` of `PublishMetrics`, which this stack does not set.
NOT_TESTED = [
    "WriteLog",
    "SendFailedEvents",
    "ChargeAndReportCallers",
    "ReadReports",
    "RefundAndGrant",
    "ReadSecrets",
    "DecryptSecrets",
    "DecryptParameters",
    "SendThresholdEvents",
    "ClaimDeliveries",
    "UseKey",
    "DecryptSettings",
    "SendTraces",
]


class Permissions(StackCase):
    def test_every_statement_of_the_template_is_listed_here(self) -> None:
        resources = self.deployment.stack.template["Resources"]
        roles = [resources[name] for name in resources if name.endswith("FunctionRole")]
        sids = {statement["Sid"] for role in roles for statement in statements(role)}
        self.assertEqual(sorted(sids), sorted([*NEEDED_BY, *SIMULATED, *NOT_TESTED]))

    def test_removing_a_statement_breaks_only_the_operations_that_need_it(self) -> None:
        self.enterContext(self.deployment.schedule_of_sync_disabled())
        operations = Operations(self.deployment).by_name()
        self.assertEqual(failures(operations), {}, "with every statement")
        for sid, dependent in NEEDED_BY.items():
            with self.subTest(sid):
                with changed_statement(self.deployment, sid, removed):
                    failed = failures(operations)
                self.assertEqual(set(failed), dependent, failed)
        self.assertEqual(failures(operations), {}, "with every statement again")

    def test_unchecked_actions_are_allowed_only_by_their_statement(self) -> None:
        for sid, actions in SIMULATED.items():
            with self.subTest(sid):
                with changed_statement(self.deployment, sid, unconditional) as role:
                    self.assertEqual(self.simulated_decisions(role, actions), {"allowed"})
                with changed_statement(self.deployment, sid, removed) as role:
                    self.assertEqual(self.simulated_decisions(role, actions), {"implicitDeny"})

    def simulated_decisions(self, role: str, actions: list[str]) -> set[str]:
        iam = self.deployment.emulator.client("iam")
        queue = f"arn:aws:sqs:us-east-1:000000000000:{self.deployment.outputs['MetricsQueueUrl'].rpartition('/')[2]}"
        results = iam.simulate_principal_policy(
            PolicySourceArn=iam.get_role(RoleName=role)["Role"]["Arn"],
            ActionNames=actions,
            ResourceArns=[queue],
        )["EvaluationResults"]
        return {result["EvalDecision"] for result in results}


def removed(_: dict) -> None:
    """Removes a statement."""


def unconditional(statement: dict) -> dict:
    """Removes the condition of a statement, because the simulation cannot evaluate its key."""
    return {name: value for name, value in statement.items() if name != "Condition"}


def failures(operations: dict[str, Callable[[], None]]) -> dict[str, str]:
    failed = {}
    for name, operation in operations.items():
        try:
            operation()
        except AssertionError as error:
            failed[name] = str(error)
    return failed


@contextlib.contextmanager
def changed_statement(
    deployment: Deployment, sid: str, change: Callable[[dict], dict | None]
) -> Iterator[str]:
    """Changes or removes a statement of a deployed role temporarily, and yields the role's name."""
    iam = deployment.emulator.client("iam")
    role, policy, document = find_statement(iam, sid)
    changed = [
        change(entry) if entry.get("Sid") == sid else entry for entry in document["Statement"]
    ]
    changed_document = {**document, "Statement": [entry for entry in changed if entry]}

    try:
        if changed_document["Statement"]:
            iam.put_role_policy(
                RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(changed_document)
            )
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        yield role
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def find_statement(iam, sid: str) -> tuple[str, str, dict]:
    """Returns the role with the statement, and the name and the document of its policy."""
    return next(
        (role, name, document)
        for role, name, document in policies(iam)
        if any(statement.get("Sid") == sid for statement in document["Statement"])
    )


def policies(iam) -> Iterator[tuple[str, str, dict]]:
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            yield (
                name,
                policy,
                iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"],
            )


class Operations:
    """Short operations of the functions. Each prepares its own data."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.plan = deployment.create_plan()
        self.key = deployment.create_key(self.plan)
        self.hosts = itertools.count(1)
        self.nlb = deployment.nlb.resources()["NlbTargetGroup"]
        # Instances keep a plan in memory, so that each composition needs one of its own. `deny` shows
        # that it could not be charged.
        strict = {"on_store_failure": "deny"}
        self.plans = [deployment.create_plan(**strict) for _ in range(len(NEEDED_BY) + 2)]

    def by_name(self) -> dict[str, Callable[[], None]]:
        return {
            "reject an unknown key": self.reject_unknown_key,
            "charge a request": self.charge_request,
            "read a plan": self.read_plan,
            "list a plan's keys": self.list_keys,
            "charge a service's caller": self.charge_service,
            "register a new address": lambda: self.register(self.deployment.target_group),
            "register a new address of the ALB": lambda: self.register(self.nlb),
            "inspect a target group": self.inspect_group,
            "count a new series": self.count_series,
            "charge the parts of a composition": self.charge_parts,
        }

    def reject_unknown_key(self) -> None:
        response, _ = self.deployment.invoke(
            "AuthorizerFunction", event("/orders", {"x-api-key": f"unknown-{uuid.uuid4()}"})
        )
        assert response["errorMessage"] == "Unauthorized", response

    def charge_request(self) -> None:
        response = self.deployment.request("GET", "/orders", self.key["key"])
        assert (
            response.status == 200
            and response.json()["headers"]["x-tollgate-decision"] == "allowed"
        ), response

    def charge_parts(self) -> None:
        plan, key_id = self.plans.pop(), self.key["key_id"]
        context = {"plan": plan, "key_id": key_id, "caller": f"key#{key_id}", "auth": "api_key"}
        response, _ = self.deployment.invoke(
            "ComposerFunction", invocation(CHARGED, decision="allowed", **context)
        )
        assert response["statusCode"] == 200, response

    def read_plan(self) -> None:
        response = self.deployment.admin_request("GET", f"/plans/{self.plan}")
        assert response.status == 200, response

    def list_keys(self) -> None:
        response = self.deployment.admin_request("GET", f"/keys?plan={self.plan}")
        assert response.status == 200, response

    def charge_service(self) -> None:
        response = self.deployment.admin_request(
            "POST", "/decisions", {"subject": "carol", "plan": self.plan}
        )
        assert response.status == 200 and response.json()["decision"] == "allowed", response

    def register(self, group: str) -> None:
        address = f"10.0.1.{next(self.hosts)}"
        self.align_names()
        self.deployment.names.addresses[ALB_NAME if group == self.nlb else FOLLOWED_NAME] += [
            address
        ]
        results, _ = self.deployment.sync()
        assert results[group]["error"] is None and address in self.deployment.targets(group), (
            results
        )

    def inspect_group(self) -> None:
        """Runs alb-sync without anything to change."""
        self.align_names()
        results, _ = self.deployment.sync()
        assert all(group["error"] is None for group in results.values()), results

    def align_names(self) -> None:
        """Makes each name resolve to the addresses in its group, so that they fit into one DNS
        response.
        """
        for name, group in ((FOLLOWED_NAME, self.deployment.target_group), (ALB_NAME, self.nlb)):
            self.deployment.names.addresses[name] = self.deployment.targets(group)

    def count_series(self) -> None:
        before = self.series_count()
        self.deployment.invoke(
            "MetricsPublisherFunction", record(f"service-{uuid.uuid4().hex[:12]}")
        )
        assert self.series_count() > before, "the series was not counted"

    def series_count(self) -> int:
        items = self.deployment.emulator.client("dynamodb").scan(
            TableName=self.deployment.resources["UsageTable"]
        )["Items"]
        return sum(
            len(item["ids"]["NS"]) for item in items if item["id"]["S"].startswith("series#")
        )


def record(service: str) -> dict:
    return {
        "records": [{"service": service, "operation": "Charge", "duration_ms": 20, "success": True}]
    }
