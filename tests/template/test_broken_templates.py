"""Mistakes in what API Gateway, CloudFormation and EventBridge are told."""

from __future__ import annotations

import unittest
from typing import Any

from . import gateway, parameters, properties, references, rules, schedules, withheld
from .broken import TEMPLATE, Broken, of
from .document import Template
from .evaluation import Position, Unknown
from .positions import all_positions, required


class BrokenTemplates(Broken):
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
        policies = [{"DynamoDBReedPolicy": {"TableName": "t"}}, "AWSLambdaFullAcces"]
        change = of("LimiterFunction", "Policies", value=policies)
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
            self.named(self.all_on(change, properties.findings_at), word)

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
        change = of("Api", "Description", value={"Fn::If": ["HasVpcLnk", 1, 2]})
        position = Position(TEMPLATE.changed(change), required(TEMPLATE))
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
        for destination, word in [
            ("overwrite:header.Authorization", "authorization is reserved"),
            ("append:header.x-amz-date", "x-amz-date is reserved"),
            ("remove:header.Via", "via is reserved"),
            ("set:header.a", "set is none of append"),
        ]:
            change = of("ProtectedIntegration", "RequestParameters", destination, value="''")
            self.named(gateway.findings(TEMPLATE.changed(change)), word)

    def test_an_access_log_that_is_not_json(self) -> None:
        change = of("Stage", "AccessLogSettings", "Format", value='{"status":$context.status}')
        self.named(self.all_on(change, gateway.findings_at), "Stage", "not JSON")

    # -- parameters and rules --------------------------------------------------------------------------------

    def test_parameters_that_say_or_do_nothing(self) -> None:
        def change(body: dict[str, Any]) -> None:
            switch = {"Type": "String", "AllowedValues": ["true", "false"], "Default": "false"}
            body["Parameters"]["CreateUnused"] = switch
            body["Parameters"]["Untried"] = {"Type": "String", "Default": "", "Description": "Something."}

        found = parameters.findings(TEMPLATE.changed(change))
        for word in ["used nowhere", "not described", "what it costs"]:
            self.named(found, "CreateUnused", word)
        self.named(found, "CreateUnused", "in no group")
        self.named(found, "Untried", "one value")

    def test_a_rule_with_a_function_that_rules_do_not_have(self) -> None:
        def change(body: dict[str, Any]) -> None:
            joined = {"Fn::Join": ["", [{"Ref": "VpcIdd"}]]}
            body["Rules"]["Joined"] = {"Assertions": [{"Assert": {"Fn::Equals": [joined, ""]}}]}

        found = rules.findings(TEMPLATE.changed(change))
        self.named(found, "Fn::Join is no function of rules")
        self.named(found, "VpcIdd is no parameter")

    # -- withheld headers ------------------------------------------------------------------------------------

    def test_an_integration_that_passes_on_a_withheld_header(self) -> None:
        for integration in ("ProtectedIntegration", "PublicIntegration"):
            for header in (*withheld.OVERRIDES, *TEMPLATE.parameters["KeyHeader"]["AllowedValues"]):

                def change(body: dict[str, Any]) -> None:
                    mappings = body["Resources"][integration]["Properties"]["RequestParameters"]
                    mappings.pop(f"remove:header.{header}")

                self.named(withheld.findings(TEMPLATE.changed(change)), f"{integration} passes {header} on")

    def test_a_rest_api_that_passes_on_a_withheld_header(self) -> None:
        template = Template.read("examples/rest-api.yaml")
        for header in ("x-original-url", "x-api-key"):

            def change(body: dict[str, Any]) -> None:
                path = body["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"]["/"]
                mappings = path["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
                mappings["requestParameters"].pop(f"integration.request.header.{header}")

            self.named(withheld.findings(template.changed(change)), "Api /", f"passes {header} on")

    def test_a_function_that_is_told_of_another_key_header(self) -> None:
        for function in ("AuthorizerFunction", "LimiterFunction"):
            change = of(function, "Environment", "Variables", "KEY_HEADER", value="x-api-key")
            self.named(withheld.findings(TEMPLATE.changed(change)), f"{function} is given 'x-api-key'")


class Evaluation(unittest.TestCase):
    def position(self, value: Any, **given: Any) -> Any:
        return Position(TEMPLATE, {**required(TEMPLATE), **given}).resolve(value)

    def test_what_is_known_is_put_in_and_what_is_not_is_named(self) -> None:
        self.assertEqual(self.position({"Fn::Sub": "${AWS::StackName}-${!Literal}-x"}), "tollgate-${Literal}-x")
        address = "${Api.ApiEndpoint}/health"
        self.assertEqual(self.position({"Fn::Sub": address}), Unknown(address, ("Api",)))
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
