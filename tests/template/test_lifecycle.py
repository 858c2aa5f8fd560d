"""What a stack leaves behind, shares with others, and can be given: its first deployment, its end, its long name."""

from __future__ import annotations

import unittest
from typing import Any, Iterator
from unittest import mock

from . import evaluation, properties
from .document import Template, walk
from .eyes import ALARM
from .evaluation import Position, Unknown
from .metrics import text
from .permissions import mistakes_of_denials
from .positions import SAMPLES, all_positions, together, with_needs
from .sources import PACKAGES

TEMPLATE = Template.read("template.yaml")
EVERYTHING = together(TEMPLATE)
WATCHED = {**EVERYTHING, "MetricsNamespace": "", "RegistryTableName": ""}


def position(**parameters: str) -> Position:
    return Position(TEMPLATE, with_needs(TEMPLATE, parameters))


class FirstDeployment(unittest.TestCase):
    """One that fails is rolled back, and the next attempt starts anew."""

    def test_nothing_is_kept_that_a_failed_first_deployment_created(self) -> None:
        for template in Template.all():
            kept = {name for name, it in template.body["Resources"].items() if it.get("DeletionPolicy") == "Retain"}
            self.assertEqual(kept, set(), template.path)

    def test_nothing_refuses_its_deletion_unless_the_parameter_says_so(self) -> None:
        for protection, expected in (("", False), ("false", False), ("true", True)):
            given = {**EVERYTHING, "DeletionProtection": protection, "RegistryTableName": ""}
            self.assertEqual(set(protections(Position(TEMPLATE, given)).values()), {expected}, protection)
        protected = protections(Position(TEMPLATE, given))
        self.assertEqual(protected.keys(), {"RegistryTable", "UsageTable", "Nlb"})


def protections(position: Position) -> dict[str, bool]:
    tables = position.of_type("AWS::DynamoDB::Table").items()
    found = {name: it["DeletionProtectionEnabled"] for name, it in tables}
    for name, balancer in position.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        attributes = {it["Key"]: it["Value"] for it in balancer["LoadBalancerAttributes"]}
        found[name] = attributes["deletion_protection.enabled"] == "true"
    return found


class Deletion(unittest.TestCase):
    def test_keys_and_the_record_of_administrators_outlive_the_stack(self) -> None:
        kept = {name: it for name, it in TEMPLATE.body["Resources"].items() if "DeletionPolicy" in it}
        policies = {name: (it["DeletionPolicy"], it["UpdateReplacePolicy"]) for name, it in kept.items()}
        self.assertEqual(policies, {
            "RegistryTable": ("RetainExceptOnCreate", "Retain"),
            "AccessLogGroup": ("RetainExceptOnCreate", "Retain"),
            "UsageTable": ("Delete", "Delete"),
        })

    def test_a_changed_parameter_keeps_the_previous_version_of_the_authorizer(self) -> None:
        resources = position().body["Resources"].items()
        (version,) = (it for name, it in resources if it["Type"] == "AWS::Lambda::Version")
        self.assertEqual((version["DeletionPolicy"], version["UpdateReplacePolicy"]), ("Retain", "Retain"))


class Registry(unittest.TestCase):
    def test_an_existing_table_takes_the_place_of_the_stacks_own(self) -> None:
        given = position(RegistryTableName="restored", CreateDashboard="true")
        self.assertNotIn("RegistryTable", given.present)
        for name in ("AuthorizerFunction", "LimiterFunction"):
            variables = given.resources[name]["Properties"]["Environment"]["Variables"]
            self.assertEqual(variables["REGISTRY_TABLE"], "restored", name)
        self.assertEqual(given.outputs["RegistryTableName"]["Value"], "restored")
        self.assertIn('"TableName", "restored"', text(given.resources["Dashboard"]["Properties"]["DashboardBody"]))
        self.assertIn("restored", text(given.resources["AuthorizerSettingsVersion"]["Properties"]["Content"]))

    def test_nothing_refers_to_the_stacks_own_table_if_there_is_another(self) -> None:
        given = position(RegistryTableName="restored", CreateDashboard="true")
        found = [path for path, it in walk([given.resources, given.outputs])
                 if isinstance(it, Unknown) and "RegistryTable" in it.targets]
        self.assertEqual(found, [])


