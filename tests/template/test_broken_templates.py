"""Errors in properties, references, mappings, schedules, parameters and rules are found."""

from __future__ import annotations

import unittest
from typing import Any

from template import (
    api_gateway,
    parameters,
    properties,
    references,
    rules,
    schedules,
    withheld_headers,
)
from template.broken_template import TEMPLATE, BrokenTemplateCase, with_property
from template.parameter_sets import all_stacks, labelled_sets, required
from template.stack import Stack, Unknown, without_calls
from template.templates import Template


class BrokenTemplates(BrokenTemplateCase):
    def test_rate_of_1_minutes(self) -> None:
        change = with_property(
            "AlbSyncFunction",
            "Events",
            "EveryMinute",
            "Properties",
            "Schedule",
            value="rate(1 minutes)",
        )
        self.assert_found(
            schedules.findings(TEMPLATE.changed(change)),
            "AlbSyncFunction",
            "rate(1 minutes)",
            "singular",
        )

    def test_invalid_schedules(self) -> None:
        invalid = [
            "rate(2 minute)",
            "rate(0 minutes)",
            "rate(1 week)",
            "every minute",
            "cron(0 12 * * *)",
        ]
        invalid += ["cron(0 12 * * * *)", "cron(0 12 ? * ? *)", "cron(0 noon * * ? *)"]
        for schedule in invalid:
            self.assertIsNotNone(schedules.schedule_error(schedule), schedule)
        for schedule in [
            "rate(1 minute)",
            "rate(15 minutes)",
            "rate(1 day)",
            "cron(0/5 8-18 ? * MON-FRI *)",
        ]:
            self.assertIsNone(schedules.schedule_error(schedule), schedule)

    def test_misspelt_property_of_sam(self) -> None:
        found = properties.findings(
            TEMPLATE.changed(with_property("LimiterFunction", "Timeot", value=3))
        )
        self.assert_found(found, "LimiterFunction", "Timeot")

    def test_misspelt_nested_property_of_sam(self) -> None:
        change = with_property(
            "AlbSyncFunction", "EventInvokeConfig", "MaximumRetryAttempt", value=0
        )
        self.assert_found(properties.findings(TEMPLATE.changed(change)), "MaximumRetryAttempt")

    def test_unknown_policy_template(self) -> None:
        policies = [{"DynamoDBReedPolicy": {"TableName": "t"}}, "AWSLambdaFullAcces"]
        change = with_property("LimiterFunction", "Policies", value=policies)
        found = properties.findings(TEMPLATE.changed(change))
        self.assert_found(found, "LimiterFunction", "DynamoDBReedPolicy")
        self.assert_found(found, "AWSLambdaFullAcces")

    def test_values_that_the_service_rejects(self) -> None:
        for change, word in [
            (with_property("VpcLink", "SecurityGroupId", value=["sg-1"]), "SecurityGroupId"),
            (with_property("ProtectedIntegration", "ConnectionType", value="VPCLINK"), "VPCLINK"),
            (with_property("ProtectedIntegration", "TimeoutInMillis", value=31_000), "31000"),
            (
                with_property("LimiterFunction", "Runtime", value="provided.al2032"),
                "provided.al2032",
            ),
            (
                with_property(
                    "AuthorizerFaultsAlarm", "ComparisonOperator", value="GreaterThanTreshold"
                ),
                "GreaterThanTreshold",
            ),
            (with_property("UsageTable", "BillingMode", value="PAY_PER_REQEST"), "PAY_PER_REQEST"),
        ]:
            self.assert_found(
                self.findings_with_everything_on(change, properties.stack_errors), word
            )

    def test_reference_to_a_resource_whose_condition_is_false(self) -> None:
        change = with_property("Stage", "Description", value={"Ref": "MetricsQueue"})
        stack = Stack(TEMPLATE.changed(change), required(TEMPLATE))
        self.assert_found(
            references.findings(stack), "Stage", "the condition of MetricsQueue is false"
        )

    def test_broken_references_in_strings_dependencies_and_outputs(self) -> None:
        def change(body: dict[str, Any]) -> None:
            body["Resources"]["Stage"]["Properties"]["Description"] = {"Fn::Sub": "of ${VpcLnik}"}
            body["Resources"]["Api"]["DependsOn"] = "MetricsQueue"
            body["Outputs"]["Queue"] = {"Value": {"Fn::GetAtt": ["MetricsQueue", "Arn"]}}

        found = references.findings(Stack(TEMPLATE.changed(change), required(TEMPLATE)))
        self.assert_found(found, "Resources.Stage", "no VpcLnik")
        self.assert_found(found, "Resources.Api.DependsOn", "MetricsQueue")
        self.assert_found(found, "Outputs.Queue", "MetricsQueue")

    def test_list_that_is_empty_by_default(self) -> None:
        change = with_property(
            "Api", "CorsConfiguration", value={"AllowOrigins": {"Ref": "AllowedOrigins"}}
        )
        stack = Stack(TEMPLATE.changed(change), required(TEMPLATE))
        self.assert_found(references.findings(stack), "Api.CorsConfiguration.AllowOrigins", "empty")

    def test_unknown_condition(self) -> None:
        change = with_property("Api", "Description", value={"Fn::If": ["HasVpcLnk", 1, 2]})
        stack = Stack(TEMPLATE.changed(change), required(TEMPLATE))
        self.assert_found(references.findings(stack), "no condition `HasVpcLnk`")

    def test_unknown_context_variables(self) -> None:
        for source, error in [
            ("$context.authorizer.lambda.plan", "no lambda.plan"),
            ("$context.authorizer.user", "no user"),
            ("${context.requestID}/1", "$context.requestID"),
            ("$context.resourcePath", "$context.resourcePath"),
        ]:
            change = with_property(
                "ProtectedIntegration",
                "RequestParameters",
                "overwrite:header.x-tollgate-plan",
                value=source,
            )
            self.assert_found(
                api_gateway.findings(TEMPLATE.changed(change)), "ProtectedIntegration", error
            )

    def test_headers_that_cannot_be_mapped(self) -> None:
        for destination, word in [
            ("overwrite:header.Authorization", "authorization is reserved"),
            ("append:header.x-amz-date", "x-amz-date is reserved"),
            ("remove:header.Via", "via is reserved"),
            ("set:header.a", "the action is set, expected append"),
        ]:
            change = with_property(
                "ProtectedIntegration", "RequestParameters", destination, value="''"
            )
            self.assert_found(api_gateway.findings(TEMPLATE.changed(change)), word)

    def test_access_log_format_that_is_not_json(self) -> None:
        change = with_property(
            "Stage", "AccessLogSettings", "Format", value='{"status":$context.status}'
        )
        self.assert_found(
            self.findings_with_everything_on(change, api_gateway.json_errors), "Stage", "not JSON"
        )

    def test_parameters_without_description_price_group_or_use(self) -> None:
        def change(body: dict[str, Any]) -> None:
            switch = {"Type": "String", "AllowedValues": ["true", "false"], "Default": "false"}
            body["Parameters"]["CreateUnused"] = switch
            body["Parameters"]["Untried"] = {
                "Type": "String",
                "Default": "",
                "Description": "Something.",
            }

        found = parameters.findings(TEMPLATE.changed(change))
        for word in ["is not used", "no description", "does not state its price"]:
            self.assert_found(found, "CreateUnused", word)
        self.assert_found(found, "CreateUnused", "in no group")
        self.assert_found(found, "Untried", "only one value")

    def test_rule_with_an_unsupported_function(self) -> None:
        def change(body: dict[str, Any]) -> None:
            joined = {"Fn::Join": ["", [{"Ref": "VpcIdd"}]]}
            body["Rules"]["Joined"] = {"Assertions": [{"Assert": {"Fn::Equals": [joined, ""]}}]}

        found = rules.findings(TEMPLATE.changed(change))
        self.assert_found(found, "rules do not support Fn::Join")
        self.assert_found(found, "there is no parameter VpcIdd")

    def test_integration_that_forwards_a_withheld_header(self) -> None:
        for integration in ("ProtectedIntegration", "PublicIntegration"):
            for header in (
                *withheld_headers.OVERRIDES,
                withheld_headers.FRONT,
                *TEMPLATE.parameters["KeyHeader"]["AllowedValues"],
            ):

                def change(body: dict[str, Any]) -> None:
                    mappings = body["Resources"][integration]["Properties"]["RequestParameters"]
                    mappings.pop(f"remove:header.{header}")

                self.assert_found(
                    withheld_headers.findings(TEMPLATE.changed(change)),
                    f"{integration} forwards {header}",
                )

    def test_rest_api_that_forwards_a_withheld_header(self) -> None:
        template = Template.read("examples/rest-api.yaml")
        for header in ("x-original-url", "x-api-key", withheld_headers.FRONT):

            def change(body: dict[str, Any]) -> None:
                path = body["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"]["/"]
                mappings = path["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
                mappings["requestParameters"].pop(f"integration.request.header.{header}")

            self.assert_found(
                withheld_headers.findings(template.changed(change)), "Api /", f"forwards {header}"
            )

    def test_function_with_another_key_header(self) -> None:
        for function in ("AuthorizerFunction", "LimiterFunction"):
            change = with_property(
                function, "Environment", "Variables", "KEY_HEADER", value="x-api-key"
            )
            self.assert_found(
                withheld_headers.findings(TEMPLATE.changed(change)),
                f"KEY_HEADER of {function} is 'x-api-key'",
            )


class Evaluation(unittest.TestCase):
    def evaluate(self, value: Any, **given: Any) -> Any:
        """Evaluates a value as the description of the API."""
        template = TEMPLATE.changed(with_property("Api", "Description", value=value))
        return (
            Stack(template, {**required(TEMPLATE), **given})
            .resources["Api"]["Properties"]
            .get("Description")
        )

    def test_known_values_are_filled_in_and_unknown_ones_name_their_resources(self) -> None:
        self.assertEqual(
            self.evaluate({"Fn::Sub": "${AWS::StackName}-${!Literal}-x"}), "tollgate-${Literal}-x"
        )
        address = "${Api.ApiEndpoint}/health"
        self.assertEqual(self.evaluate({"Fn::Sub": address}), Unknown(address, ("Api",)))
        self.assertEqual(
            self.evaluate({"Fn::Join": [",", {"Ref": "AllowedOrigins"}]}, AllowedOrigins="a, b"),
            "a,b",
        )
        self.assertEqual(self.evaluate({"Fn::Select": [1, {"Fn::Split": ["/", "a/b"]}]}), "b")
        self.assertEqual(
            self.evaluate([{"Ref": "AWS::NoValue"}, {"Fn::If": ["HasVpcLink", 1, 2]}]), [1]
        )
        self.assertEqual(
            self.evaluate({"a": {"Ref": "AWS::NoValue"}, "b": {"Ref": "MaxSeries"}}), {"b": 500}
        )

    def test_unresolved_calls_become_text_and_targets(self) -> None:
        arguments = [
            "${A}/${B}/${Table.Arn}/${!C}",
            {"A": {"Ref": "Queue"}, "B": {"Fn::GetAtt": ["Api", "Id"]}},
        ]
        expected = Unknown("${Queue}/${Api.Id}/${Table.Arn}/${!C}", ("Queue", "Api", "Table"))
        self.assertEqual(without_calls({"Fn::Sub": arguments}), expected)
        joined = without_calls({"Fn::Join": ["-", ["a", {"Ref": "Table"}]]})
        self.assertEqual(joined.targets, ("Table",))

    def test_sets_of_parameters_are_deterministic_and_use_every_allowed_value(self) -> None:
        labels = [label for label, _ in all_stacks(TEMPLATE)]
        copy = TEMPLATE.changed(lambda body: None)
        self.assertEqual(labels, [label for label, _ in labelled_sets(copy)])

        for name, parameter in TEMPLATE.parameters.items():
            used = {str(stack.given[name]) for _, stack in all_stacks(TEMPLATE)}
            allowed = {str(value) for value in parameter.get("AllowedValues", [])}
            self.assertTrue(allowed <= used or len(allowed) > 4, name)
