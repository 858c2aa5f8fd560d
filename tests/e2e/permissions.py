"""Each statement of the functions' policies is needed, and by nothing else than what is said here."""

import contextlib
import itertools
import json
import uuid
from collections.abc import Callable, Iterator

from .differences import statements, without
from .journeys.journey import Journey
from .journeys.requests import event
from .world import FOLLOWED

# Which errands a statement's absence breaks, by its Sid.
NEEDED_BY = {
    "ReadPlansAndKeys": {"an unknown key is told from a fault"},
    "ChargeCallers": {"a request is charged"},
    "AdministratePlansAndKeys": {"a plan is read", "a plan's keys are listed"},
    "FindAndListKeys": {"a plan's keys are listed"},
    "ChargeAndReportCallers": {"a service's caller is charged"},
    "ChangeTheseTargetGroups": {"a new address is registered"},
    "LookAtTargetGroups": {"a new address is registered", "a group is looked at"},
    "KeepState": {"a new address is registered", "a group is looked at"},
    "PublishMetrics": {"records are published"},
    "ShareThePlacesForSeries": {"a new series has a place"},
}
# What the emulator does by itself and AWS does with the function's own leave.
NOT_ASKED_FOR = {"TakeRecords"}


class Permissions(Journey):
    def test_every_statement_of_the_template_is_accounted_for(self) -> None:
        functions = [
            resource for resource in self.world.stack.template["Resources"].values()
            if resource["Type"] == "AWS::Serverless::Function"
        ]
        sids = [statement["Sid"] for function in functions for statement in statements(function)]
        self.assertEqual(sorted(sids), sorted([*NEEDED_BY, *NOT_ASKED_FOR]))

    def test_taking_a_statement_away_breaks_what_needs_it_and_nothing_else(self) -> None:
        errands = Errands(self.world).by_name()
        self.assertEqual(failing(errands), {}, "with every statement")
        for sid, needing in NEEDED_BY.items():
            with self.subTest(sid):
                with taken_away(self.world, sid):
                    failed = failing(errands)
                self.assertEqual(set(failed), needing, failed)
        self.assertEqual(failing(errands), {}, "with every statement again")


def failing(errands: dict[str, Callable[[], None]]) -> dict[str, str]:
    failed = {}
    for name, errand in errands.items():
        try:
            errand()
        except AssertionError as error:
            failed[name] = str(error)
    return failed


@contextlib.contextmanager
def taken_away(world, sid: str) -> Iterator[None]:
    """The deployed role's own policy without a statement, for a while."""
    iam = world.emulator.client("iam")
    role, policy, document = next(
        (role, name, document) for role, name, document in policies(iam)
        if any(statement.get("Sid") == sid for statement in document["Statement"])
    )
    lesser = without(document, sid)
    try:
        if lesser["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(lesser))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def policies(iam) -> Iterator[tuple[str, str, dict]]:
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            yield name, policy, iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]


class Errands:
    """Short things that functions do, each with what it finds there made beforehand."""

    def __init__(self, world) -> None:
        self.world = world
        self.plan = world.plan()
        self.key = world.key(self.plan)
        self.hosts = itertools.count(1)

    def by_name(self) -> dict[str, Callable[[], None]]:
        return {
            "an unknown key is told from a fault": self.tell_an_unknown_key,
            "a request is charged": self.charge_a_request,
            "a plan is read": self.read_a_plan,
            "a plan's keys are listed": self.list_keys,
            "a service's caller is charged": self.charge_a_service,
            "a new address is registered": self.register,
            "a group is looked at": self.look_at_a_group,
            "records are published": self.publish,
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

    def register(self) -> None:
        address = f"10.0.1.{next(self.hosts)}"
        self.world.names.addresses[FOLLOWED] = ["10.0.0.5", address]
        self.look_at_a_group()
        health = self.world.emulator.client("elbv2").describe_target_health(TargetGroupArn=self.world.target_group)
        targets = [target["Target"]["Id"] for target in health["TargetHealthDescriptions"]]
        assert address in targets, targets

    def look_at_a_group(self) -> None:
        answer, erred = self.world.invoke("AlbSyncFunction", {})
        assert not erred, answer

    def publish(self) -> None:
        answer, erred = self.world.invoke("MetricsPublisherFunction", record("orders"))
        assert not erred, answer

    def take_a_place(self) -> None:
        before = self.places()
        self.world.invoke("MetricsPublisherFunction", record(f"service-{uuid.uuid4().hex[:12]}"))
        assert self.places() > before, "no place was taken"

    def places(self) -> int:
        items = self.world.emulator.client("dynamodb").scan(TableName=self.world.resources["UsageTable"])["Items"]
        return sum(len(item["ids"]["NS"]) for item in items if item["id"]["S"].startswith("series#"))


def record(service: str) -> dict:
    return {"records": [{"service": service, "operation": "Charge", "duration_ms": 20, "success": True}]}
