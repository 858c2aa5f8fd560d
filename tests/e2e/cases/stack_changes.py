"""Changes of a stack: an update under load, and the deletion."""

import threading
from collections.abc import Callable

from e2e.aws import AwsEmulator
from e2e.cases.case import StackCase
from e2e.deployment import PLAN
from e2e.stack import NAME
from harness.client import Response
from harness.processes import wait_until

# No month ends during the update.
QUOTA = {"quotas": [{"limit": 1_000_000, "period": "total"}]}
REPORTS_RULE = {"match": "GET /reports/{id}", "auth": "any", "cost": 5}


class Update(StackCase):
    def test_no_request_fails_while_a_plan_and_the_policy_are_updated(self) -> None:
        plan = self.deployment.create_plan(**QUOTA)
        key = self.deployment.create_key(plan)

        with Load(lambda: self.deployment.request("GET", "/orders", key["key"])) as load:
            fields = {**PLAN, **QUOTA, "throttle": {"rate": 500, "burst": 1000}}
            wider = self.deployment.admin_request("PUT", f"/plans/{plan}", fields)
            self.assertEqual(wider.status, 200)
            self.deployment.stack.deploy(AuthPolicy=self.deployment.policy(REPORTS_RULE))
            load.wait_for_more()

        self.assertGreater(len(load.responses), 20)
        self.assertEqual({response.status for response in load.responses}, {200}, load.failures())
        before = self.used(key["key_id"])
        self.assertEqual(before, len(load.responses), "each request is charged once")

        self.assertEqual(self.deployment.request("GET", "/reports/7", key["key"]).status, 200)
        self.assertEqual(self.used(key["key_id"]) - before, 5, "the new policy is in force")

    def used(self, key_id: str) -> int:
        return self.deployment.admin_request("GET", f"/keys/{key_id}/usage").json()["quotas"][0][
            "usage"
        ][0]


class Load:
    """Sends requests in two threads until it is closed."""

    def __init__(self, request: Callable[[], Response]) -> None:
        self.request = request
        self.responses: list[Response] = []
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
            raise AssertionError(f"requests without a response: {self.errors}")

    def _send(self) -> None:
        while not self.closing.is_set():
            try:
                self.responses.append(self.request())
            except OSError as error:
                self.errors.append(error)

    def wait_for_more(self) -> None:
        """Waits for requests after the change, which must not fail either."""
        enough = len(self.responses) + 10
        wait_until(lambda: len(self.responses) > enough, 20, "requests after the change")

    def failures(self) -> list[Response]:
        return [response for response in self.responses if response.status != 200][:3]


class Deletion(StackCase):
    def test_deleted_stack_keeps_only_the_registry_and_the_access_log(self) -> None:
        # A run that ended after the deletion of its log group would create the group again.
        self.deployment.disable_schedule_of_sync()
        self.deployment.stack.delete()
        self.deployment.nlb.delete()
        registry, access_log = (
            self.deployment.resources[name] for name in ("RegistryTable", "AccessLogGroup")
        )
        self.assertEqual(
            remaining_resources(self.deployment.emulator),
            {f"table {registry}", f"log group {access_log}"},
        )

        # The retained log group does not prevent another stack of the same name.
        another = self.deployment.stack.deploy().resources()["AccessLogGroup"]
        self.deployment.stack.delete()
        self.assertNotEqual(another, access_log)


def remaining_resources(emulator: AwsEmulator) -> set[str]:
    """Returns the account's resources of the types in the stack, without those that the tests
    created.
    """
    client, found = emulator.client, set()
    for kind, name, listed in (
        ("table", None, client("dynamodb").list_tables()["TableNames"]),
        ("function", "FunctionName", client("lambda").list_functions()["Functions"]),
        ("mapping", "UUID", client("lambda").list_event_source_mappings()["EventSourceMappings"]),
        ("api", "ApiId", client("apigatewayv2").get_apis()["Items"]),
        ("log group", "logGroupName", client("logs").describe_log_groups()["logGroups"]),
        ("metric filter", "filterName", client("logs").describe_metric_filters()["metricFilters"]),
        ("rule", "Name", client("events").list_rules()["Rules"]),
        ("queue", None, client("sqs").list_queues().get("QueueUrls", [])),
        (
            "role",
            "RoleName",
            [role for role in client("iam").list_roles()["Roles"] if NAME in role["RoleName"]],
        ),
        ("alarm", "AlarmName", client("cloudwatch").describe_alarms()["MetricAlarms"]),
        ("dashboard", "DashboardName", client("cloudwatch").list_dashboards()["DashboardEntries"]),
        (
            "load balancer",
            "LoadBalancerName",
            client("elbv2").describe_load_balancers()["LoadBalancers"],
        ),
        ("endpoint", "VpcEndpointId", client("ec2").describe_vpc_endpoints()["VpcEndpoints"]),
        ("zone", "Id", client("route53").list_hosted_zones()["HostedZones"]),
        ("settings", "Name", client("appconfig").list_applications()["Items"]),
    ):
        found |= {f"{kind} {entry[name] if name else entry}" for entry in listed}

    groups = {
        group["TargetGroupName"]
        for group in client("elbv2").describe_target_groups()["TargetGroups"]
    }
    found |= {f"target group {name}" for name in groups - {"orders"}}
    own = {
        group["GroupName"] for group in client("ec2").describe_security_groups()["SecurityGroups"]
    }
    return found | {f"security group {name}" for name in own - {"alb", "default"}}
