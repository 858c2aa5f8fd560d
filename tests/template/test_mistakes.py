"""Each check sees the mistake that it is there for: the template is broken on purpose, in memory."""

from __future__ import annotations

import unittest
from typing import Any, Callable

from . import functions, gateway, logs, network, parameters, permissions, properties, references, rules, schedules, sources, variables
from .document import Template
from .evaluation import Position, Unknown
from .positions import all_positions, required, together

TEMPLATE = Template.read("template.yaml")
STORE = "crates/usage/src/dynamodb/usage_table.rs"


def at(body: dict[str, Any], *path: Any) -> Any:
    for part in path:
        body = body[part]
    return body


def of(resource: str, *path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets a property of a resource."""

    def change(body: dict[str, Any]) -> None:
        at(body, "Resources", resource, "Properties", *path[:-1])[path[-1]] = value

    return change


class Broken(unittest.TestCase):
    def named(self, found: list[str], *words: str) -> None:
        self.assertTrue(any(all(word in it for word in words) for it in found), found)

    def everywhere(self, template: Template, check: Callable[[Position], list[str]]) -> list[str]:
        return check(Position(template, together(template)))

    # -- schedules -------------------------------------------------------------------------------------------

    def test_a_rate_of_1_minutes(self) -> None:
        change = of("AlbSyncFunction", "Events", "EveryMinute", "Properties", "Schedule", value="rate(1 minutes)")
        self.named(schedules.findings(TEMPLATE.changed(change)), "AlbSyncFunction", "rate(1 minutes)", "singular")

    def test_schedules_that_eventbridge_would_refuse(self) -> None:
        refused = ["rate(2 minute)", "rate(0 minutes)", "rate(1 week)", "every minute", "cron(0 12 * * *)"]
        refused += ["cron(0 12 * * * *)", "cron(0 12 ? * ? *)", "cron(0 noon * * ? *)"]
        for schedule in refused:
            self.assertIsNotNone(schedules.mistake(schedule), schedule)
        for schedule in ["rate(1 minute)", "rate(15 minutes)", "rate(1 day)", "cron(0/5 8-18 ? * MON-FRI *)"]:
            self.assertIsNone(schedules.mistake(schedule), schedule)

    # -- properties ------------------------------------------------------------------------------------------

    def test_a_misspelt_property_of_sam(self) -> None:
        found = properties.findings(TEMPLATE.changed(of("LimiterFunction", "Timeot", value=3)))
        self.named(found, "LimiterFunction", "Timeot")

    def test_a_misspelt_property_within_one(self) -> None:
        change = of("AlbSyncFunction", "EventInvokeConfig", "MaximumRetryAttempt", value=0)
        self.named(properties.findings(TEMPLATE.changed(change)), "MaximumRetryAttempt")

    def test_a_policy_template_that_does_not_exist(self) -> None:
        change = of("LimiterFunction", "Policies", value=[{"DynamoDBReedPolicy": {"TableName": "t"}}, "AWSLambdaFullAcces"])
        found = properties.findings(TEMPLATE.changed(change))
        self.named(found, "LimiterFunction", "DynamoDBReedPolicy")
        self.named(found, "AWSLambdaFullAcces")

    def test_values_that_only_the_service_knows_to_be_wrong(self) -> None:
        for change, word in [
            (of("VpcLink", "SecurityGroupId", value=["sg-1"]), "SecurityGroupId"),
            (of("ProtectedIntegration", "ConnectionType", value="VPCLINK"), "VPCLINK"),
            (of("ProtectedIntegration", "TimeoutInMillis", value=31_000), "31000"),
            (of("LimiterFunction", "Runtime", value="provided.al2032"), "provided.al2032"),
            (of("AuthorizerFaultsAlarm", "ComparisonOperator", value="GreaterThanTreshold"), "GreaterThanTreshold"),
            (of("UsageTable", "BillingMode", value="PAY_PER_REQEST"), "PAY_PER_REQEST"),
        ]:
            self.named(self.everywhere(TEMPLATE.changed(change), properties.findings_at), word)

    # -- references and emptiness ----------------------------------------------------------------------------

    def test_a_reference_to_what_a_condition_has_taken_away(self) -> None:
        change = of("Stage", "Description", value={"Ref": "MetricsQueue"})
        position = Position(TEMPLATE.changed(change), required(TEMPLATE))
        self.named(references.findings(position), "Stage", "MetricsQueue", "not there in this position")

    def test_references_in_text_dependencies_and_outputs(self) -> None:
        def change(body: dict[str, Any]) -> None:
            body["Resources"]["Stage"]["Properties"]["Description"] = {"Fn::Sub": "of ${VpcLnik}"}
            body["Resources"]["Api"]["DependsOn"] = "MetricsQueue"
            body["Outputs"]["Queue"] = {"Value": {"Fn::GetAtt": ["MetricsQueue", "Arn"]}}

        found = references.findings(Position(TEMPLATE.changed(change), required(TEMPLATE)))
        self.named(found, "Resources.Stage", "no VpcLnik")
        self.named(found, "Resources.Api.DependsOn", "MetricsQueue")
        self.named(found, "Outputs.Queue", "MetricsQueue")

    def test_lists_that_are_empty_in_one_position(self) -> None:
        change = of("Api", "CorsConfiguration", value={"AllowOrigins": {"Ref": "AllowedOrigins"}})
        position = Position(TEMPLATE.changed(change), required(TEMPLATE))
        self.named(references.findings(position), "Api.CorsConfiguration.AllowOrigins", "empty")

    def test_a_condition_that_does_not_exist(self) -> None:
        position = Position(TEMPLATE.changed(of("Api", "Description", value={"Fn::If": ["HasVpcLnk", 1, 2]})), required(TEMPLATE))
        self.named(references.findings(position), "no condition HasVpcLnk")

    # -- API Gateway -----------------------------------------------------------------------------------------

    def test_names_that_the_context_does_not_have(self) -> None:
        for source, word in [
            ("$context.authorizer.lambda.plan", "no lambda.plan"),
            ("$context.authorizer.user", "no user"),
            ("${context.requestID}/1", "$context.requestID"),
            ("$context.resourcePath", "$context.resourcePath"),
        ]:
            change = of("ProtectedIntegration", "RequestParameters", "overwrite:header.x-tollgate-plan", value=source)
            self.named(gateway.findings(TEMPLATE.changed(change)), "ProtectedIntegration", word)

    def test_headers_that_cannot_be_mapped(self) -> None:
        for destination in ["overwrite:header.Authorization", "append:header.x-amz-date", "remove:header.Via", "set:header.a"]:
            change = of("ProtectedIntegration", "RequestParameters", destination, value="''")
            self.named(gateway.findings(TEMPLATE.changed(change)), destination.partition(":")[0] if destination[0] == "s" else "reserved")

    def test_an_access_log_that_is_not_json(self) -> None:
        change = of("Stage", "AccessLogSettings", "Format", value='{"status":$context.status}')
        self.named(self.everywhere(TEMPLATE.changed(change), gateway.findings_at), "Stage", "not JSON")

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
            (of("LimiterFunction", "LoggingConfig", value={"LogFormat": "JSON", "SystemLogLevel": "WARN"}), "no log group"),
            (lambda body: at(body, "Resources", "LimiterFunction", "Metadata", "BuildProperties").update(Binary="x"), "Binary"),
            (lambda body: body["Resources"].update(OtherFunction=body["Resources"].pop("LimiterFunction")), "OtherFunction"),
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
        template = TEMPLATE.changed(lambda body: at(body, "Resources", "LimiterLogGroup", "Properties").pop("RetentionInDays"))
        self.named(self.everywhere(template, logs.findings_at), "LimiterLogGroup", "forever")
        template = TEMPLATE.changed(of("LimiterLogSubscription", "LogGroupName", value={"Ref": "MetricsPublisherLogGroup"}))
        self.named(self.everywhere(template, logs.findings_at), "LimiterLogSubscription", "own log")

    # -- variables -------------------------------------------------------------------------------------------

    def test_a_variable_that_nothing_reads_and_one_that_is_not_set(self) -> None:
        given = variables.PACKAGES["AlbSyncFunction"].variables() - variables.LEFT["AlbSyncFunction"].keys()
        self.assertEqual(variables.mistakes("AlbSyncFunction", given, False), [])
        found = variables.mistakes("AlbSyncFunction", given - {"SYNC_TARGETS"} | {"SYNC_TARGET", "DRY_RUN"}, False)
        self.named(found, "SYNC_TARGET is set, and nothing reads it")
        self.named(found, "SYNC_TARGETS is read, and neither set")
        self.named(found, "DRY_RUN is said to be left")

    def test_a_variable_in_the_template_that_nothing_reads(self) -> None:
        change = of("LimiterFunction", "Environment", "Variables", "REGISTRY", value="x")
        self.named(variables.findings(TEMPLATE.changed(change)), "LimiterFunction: REGISTRY is set, and nothing reads it")

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
        self.named(found, "dynamodb:UpdateItem on UsageTable is stated, and not granted")
        self.named(found, "dynamodb:GetItem on RegistryTable is stated, and not granted")
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

    def test_a_call_that_no_statement_has_and_a_statement_that_no_call_has(self) -> None:
        source = sources.text(STORE)
        self.named(sources.findings({STORE: source.replace(", dynamodb:UpdateItem on", " on")}), STORE, "calls dynamodb:UpdateItem")
        self.named(sources.findings({STORE: source.replace(".update_item()", ".put_item()")}), STORE, "calls dynamodb:PutItem")
        self.named(sources.findings({STORE: source.replace(".update_item()", ".changed()")}), STORE, "states dynamodb:UpdateItem")
        self.named(sources.findings({STORE: source.replace("//! IAM:", "//! iam:")}), STORE, "calls dynamodb:GetItem")

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

    # -- parameters and rules --------------------------------------------------------------------------------

    def test_parameters_that_say_or_do_nothing(self) -> None:
        def change(body: dict[str, Any]) -> None:
            body["Parameters"]["CreateUnused"] = {"Type": "String", "AllowedValues": ["true", "false"], "Default": "false"}
            body["Parameters"]["Untried"] = {"Type": "String", "Default": "", "Description": "Something."}

        found = parameters.findings(TEMPLATE.changed(change))
        for words in [("CreateUnused", "used nowhere"), ("CreateUnused", "not described"), ("CreateUnused", "what it costs")]:
            self.named(found, *words)
        self.named(found, "CreateUnused", "in no group")
        self.named(found, "Untried", "one value")

    def test_a_rule_with_a_function_that_rules_do_not_have(self) -> None:
        def change(body: dict[str, Any]) -> None:
            body["Rules"]["Joined"] = {"Assertions": [{"Assert": {"Fn::Equals": [{"Fn::Join": ["", [{"Ref": "VpcIdd"}]]}, ""]}}]}

        found = rules.findings(TEMPLATE.changed(change))
        self.named(found, "Fn::Join is no function of rules")
        self.named(found, "VpcIdd is no parameter")


class Evaluation(unittest.TestCase):
    def position(self, value: Any, **given: Any) -> Any:
        return Position(TEMPLATE, {**required(TEMPLATE), **given}).resolve(value)

    def test_what_is_known_is_put_in_and_what_is_not_is_named(self) -> None:
        self.assertEqual(self.position({"Fn::Sub": "${AWS::StackName}-${!Literal}-x"}), "tollgate-${Literal}-x")
        self.assertEqual(self.position({"Fn::Sub": "${Api.ApiEndpoint}/health"}), Unknown("${Api.ApiEndpoint}/health", ("Api",)))
        self.assertEqual(self.position({"Fn::Join": [",", {"Ref": "AllowedOrigins"}]}, AllowedOrigins="a, b"), "a,b")
        self.assertEqual(self.position({"Fn::Select": [1, {"Fn::Split": ["/", "a/b"]}]}), "b")
        self.assertEqual(self.position([{"Ref": "AWS::NoValue"}, {"Fn::If": ["HasVpcLink", 1, 2]}]), [1])
        self.assertEqual(self.position({"a": {"Ref": "AWS::NoValue"}, "b": {"Ref": "MaxSeries"}}), {"b": 500})

    def test_positions_are_the_same_in_each_run_and_take_every_parameter_to_each_of_its_ends(self) -> None:
        labels = [label for label, _ in all_positions(TEMPLATE)]
        self.assertEqual(labels, [label for label, _ in all_positions(Template.read("template.yaml"))])
        for name, parameter in TEMPLATE.parameters.items():
            tried = {str(position.given[name]) for _, position in all_positions(TEMPLATE)}
            wanted = {str(value) for value in parameter.get("AllowedValues", [])}
            self.assertTrue(wanted <= tried or len(wanted) > 4, name)
