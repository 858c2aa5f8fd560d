"""Each statement of the functions' policies is needed, and by nothing else than what is said here."""

import contextlib
import itertools
import json
import uuid
from collections.abc import Callable, Iterator

from .differences import statements
from .journeys.journey import Journey
from .journeys.requests import event
from .world import ALB, FOLLOWED, World

REGISTERED = ("a new address is registered", "a new address of the ALB is registered")
# Which errands a statement's absence breaks, by its Sid.
NEEDED_BY = {
    "ReadPlansAndKeys": {"an unknown key is told from a fault"},
    "ChargeCallers": {"a request is charged"},
    "AdministratePlansAndKeys": {"a plan is read", "a plan's keys are listed"},
    "FindAndListKeys": {"a plan's keys are listed"},
    "ChangeTheseTargetGroups": {"a new address is registered"},
    "ChangeTheTargetGroupOfTheNlb": {"a new address of the ALB is registered"},
    "LookAtTargetGroups": {*REGISTERED, "a group is looked at"},
    "KeepState": {*REGISTERED, "a group is looked at"},
    "ShareThePlacesForSeries": {"a new series has a place"},
}
# What the emulator does without asking: there its evaluation of the deployed policy is asked itself.
EVALUATED = {
    "PublishMetrics": ["cloudwatch:PutMetricData"],
    "TakeRecords": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
}
# Not tried here: the first three permit the same actions on one table for different partition keys, which the emulator
# does not see; the others only exist with `SecretArns`, which this stack does not set.
NOT_TRIED = ["ChargeAndReportCallers", "ReadHistory", "RefundAndGrant", "ReadSecrets", "DecryptSecrets", "DecryptParameters"]


class Permissions(Journey):
    def test_every_statement_of_the_template_is_accounted_for(self) -> None:
        functions = [
            resource for resource in self.world.stack.template["Resources"].values()
            if resource["Type"] == "AWS::Serverless::Function"
        ]
        sids = [statement["Sid"] for function in functions for statement in statements(function)]
        self.assertEqual(sorted(sids), sorted([*NEEDED_BY, *EVALUATED, *NOT_TRIED]))

    def test_taking_a_statement_away_breaks_what_needs_it_and_nothing_else(self) -> None:
        errands = Errands(self.world).by_name()
        self.assertEqual(failing(errands), {}, "with every statement")
        for sid, needing in NEEDED_BY.items():
            with self.subTest(sid):
                with changed(self.world, sid, absent):
                    failed = failing(errands)
                self.assertEqual(set(failed), needing, failed)
        self.assertEqual(failing(errands), {}, "with every statement again")

    def test_what_the_emulator_does_not_ask_for_is_allowed_by_its_statement_alone(self) -> None:
        for sid, actions in EVALUATED.items():
            with self.subTest(sid):
                with changed(self.world, sid, unconditional) as role:
                    self.assertEqual(self.evaluated(role, actions), {"allowed"})
                with changed(self.world, sid, absent) as role:
                    self.assertEqual(self.evaluated(role, actions), {"implicitDeny"})

    def evaluated(self, role: str, actions: list[str]) -> set[str]:
        iam = self.world.emulator.client("iam")
        queue = f"arn:aws:sqs:us-east-1:000000000000:{self.world.outputs['MetricsQueueUrl'].rpartition('/')[2]}"
        results = iam.simulate_principal_policy(
            PolicySourceArn=iam.get_role(RoleName=role)["Role"]["Arn"], ActionNames=actions, ResourceArns=[queue]
        )["EvaluationResults"]
        return {result["EvalDecision"] for result in results}


def absent(_: dict) -> None:
    """No statement."""


def unconditional(statement: dict) -> dict:
    """Without its condition, whose key the emulator's evaluation cannot be told."""
    return {member: value for member, value in statement.items() if member != "Condition"}


def failing(errands: dict[str, Callable[[], None]]) -> dict[str, str]:
    failed = {}
    for name, errand in errands.items():
        try:
            errand()
        except AssertionError as error:
            failed[name] = str(error)
    return failed


