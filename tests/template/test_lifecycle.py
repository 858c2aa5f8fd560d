"""The first deployment of a stack, its deletion, its name, and other stacks in the same account."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import Any

from template import properties
from template.monitoring import ALARM
from template.parameter_sets import SAMPLES, all_stacks, everything_on, required, with_needs
from template.permissions import denial_errors
from template.rust_sources import PACKAGES
from template.nested_stacks import whole
from template.stack import Stack, Unknown, text
from template.templates import Template, walk

TEMPLATE = Template.read("template.yaml")
EVERYTHING = everything_on(TEMPLATE)
MONITORED = {**EVERYTHING, "MetricsNamespace": "", "RegistryTableName": ""}
# The policy of the dead-letter queue of scheduled events.
DEAD_LETTERS_POLICY = "ScheduleDeadLettersPolicy"


def stack(**parameters: str) -> Stack:
    return Stack(TEMPLATE, with_needs(TEMPLATE, parameters))


class FirstDeployment(unittest.TestCase):
    """A failed first deployment is rolled back, and the next attempt must be able to start from
    nothing.
    """

    def test_failed_first_deployment_leaves_nothing_behind(self) -> None:
        for template in Template.all():
            kept = {
                name
                for name, it in template.body["Resources"].items()
                if it.get("DeletionPolicy") == "Retain"
            }
            self.assertEqual(kept, set(), template.path)

    def test_deletion_protection_follows_its_parameter(self) -> None:
        for protection, expected in (("", False), ("false", False), ("true", True)):
            given = {**EVERYTHING, "DeletionProtection": protection, "RegistryTableName": ""}
            self.assertEqual(
                set(protections(Stack(TEMPLATE, given)).values()), {expected}, protection
            )
        protected = protections(Stack(TEMPLATE, given))
        self.assertEqual(protected.keys(), {"RegistryTable", "UsageTable"})


def protections(stack: Stack) -> dict[str, bool]:
    tables = stack.of_type("AWS::DynamoDB::Table").items()
    found = {name: it["DeletionProtectionEnabled"] for name, it in tables}
    for name, balancer in stack.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        attributes = {it["Key"]: it["Value"] for it in balancer["LoadBalancerAttributes"]}
        found[name] = attributes["deletion_protection.enabled"] == "true"
    return found


class Deletion(unittest.TestCase):
    def test_registry_and_access_log_are_kept_after_deletion(self) -> None:
        kept = {
            name: it for name, it in TEMPLATE.body["Resources"].items() if "DeletionPolicy" in it
        }
        policies = {
            name: (it["DeletionPolicy"], it["UpdateReplacePolicy"]) for name, it in kept.items()
        }
        self.assertEqual(
            policies,
            {
                "RegistryTable": ("RetainExceptOnCreate", "Retain"),
                "AccessLogGroup": ("RetainExceptOnCreate", "Retain"),
                "UsageTable": ("Delete", "Delete"),
            },
        )

    def test_previous_version_of_the_authorizer_is_kept_after_an_update(self) -> None:
        resources = stack().body["Resources"].items()
        (version,) = (it for name, it in resources if it["Type"] == "AWS::Lambda::Version")
        self.assertEqual(
            (version["DeletionPolicy"], version["UpdateReplacePolicy"]), ("Retain", "Retain")
        )


class Registry(unittest.TestCase):
    def test_existing_registry_table_replaces_the_stacks_own(self) -> None:
        given = stack(RegistryTableName="restored", CreateDashboard="true")
        self.assertNotIn("RegistryTable", given.resources)
        for name in ("AuthorizerFunction", "LimiterFunction"):
            variables = given.resources[name]["Properties"]["Environment"]["Variables"]
            self.assertEqual(variables["REGISTRY_TABLE"], "restored", name)
        self.assertEqual(given.outputs["RegistryTableName"]["Value"], "restored")
        self.assertIn(
            '"TableName", "restored"',
            text(whole(given).resources["Dashboard"]["Properties"]["DashboardBody"]),
        )
        self.assertIn(
            "restored", text(given.resources["AuthorizerSettingsVersion"]["Properties"]["Content"])
        )

    def test_nothing_refers_to_the_stacks_own_table_if_another_is_given(self) -> None:
        given = stack(RegistryTableName="restored", CreateDashboard="true")
        found = [
            path
            for path, it in walk([whole(given).resources, given.outputs])
            if isinstance(it, Unknown) and "RegistryTable" in it.targets
        ]
        self.assertEqual(found, [])


class OtherStacks(unittest.TestCase):
    """Two stacks in one account and region."""

    def test_alarms_watch_only_metrics_of_their_own_stack(self) -> None:
        for name, alarm in whole(Stack(TEMPLATE, MONITORED)).of_type(ALARM).items():
            for metric in metrics(alarm):
                is_own = any(
                    isinstance(it["Value"], Unknown) for it in metric.get("Dimensions", [])
                )
                self.assertTrue(is_own or text(metric["Namespace"]) == "Tollgate/tollgate", name)

    def test_permissions_alarms_and_functions_use_the_same_namespace(self) -> None:
        for given, expected in (
            (MONITORED, "Tollgate/tollgate"),
            ({**MONITORED, "MetricsNamespace": "Shop"}, "Shop"),
        ):
            deployed = whole(Stack(TEMPLATE, given))
            named = {
                text(it)
                for path, it in walk(deployed.resources)
                if path and path[-1] in ("cloudwatch:namespace", "METRICS_NAMESPACE")
            }
            self.assertEqual(named, {expected})
            alarms = deployed.of_type(ALARM)
            watched = {
                name: text(alarms[name]["Namespace"])
                for name in ("AlbSyncAlarm", "MetricsRejectedAlarm")
            }
            self.assertEqual(set(watched.values()), {expected})

    def test_alb_sync_of_an_example_has_its_own_namespace(self) -> None:
        for template in Template.all():
            for _, default in all_stacks(template)[:1]:
                for function in default.resources.keys() & {"AlbSyncFunction"}:
                    variables = default.resources[function]["Properties"]["Environment"][
                        "Variables"
                    ]
                    self.assertEqual(
                        text(variables["METRICS_NAMESPACE"]), "Tollgate/tollgate", template.path
                    )

    def test_new_stack_does_not_report_missing_metrics(self) -> None:
        watched = whole(stack(PublishMetrics="true", AlarmTopicArn=SAMPLES["AlarmTopicArn"]))
        alarm = watched.of_type(ALARM)["MetricsSilentAlarm"]
        self.assertEqual(alarm["TreatMissingData"], "missing", "a new stack has no data")
        (destination,) = watched.of_type("AWS::Events::ApiDestination").values()
        path = text(destination["InvocationEndpoint"]).removeprefix("${Api.ApiEndpoint}")
        self.assertIn({"Name": "Route", "Value": f"GET {path}"}, alarm["Dimensions"])
        self.assertEqual(
            alarm["InsufficientDataActions"], alarm["AlarmActions"], "missing data are reported"
        )


def metrics(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Metrics" not in alarm:
        yield alarm
    yield from (it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it)


class LongNames(unittest.TestCase):
    def test_stack_may_have_the_longest_name_that_cloudformation_allows(self) -> None:
        name = "s" * 128
        account = "arn:aws:cloudformation:us-east-1:123456789012:stack"
        pseudo = {
            "AWS::StackName": name,
            "AWS::StackId": f"{account}/{name}/01234567-0123-0123-0123-0123456789ab",
        }
        for template in (Template.read("template.yaml"), Template.read("examples/network.yaml")):
            named = whole(Stack(template, everything_on(template) | pseudo))
            self.assertEqual(properties.stack_errors(named), [], template.path)

    def test_dead_letter_queue_admits_exactly_the_rules_that_use_it(self) -> None:
        for label, stack in all_stacks(TEMPLATE):
            rules = {
                name
                for name, it in stack.of_type("AWS::Events::Rule").items()
                for target in it["Targets"]
                if target.get("DeadLetterConfig")
            }
            admitted: set[str] = set()
            policies = stack.of_type("AWS::SQS::QueuePolicy")
            for policy in (it for name, it in policies.items() if name == DEAD_LETTERS_POLICY):
                for statement in policy["PolicyDocument"]["Statement"]:
                    if statement["Effect"] == "Allow":
                        for arn in statement["Condition"]["ArnEquals"]["aws:SourceArn"]:
                            admitted |= set(arn.targets)
            self.assertEqual(admitted, rules, label)


class Functions(unittest.TestCase):
    def test_functions_create_no_log_groups_and_change_no_network_interfaces(self) -> None:
        for template in Template.all():
            stack = Stack(template, everything_on(template))
            for function in sorted(PACKAGES.keys() & stack.resources.keys()):
                self.assertEqual(denial_errors(stack, function), [], f"{template.path}: {function}")

    def test_missing_restrictions_are_found(self) -> None:
        def drop(body: dict[str, Any]) -> None:
            del body["Resources"]["AuthorizerFunction"]["Properties"]["Role"]
            del body["Resources"]["AuthorizerFunctionRole"]

        # SAM then creates a role with its managed policies.
        example = Template.read("examples/rest-api.yaml")
        broken = Stack(example.changed(drop), everything_on(example))
        self.assertEqual(
            denial_errors(broken, "AuthorizerFunction"),
            ["can create log groups", "can change network interfaces"],
        )

    def test_missing_restriction_of_a_function_in_the_vpc_is_found(self) -> None:
        def drop(body: dict[str, Any]) -> None:
            document = body["Resources"]["NetworkInterfacePolicy"]["Properties"]["PolicyDocument"]
            del document["Statement"][1]

        broken = Stack(TEMPLATE.changed(drop), everything_on(TEMPLATE))
        self.assertEqual(
            denial_errors(broken, "AlbSyncFunction"), ["can change network interfaces"]
        )


class Nlb(unittest.TestCase):
    def test_nlb_admits_no_clients_by_default(self) -> None:
        template = Template.read("stacks/nlb.yaml")
        self.assertNotIn("NlbFromClients", Stack(template, required(template)).resources)
        named = Stack(template, {**required(template), "ClientCidr": "10.9.0.0/16"})
        self.assertEqual(named.resources["NlbFromClients"]["Properties"]["CidrIp"], "10.9.0.0/16")

    def test_deletion_protection_of_the_nlb_follows_its_parameter(self) -> None:
        template = Template.read("stacks/nlb.yaml")
        for protection, expected in (("false", False), ("true", True)):
            given = {**required(template), "DeletionProtection": protection}
            self.assertEqual(protections(Stack(template, given)), {"Nlb": expected})

    def test_alb_of_the_example_network_accepts_requests_of_an_http_api(self) -> None:
        network = Stack(Template.read("examples/network.yaml"), {})
        alb = network.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")["Alb"]
        attributes = {it["Key"]: it["Value"] for it in alb["LoadBalancerAttributes"]}
        self.assertEqual(attributes["routing.http.desync_mitigation_mode"], "defensive")
        self.assertEqual(attributes["routing.http.drop_invalid_header_fields.enabled"], "true")
