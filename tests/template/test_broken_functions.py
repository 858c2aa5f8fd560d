"""Mistakes in what functions are called, given, allowed and connected to."""

from __future__ import annotations

from typing import Any

from . import functions, logs, network, permissions, sources, variables
from .broken import TEMPLATE, Broken, at, of
from .evaluation import Position
from .positions import required, together

STORE = "crates/usage/src/dynamodb/usage_table.rs"


class BrokenFunctions(Broken):
    # -- functions -------------------------------------------------------------------------------------------

    def test_time_outs_above_those_of_triggers(self) -> None:
        for function, seconds, word in [
            ("AuthorizerFunction", 11, "allows 10"),
            ("LimiterFunction", 29, "allows 28"),
            ("AlbSyncFunction", 60, "allows 59"),
            ("MetricsPublisherFunction", 31, "allows 30"),
            ("LimiterFunction", 1_000, "Lambda's most"),
        ]:
            self.named(functions.findings(TEMPLATE.changed(of(function, "Timeout", value=seconds))), function, word)

    def test_names_and_settings_that_differ_from_the_others(self) -> None:
        for change, word in [
            (of("LimiterFunction", "CodeUri", value="functions/authorizer"), "CodeUri"),
            (of("LimiterFunction", "Handler", value="limiter"), "Handler"),
            (of("LimiterFunction", "LoggingConfig", "SystemLogLevel", value="INFO"), "SystemLogLevel"),
            (of("LimiterFunction", "LoggingConfig", value={"LogFormat": "JSON"}), "no log group"),
            (lambda it: at(it, "Resources", "LimiterFunction", "Metadata", "BuildProperties").pop("Binary"), "Binary"),
            (lambda it: it["Resources"].update(OtherFunction=it["Resources"].pop("LimiterFunction")), "OtherFunction"),
        ]:
            self.named(functions.findings(TEMPLATE.changed(change)), word)

    def test_a_function_that_no_alarm_concerns(self) -> None:
        def change(body: dict[str, Any]) -> None:
            alarms = [name for name, it in body["Resources"].items() if it["Type"] == "AWS::CloudWatch::Alarm"]
            for name in alarms:
                del body["Resources"][name]

        found = functions.findings(TEMPLATE.changed(change))
        for function in sources.PACKAGES:
            self.named(found, function, "no alarm")

    def test_logs_that_are_kept_forever_or_feed_themselves(self) -> None:
        forever = of("LimiterLogGroup", "RetentionInDays", value={"Ref": "AWS::NoValue"})
        self.named(self.all_on(forever, logs.findings_at), "LimiterLogGroup", "forever")
        own = of("LimiterLogSubscription", "LogGroupName", value={"Ref": "MetricsPublisherLogGroup"})
        self.named(self.all_on(own, logs.findings_at), "LimiterLogSubscription", "own log")

    # -- variables -------------------------------------------------------------------------------------------

    def test_a_variable_that_nothing_reads_and_one_that_is_not_set(self) -> None:
        given = variables.PACKAGES["AlbSyncFunction"].variables() - variables.LEFT["AlbSyncFunction"].keys()
        self.assertEqual(variables.mistakes("AlbSyncFunction", given, False), [])
        found = variables.mistakes("AlbSyncFunction", given - {"SYNC_TARGETS"} | {"SYNC_TARGET", "DNS_TIMEOUT_MS"}, False)
        self.named(found, "SYNC_TARGET is set, and nothing reads it")
        self.named(found, "SYNC_TARGETS is read, and neither set")
        self.named(found, "DNS_TIMEOUT_MS is said to be left")

    def test_a_variable_in_the_template_that_nothing_reads(self) -> None:
        template = TEMPLATE.changed(of("LimiterFunction", "Environment", "Variables", "REGISTRY", value="x"))
        found = variables.findings_in(template, [("together", Position(template, together(template)))])
        self.named(found, "LimiterFunction: REGISTRY is set, and nothing reads it")

    def test_more_variables_than_lambda_takes(self) -> None:
        self.named(variables.mistakes_of_size({"AUTH_POLICY": "x" * 4_096}), "4107 bytes")

    # -- permissions -----------------------------------------------------------------------------------------

    def statement(self, actions: list[str], resource: Any) -> list[str]:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]}
        template = TEMPLATE.changed(of("AuthorizerFunction", "Policies", value=[policy]))
        position = Position(template, required(template))
        grants = permissions.granted(position, "AuthorizerFunction")
        return permissions.mistakes(position, "AuthorizerFunction", grants)

    def test_an_action_that_is_missing_and_one_too_many(self) -> None:
        found = self.statement(["dynamodb:GetItem", "dynamodb:Scan"], {"Fn::GetAtt": ["UsageTable", "Arn"]})
        self.named(found, "dynamodb:UpdateItem on UsageTable key#* is stated, and not granted")
        self.named(found, "dynamodb:GetItem on RegistryTable policy is stated, and not granted")
        self.named(found, "dynamodb:Scan on UsageTable is granted, and no service file states it")

    def test_an_action_on_everything(self) -> None:
        self.named(self.statement(["dynamodb:*"], "*"), "dynamodb:* on * is granted")

    def test_a_managed_policy(self) -> None:
        change = of("AuthorizerFunction", "Policies", value=["arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"])
        position = Position(TEMPLATE.changed(change), required(TEMPLATE))
        self.named(permissions.mistakes(position, "AuthorizerFunction", set()), "AmazonDynamoDBFullAccess is attached")

    def test_items_that_are_no_longer_narrowed(self) -> None:
        def change(body: dict[str, Any]) -> None:
            (policy,) = at(body, "Resources", "AlbSyncFunction", "Properties", "Policies")
            for statement in policy["Statement"]:
                statement.pop("Condition", None)

        position = Position(TEMPLATE.changed(change), together(TEMPLATE))
        found = permissions.mistakes(position, "AlbSyncFunction", permissions.granted(position, "AlbSyncFunction"))
        self.named(found, "dynamodb:PutItem on UsageTable is granted, and no service file states it")

    def test_a_condition_on_items_that_a_request_without_a_key_passes(self) -> None:
        for function, operator in [
            ("AuthorizerFunction", "Null"),
            ("LimiterFunction", "Null"),
            ("AlbSyncFunction", "Null"),
            ("MetricsPublisherFunction", "Null"),
            ("AuthorizerFunction", "ForAllValues:StringLike"),
        ]:

            def change(body: dict[str, Any]) -> None:
                (policy,) = at(body, "Resources", function, "Properties", "Policies")
                for statement in policy["Statement"]:
                    if "dynamodb:LeadingKeys" in str(statement.get("Condition")):
                        statement["Condition"].pop(operator)

            position = Position(TEMPLATE.changed(change), together(TEMPLATE))
            found = permissions.mistakes(position, function, permissions.granted(position, function))
            mistake = "needs ForAllValues:StringLike and Null" if operator == "Null" else "no service file states it"
            self.named(found, mistake)

    def test_a_call_that_no_statement_has_and_a_statement_that_no_call_has(self) -> None:
        for before, after, mistake in [
            (", dynamodb:UpdateItem on", " on", "calls dynamodb:UpdateItem"),
            (".update_item()", ".put_item()", "calls dynamodb:PutItem"),
            (".update_item()", ".changed()", "states dynamodb:UpdateItem"),
            ("//! IAM:", "//! iam:", "calls dynamodb:GetItem"),
        ]:
            self.named(sources.findings({STORE: sources.text(STORE).replace(before, after)}), STORE, mistake)

    # -- network ---------------------------------------------------------------------------------------------

    def test_a_function_in_the_vpc_without_a_way_to_what_it_calls(self) -> None:
        inside = {"SubnetIds": {"Ref": "PrivateSubnetIds"}, "SecurityGroupIds": {"Ref": "PrivateSubnetIds"}}
        position = Position(TEMPLATE.changed(of("AuthorizerFunction", "VpcConfig", value=inside)), required(TEMPLATE))
        self.named(network.mistakes(position), "AuthorizerFunction", "no way to dynamodb")

    def test_an_endpoint_that_lets_nobody_in(self) -> None:
        def change(body: dict[str, Any]) -> None:
            for name, it in list(body["Resources"].items()):
                if it["Type"] == "AWS::EC2::SecurityGroup":
                    it["Properties"]["SecurityGroupIngress"] = []
                if it["Type"] == "AWS::EC2::SecurityGroupIngress":
                    del body["Resources"][name]

        found = network.findings_in(network.tried(TEMPLATE.changed(change)))
        self.named(found, "AlbSyncFunction", "no way to elasticloadbalancing", "does not admit")
        self.named(found, "MetricsPublisherFunction", "no way to monitoring", "does not admit")

    def test_rules_that_no_longer_ask_for_endpoints(self) -> None:
        found = network.findings_in(network.tried(TEMPLATE.changed(lambda body: body.update(Rules={}))))
        for function, service in [
            ("AlbSyncFunction", "elasticloadbalancing"),
            ("AlbSyncFunction", "dynamodb"),
            ("MetricsPublisherFunction", "monitoring"),
            ("MetricsPublisherFunction", "dynamodb"),
        ]:
            self.named(found, f"{function} is in the VPC and has no way to {service}")
