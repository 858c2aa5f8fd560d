"""A stack's later life: an update under load, and its end."""

import threading
from collections.abc import Callable

from .emulator import Emulator
from .gateway import Answer
from .journeys.journey import Journey
from .processes import until
from .stack import NAME
from .world import PLAN

REPORTS = {"match": "GET /reports/{id}", "auth": "any", "cost": 5}


class Update(Journey):
    def test_an_update_of_a_plan_and_the_policy_loses_no_request(self) -> None:
        plan = self.world.plan(quotas=[{"limit": 1_000_000, "period": "month"}])
        key = self.world.key(plan)
        with Load(lambda: self.world.request("GET", "/orders", key["key"])) as load:
            wider = self.world.administer("PUT", f"/plans/{plan}", {**PLAN, "throttle": {"rate": 500, "burst": 1000}})
            self.assertEqual(wider.status, 200)
            self.world.stack.deploy(AuthPolicy=self.world.policy(REPORTS))
            load.sees_more()
        self.assertGreater(len(load.answers), 20)
        self.assertEqual({answer.status for answer in load.answers}, {200}, load.failures())
        before = self.used(key["key_id"])
        self.assertEqual(before, len(load.answers), "each was charged once")
        self.assertEqual(self.world.request("GET", "/reports/7", key["key"]).status, 200)
        self.assertEqual(self.used(key["key_id"]) - before, 5, "the new policy is in force")

    def used(self, key_id: str) -> int:
        return self.world.administer("GET", f"/keys/{key_id}/usage").json()["quotas"][0]["usage"][0]


class Load:
    """Requests one after another on two threads, for as long as it is open."""

    def __init__(self, request: Callable[[], Answer]) -> None:
        self.request = request
        self.answers: list[Answer] = []
        self.errors: list[OSError] = []
        self.closing = threading.Event()
        self.threads = [threading.Thread(target=self._send) for _ in range(2)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise AssertionError(f"requests without an answer: {self.errors}")

    def _send(self) -> None:
        while not self.closing.is_set():
            try:
                self.answers.append(self.request())
            except OSError as error:
                self.errors.append(error)

    def sees_more(self) -> None:
        """What comes after a change is part of what it must not lose."""
        enough = len(self.answers) + 10
        until(lambda: len(self.answers) > enough, "requests after the change")

    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status != 200][:3]


class Deletion(Journey):
    def test_a_stack_that_is_deleted_leaves_only_the_registry_and_the_access_log_behind(self) -> None:
        self.world.stack.delete()
        registry, access_log = (self.world.resources[name] for name in ("RegistryTable", "AccessLogGroup"))
        self.assertEqual(left(self.world.emulator), {f"table {registry}", f"log group {access_log}"})


def left(emulator: Emulator) -> set[str]:
    """Everything of the stack's kinds that the account has, but for what the tests have made themselves."""
    of, found = emulator.client, set()
    for kind, name, listed in (
        ("table", None, of("dynamodb").list_tables()["TableNames"]),
        ("function", "FunctionName", of("lambda").list_functions()["Functions"]),
        ("mapping", "UUID", of("lambda").list_event_source_mappings()["EventSourceMappings"]),
        ("api", "ApiId", of("apigatewayv2").get_apis()["Items"]),
        ("log group", "logGroupName", of("logs").describe_log_groups()["logGroups"]),
        ("metric filter", "filterName", of("logs").describe_metric_filters()["metricFilters"]),
        ("rule", "Name", of("events").list_rules()["Rules"]),
        ("queue", None, of("sqs").list_queues().get("QueueUrls", [])),
        ("role", "RoleName", [role for role in of("iam").list_roles()["Roles"] if NAME in role["RoleName"]]),
        ("alarm", "AlarmName", of("cloudwatch").describe_alarms()["MetricAlarms"]),
        ("dashboard", "DashboardName", of("cloudwatch").list_dashboards()["DashboardEntries"]),
        ("load balancer", "LoadBalancerName", of("elbv2").describe_load_balancers()["LoadBalancers"]),
        ("endpoint", "VpcEndpointId", of("ec2").describe_vpc_endpoints()["VpcEndpoints"]),
        ("zone", "Id", of("route53").list_hosted_zones()["HostedZones"]),
        ("settings", "Name", of("appconfig").list_applications()["Items"]),
    ):
        found |= {f"{kind} {entry[name] if name else entry}" for entry in listed}
    groups = {group["TargetGroupName"] for group in of("elbv2").describe_target_groups()["TargetGroups"]}
    found |= {f"target group {name}" for name in groups - {"orders"}}
    own = {group["GroupName"] for group in of("ec2").describe_security_groups()["SecurityGroups"]}
    return found | {f"security group {name}" for name in own - {"alb", "default"}}