@contextlib.contextmanager
def changed(world: World, sid: str, change: Callable[[dict], dict | None]) -> Iterator[str]:
    """The deployed role, for a while, with one statement of its policy changed or gone."""
    iam = world.emulator.client("iam")
    role, policy, document = holder(iam, sid)
    statements = [change(entry) if entry.get("Sid") == sid else entry for entry in document["Statement"]]
    kept = {**document, "Statement": [entry for entry in statements if entry]}
    try:
        if kept["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(kept))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        yield role
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def holder(iam, sid: str) -> tuple[str, str, dict]:
    """The role whose policy has the statement, with that policy's name and document."""
    return next(
        (role, name, document) for role, name, document in policies(iam)
        if any(statement.get("Sid") == sid for statement in document["Statement"])
    )


def policies(iam) -> Iterator[tuple[str, str, dict]]:
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            yield name, policy, iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]


class Errands:
    """Short things that functions do, each with what it finds there made beforehand."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = world.plan()
        self.key = world.key(self.plan)
        self.hosts = itertools.count(1)
        self.nlb = world.resources["NlbTargetGroup"]

    def by_name(self) -> dict[str, Callable[[], None]]:
        return {
            "an unknown key is told from a fault": self.tell_an_unknown_key,
            "a request is charged": self.charge_a_request,
            "a plan is read": self.read_a_plan,
            "a plan's keys are listed": self.list_keys,
            "a service's caller is charged": self.charge_a_service,
            "a new address is registered": lambda: self.register(self.world.target_group),
            "a new address of the ALB is registered": lambda: self.register(self.nlb),
            "a group is looked at": self.look_at_a_group,
            "a new series has a place": self.take_a_place,
        }

    def tell_an_unknown_key(self) -> None:
        answer, _ = self.world.invoke("AuthorizerFunction", event("/orders", {"x-api-key": f"unknown-{uuid.uuid4()}"}))
        assert answer["errorMessage"] == "Unauthorized", answer

    def charge_a_request(self) -> None:
        answer = self.world.request("GET", "/orders", self.key["key"])
        assert answer.status == 200 and answer.json()["headers"]["x-tollgate-decision"] == "allowed", answer

    def read_a_plan(self) -> None:
        answer = self.world.administer("GET", f"/plans/{self.plan}")
        assert answer.status == 200, answer

    def list_keys(self) -> None:
        answer = self.world.administer("GET", f"/keys?plan={self.plan}")
        assert answer.status == 200, answer

    def charge_a_service(self) -> None:
        answer = self.world.administer("POST", "/decisions", {"subject": "carol", "plan": self.plan})
        assert answer.status == 200 and answer.json()["decision"] == "allowed", answer

    def register(self, group: str) -> None:
        address = f"10.0.1.{next(self.hosts)}"
        self.settle()
        self.world.names.addresses[ALB if group == self.nlb else FOLLOWED] += [address]
        found, _ = self.world.sync()
        assert found[group]["error"] is None and address in self.world.targets(group), found

    def look_at_a_group(self) -> None:
        """And find that nothing is to be changed."""
        self.settle()
        found, _ = self.world.sync()
        assert all(group["error"] is None for group in found.values()), found

    def settle(self) -> None:
        """Names show what their groups hold, of which there is never more than one DNS answer takes."""
        for name, group in ((FOLLOWED, self.world.target_group), (ALB, self.nlb)):
            self.world.names.addresses[name] = self.world.targets(group)

    def take_a_place(self) -> None:
        before = self.places()
        self.world.invoke("MetricsPublisherFunction", record(f"service-{uuid.uuid4().hex[:12]}"))
        assert self.places() > before, "no place was taken"

    def places(self) -> int:
        items = self.world.emulator.client("dynamodb").scan(TableName=self.world.resources["UsageTable"])["Items"]
        return sum(len(item["ids"]["NS"]) for item in items if item["id"]["S"].startswith("series#"))


def record(service: str) -> dict:
    return {"records": [{"service": service, "operation": "Charge", "duration_ms": 20, "success": True}]}