class Neighbours(unittest.TestCase):
    """Two stacks of one account and region."""

    def test_no_alarm_watches_a_metric_that_another_stack_publishes_too(self) -> None:
        for name, alarm in Position(TEMPLATE, WATCHED).of_type(ALARM).items():
            for metric in metrics(alarm):
                ours = any(isinstance(it["Value"], Unknown) for it in metric.get("Dimensions", []))
                self.assertTrue(ours or text(metric["Namespace"]) == "Tollgate/tollgate", name)

    def test_permissions_alarms_and_functions_name_the_same_namespace(self) -> None:
        for given, expected in ((WATCHED, "Tollgate/tollgate"), ({**WATCHED, "MetricsNamespace": "Shop"}, "Shop")):
            deployed = Position(TEMPLATE, {**given, "DedicatedVpc": "true"})
            named = {text(it) for path, it in walk(deployed.resources)
                     if path and path[-1] in ("cloudwatch:namespace", "METRICS_NAMESPACE")}
            self.assertEqual(named, {expected})
            alarms = deployed.of_type(ALARM)
            watched = {name: text(alarms[name]["Namespace"]) for name in ("AlbSyncAlarm", "MetricsRejectedAlarm")}
            self.assertEqual(set(watched.values()), {expected})

    def test_gauges_of_an_examples_alb_sync_are_its_own(self) -> None:
        for template in Template.all():
            for label, there in all_positions(template)[:1]:
                for function in there.resources.keys() & {"AlbSyncFunction"}:
                    variables = there.resources[function]["Properties"]["Environment"]["Variables"]
                    self.assertEqual(text(variables["METRICS_NAMESPACE"]), "Tollgate/tollgate", template.path)

    def test_a_new_stack_does_not_report_silence(self) -> None:
        watched = position(PublishMetrics="true", AlarmTopicArn=SAMPLES["AlarmTopicArn"])
        alarm = watched.of_type(ALARM)["MetricsSilentAlarm"]
        self.assertEqual(alarm["TreatMissingData"], "missing", "it begins without data")
        self.assertEqual(alarm["InsufficientDataActions"], alarm["AlarmActions"], "silence is told")


def metrics(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Metrics" not in alarm:
        yield alarm
    yield from (it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it)


class LongNames(unittest.TestCase):
    def test_a_stack_may_have_the_longest_name_that_cloudformation_takes(self) -> None:
        name = "s" * 128
        account = "arn:aws:cloudformation:us-east-1:123456789012:stack"
        pseudo = {"AWS::StackName": name, "AWS::StackId": f"{account}/{name}/01234567-0123-0123-0123-0123456789ab"}
        with mock.patch.dict(evaluation.PSEUDO, pseudo):
            for template in (Template.read("template.yaml"), Template.read("examples/network.yaml")):
                self.assertEqual(properties.findings_at(Position(template, together(template))), [], template.path)

    def test_a_queue_for_failed_events_takes_them_from_each_rule_that_names_it_by_its_arn(self) -> None:
        for label, there in all_positions(TEMPLATE):
            rules = {
                name for name, it in there.of_type("AWS::Events::Rule").items()
                for target in it["Targets"] if target.get("DeadLetterConfig")
            }
            admitted: set[str] = set()
            for policy in there.of_type("AWS::SQS::QueuePolicy").values():
                (statement,) = policy["PolicyDocument"]["Statement"]
                for arn in statement["Condition"]["ArnEquals"]["aws:SourceArn"]:
                    admitted |= set(arn.targets)
            self.assertEqual(admitted, rules, label)


class Functions(unittest.TestCase):
    def test_what_managed_policies_allow_is_denied_to_each_function(self) -> None:
        for template in (TEMPLATE, Template.read("examples/rest-api.yaml")):
            there = Position(template, together(template))
            for function in sorted(PACKAGES.keys() & there.present):
                self.assertEqual(mistakes_of_denials(there, function), [], f"{template.path}: {function}")

    def test_a_missing_denial_is_found(self) -> None:
        for dropped, said in ((0, "may create log groups"), (1, "may touch network interfaces")):
            def drop(body: dict[str, Any], index: int = dropped) -> None:
                del body["Resources"]["LimiterFunction"]["Properties"]["Policies"][0]["Statement"][index]

            broken = Position(TEMPLATE.changed(drop), together(TEMPLATE))
            self.assertEqual(mistakes_of_denials(broken, "LimiterFunction"), [said])


class Nlb(unittest.TestCase):
    def test_clients_of_endpoints_do_not_reach_the_nlb(self) -> None:
        given = position(CreateNlb="true", CreateMonitoringEndpoint="true")
        self.assertEqual(given.values["EndpointClientCidr"], SAMPLES["EndpointClientCidr"])
        self.assertNotIn("NlbFromClients", given.present)
        named = position(CreateNlb="true", NlbClientCidr="10.9.0.0/16")
        self.assertEqual(named.resources["NlbFromClients"]["Properties"]["CidrIp"], "10.9.0.0/16")

    def test_the_example_networks_nlb_admits_nobody_by_default(self) -> None:
        network = Template.read("examples/network.yaml")
        for given, admitted in (({}, []), ({"NlbClientCidr": "10.9.0.0/16"}, ["10.9.0.0/16"])):
            group = Position(network, given).of_type("AWS::EC2::SecurityGroup")["NlbSecurityGroup"]
            self.assertEqual([it["CidrIp"] for it in group.get("SecurityGroupIngress", [])], admitted)

    def test_the_example_networks_alb_leaves_requests_of_an_http_api_alone(self) -> None:
        network = Position(Template.read("examples/network.yaml"), {})
        alb = network.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")["Alb"]
        attributes = {it["Key"]: it["Value"] for it in alb["LoadBalancerAttributes"]}
        self.assertEqual(attributes["routing.http.desync_mitigation_mode"], "defensive")
        self.assertEqual(attributes["routing.http.drop_invalid_header_fields.enabled"], "true")
