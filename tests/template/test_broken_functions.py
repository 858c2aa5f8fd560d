"""Errors in the names, settings, permissions and network of functions are found."""

from __future__ import annotations

from typing import Any

from template import (
    environment_variables,
    lambda_functions,
    log_groups,
    nested_stacks,
    network,
    permissions,
    rust_sources,
)
from template.broken_template import TEMPLATE, BrokenTemplateCase, at, with_property
from template.parameter_sets import everything_on, required
from template.stack import Stack

STORE = "crates/store/src/dynamodb/usage_table.rs"


def role_statements(body: dict[str, Any], function: str) -> list[dict[str, Any]]:
    """Returns the statements of a function's role as written."""
    (policy,) = at(body, "Resources", f"{function}Role", "Properties", "Policies")
    return policy["PolicyDocument"]["Statement"]


class BrokenFunctions(BrokenTemplateCase):
    def test_timeout_above_that_of_the_trigger(self) -> None:
        for function, seconds, word in [
            ("AuthorizerFunction", 11, "allows 10"),
            ("LimiterFunction", 29, "allows 28"),
            ("AlbSyncFunction", 60, "allows 59"),
            ("MetricsPublisherFunction", 31, "allows 30"),
            ("LimiterFunction", 1_000, "Lambda allows"),
        ]:
            self.assert_found(
                lambda_functions.findings(
                    TEMPLATE.changed(with_property(function, "Timeout", value=seconds))
                ),
                function,
                word,
            )

    def test_inconsistent_names_and_settings(self) -> None:
        for change, word in [
            (with_property("LimiterFunction", "CodeUri", value="functions/authorizer"), "CodeUri"),
            (with_property("LimiterFunction", "Handler", value="limiter"), "Handler"),
            (
                with_property("LimiterFunction", "LoggingConfig", "SystemLogLevel", value="INFO"),
                "SystemLogLevel",
            ),
            (
                with_property("LimiterFunction", "LoggingConfig", value={"LogFormat": "JSON"}),
                "no log group",
            ),
            (
                lambda it: at(
                    it, "Resources", "LimiterFunction", "Metadata", "BuildProperties"
                ).pop("Binary"),
                "Binary",
            ),
            (
                lambda it: it["Resources"].update(
                    OtherFunction=it["Resources"].pop("LimiterFunction")
                ),
                "OtherFunction",
            ),
        ]:
            self.assert_found(lambda_functions.findings(TEMPLATE.changed(change)), word)

    def test_function_without_an_alarm(self) -> None:
        def change(body: dict[str, Any]) -> None:
            alarms = [
                name
                for name, it in body["Resources"].items()
                if it["Type"] in ("AWS::CloudWatch::Alarm", nested_stacks.NESTED)
            ]
            for name in alarms:
                del body["Resources"][name]

        found = lambda_functions.findings(TEMPLATE.changed(change))
        for function in rust_sources.PACKAGES:
            self.assert_found(found, function, "no alarm")

    def test_logs_that_are_kept_forever_or_trigger_themselves(self) -> None:
        forever = with_property("LimiterLogGroup", "RetentionInDays", value={"Ref": "AWS::NoValue"})
        self.assert_found(
            self.findings_with_everything_on(forever, log_groups.findings),
            "LimiterLogGroup",
            "forever",
        )
        own = with_property(
            "LimiterLogSubscription", "LogGroupName", value={"Ref": "MetricsPublisherLogGroup"}
        )
        self.assert_found(
            self.findings_with_everything_on(own, log_groups.findings),
            "LimiterLogSubscription",
            "own log",
        )

    def test_variable_that_is_not_read_and_variable_that_is_not_set(self) -> None:
        names = (
            environment_variables.PACKAGES["AlbSyncFunction"].variables()
            - environment_variables.NOT_SET["AlbSyncFunction"].keys()
        )
        self.assertEqual(environment_variables.name_errors("AlbSyncFunction", names, False), [])

        changed = names - {"SYNC_TARGETS"} | {"SYNC_TARGET", "DNS_TIMEOUT_MS"}
        found = environment_variables.name_errors("AlbSyncFunction", changed, False)
        self.assert_found(found, "SYNC_TARGET is set but not read")
        self.assert_found(found, "SYNC_TARGETS is read but not set")
        self.assert_found(found, "DNS_TIMEOUT_MS is listed in NOT_SET but is set")

    def test_variable_in_the_template_that_is_not_read(self) -> None:
        template = TEMPLATE.changed(
            with_property("LimiterFunction", "Environment", "Variables", "REGISTRY", value="x")
        )
        stack = Stack(template, everything_on(template))
        found = environment_variables.findings_in(template, [("everything on", stack)])
        self.assert_found(found, "LimiterFunction: REGISTRY is set but not read")

    def test_variables_above_the_limit_of_lambda(self) -> None:
        self.assert_found(
            environment_variables.size_errors({"AUTH_POLICY": "x" * 4_096}), "4107 bytes"
        )

    def errors_of_statement(self, actions: list[str], resource: Any) -> list[str]:
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}],
        }
        policy = {"PolicyName": "changed", "PolicyDocument": document}
        template = TEMPLATE.changed(
            with_property("AuthorizerFunctionRole", "Policies", value=[policy])
        )
        stack = Stack(template, required(template))
        grants = permissions.granted(stack, "AuthorizerFunction")
        return permissions.permission_errors(stack, "AuthorizerFunction", grants)

    def test_missing_permission_to_write_the_log(self) -> None:
        self.assert_found(
            self.errors_of_statement(
                ["logs:PutLogEvents"], {"Fn::GetAtt": ["AuthorizerLogGroup", "Arn"]}
            ),
            "logs:CreateLogStream on AuthorizerLogGroup is stated, but not granted",
        )

    def test_network_interfaces_outside_a_vpc(self) -> None:
        self.assert_found(
            self.errors_of_statement(["ec2:CreateNetworkInterface"], "*"),
            "ec2:CreateNetworkInterface on * is granted, but no service file states it",
        )

    def test_missing_and_unnecessary_actions(self) -> None:
        found = self.errors_of_statement(
            ["dynamodb:GetItem", "dynamodb:Scan"], {"Fn::GetAtt": ["UsageTable", "Arn"]}
        )
        self.assert_found(
            found, "dynamodb:UpdateItem on UsageTable key#* is stated, but not granted"
        )
        self.assert_found(
            found, "dynamodb:GetItem on RegistryTable policy is stated, but not granted"
        )
        self.assert_found(
            found, "dynamodb:Scan on UsageTable is granted, but no service file states it"
        )

    def test_action_on_every_resource(self) -> None:
        self.assert_found(
            self.errors_of_statement(["dynamodb:*"], "*"), "dynamodb:* on * is granted"
        )

    def test_managed_policy(self) -> None:
        change = with_property(
            "AuthorizerFunctionRole",
            "ManagedPolicyArns",
            value=["arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"],
        )
        stack = Stack(TEMPLATE.changed(change), required(TEMPLATE))
        self.assert_found(
            permissions.permission_errors(stack, "AuthorizerFunction", set()),
            "AmazonDynamoDBFullAccess is attached",
        )

    def test_permission_without_a_condition_on_partition_keys(self) -> None:
        def change(body: dict[str, Any]) -> None:
            for statement in role_statements(body, "AlbSyncFunction"):
                statement.pop("Condition", None)

        stack = Stack(TEMPLATE.changed(change), everything_on(TEMPLATE))
        found = permissions.permission_errors(
            stack, "AlbSyncFunction", permissions.granted(stack, "AlbSyncFunction")
        )
        self.assert_found(
            found, "dynamodb:PutItem on UsageTable is granted, but no service file states it"
        )

    def test_audit_record_that_can_be_changed(self) -> None:
        def limit(statement: dict[str, Any]) -> None:
            statement["Action"].remove("dynamodb:DeleteItem")

        def narrow(statement: dict[str, Any]) -> None:
            statement["Condition"]["ForAnyValue:StringLike"] = {
                "dynamodb:LeadingKeys": ["audit#2026-*"]
            }

        for damage in (limit, narrow):

            def change(body: dict[str, Any]) -> None:
                for statement in role_statements(body, "LimiterFunction"):
                    if statement.get("Sid") == "KeepAuditRecords":
                        damage(statement)

            stack = Stack(TEMPLATE.changed(change), everything_on(TEMPLATE))
            found = permissions.permission_errors(
                stack, "LimiterFunction", permissions.granted(stack, "LimiterFunction")
            )
            self.assert_found(found, "can use dynamodb:DeleteItem on audit records")

    def test_condition_that_allows_a_request_without_a_partition_key(self) -> None:
        for function, operator in [
            ("AuthorizerFunction", "Null"),
            ("LimiterFunction", "Null"),
            ("AlbSyncFunction", "Null"),
            ("MetricsPublisherFunction", "Null"),
            ("AuthorizerFunction", "ForAllValues:StringLike"),
        ]:

            def change(body: dict[str, Any]) -> None:
                for statement in role_statements(body, function):
                    if "dynamodb:LeadingKeys" in str(statement.get("Condition")):
                        statement["Condition"].pop(operator, None)

            stack = Stack(TEMPLATE.changed(change), everything_on(TEMPLATE))
            found = permissions.permission_errors(
                stack, function, permissions.granted(stack, function)
            )
            error = (
                "needs ForAllValues:StringLike and Null"
                if operator == "Null"
                else "no service file states it"
            )
            self.assert_found(found, error)

    def test_call_without_a_statement_and_statement_without_a_call(self) -> None:
        for before, after, error in [
            (", dynamodb:UpdateItem on", " on", "calls dynamodb:UpdateItem"),
            (".update_item()", ".put_item()", "calls dynamodb:PutItem"),
            (".update_item()", ".changed()", "states dynamodb:UpdateItem"),
            ("//! IAM:", "//! iam:", "calls dynamodb:GetItem"),
        ]:
            self.assert_found(
                rust_sources.findings({STORE: rust_sources.text(STORE).replace(before, after)}),
                STORE,
                error,
            )

    def test_function_in_the_vpc_without_access_to_a_service(self) -> None:
        inside = {
            "SubnetIds": {"Ref": "PrivateSubnetIds"},
            "SecurityGroupIds": {"Ref": "PrivateSubnetIds"},
        }
        template = TEMPLATE.changed(with_property("AuthorizerFunction", "VpcConfig", value=inside))
        stack = Stack(template, required(TEMPLATE))
        self.assert_found(
            network.stack_errors(stack), "AuthorizerFunction", "cannot reach dynamodb"
        )

    def test_endpoint_without_ingress(self) -> None:
        def change(body: dict[str, Any]) -> None:
            for name, it in list(body["Resources"].items()):
                if it["Type"] == "AWS::EC2::SecurityGroup":
                    it["Properties"]["SecurityGroupIngress"] = []
                if it["Type"] == "AWS::EC2::SecurityGroupIngress":
                    del body["Resources"][name]

        found = network.findings_in(network.stacks_in_vpc(TEMPLATE.changed(change)))
        self.assert_found(
            found, "AlbSyncFunction", "cannot reach elasticloadbalancing", "does not allow"
        )
        self.assert_found(
            found, "MetricsPublisherFunction", "cannot reach monitoring", "does not allow"
        )

    def test_rules_that_do_not_require_endpoints(self) -> None:
        found = network.findings_in(
            network.stacks_in_vpc(TEMPLATE.changed(lambda body: body.update(Rules={})))
        )
        for function, service in [
            ("AlbSyncFunction", "elasticloadbalancing"),
            ("AlbSyncFunction", "dynamodb"),
            ("MetricsPublisherFunction", "monitoring"),
            ("MetricsPublisherFunction", "dynamodb"),
        ]:
            self.assert_found(found, f"{function} is in the VPC and cannot reach {service}")
