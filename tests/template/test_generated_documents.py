"""The generated tables in the documents are up to date."""

from __future__ import annotations

import json
import re
import unittest
from typing import Any

from doc_tables import __main__ as tables
from doc_tables import checks, costs
from harness.paths import PROJECT
from template.templates import Template

DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def template() -> dict[str, Any]:
    """Returns a copy of template.yaml."""
    return Template.read("template.yaml").changed(lambda body: None).body


class Documents(unittest.TestCase):
    maxDiff = None

    def test_tables_match_the_template_and_the_prices(self) -> None:
        for path, document in tables.documents().items():
            self.assertEqual((PROJECT / path).read_text(), document, "run `make tables`")

    def test_every_parameter_in_the_documents_exists(self) -> None:
        known = {name for it in Template.all() for name in it.parameters}
        for document in DOCUMENTS:
            named = set(
                re.findall(r"`?\b([A-Z][a-z]+(?:[A-Z][a-z]*)+)=(?!=)", document.read_text())
            )
            self.assertLessEqual(named - {"Value", "AttributeName"}, known, str(document))


class Checks(unittest.TestCase):
    def test_policy_permits_to_read_only(self) -> None:
        block = checks.policy(checks.catalogue())
        statements = json.loads(block.removeprefix("```json").removesuffix("```"))["Statement"]
        actions = {action for one in statements for action in one["Action"]}
        self.assertLessEqual(checks.OWN_ACTIONS, actions)
        # CloudFormation compares a resource with its template, and changes nothing.
        comparison = "cloudformation:DetectStackResourceDrift"
        for action in actions - {checks.ADMINISTRATION, comparison}:
            verb = action.partition(":")[2]
            self.assertRegex(verb, "^(Describe|Filter|Get|GET|Head|List)", action)

    def test_contents_of_objects_are_limited_to_the_truststore(self) -> None:
        block = checks.policy([{"permissions": ["s3:GetObject", "ec2:DescribeVpcs"]}])
        statements = json.loads(block.removeprefix("```json").removesuffix("```"))["Statement"]
        resources = {name: one["Resource"] for one in statements for name in one["Action"]}
        self.assertEqual(resources["s3:GetObject"], "arn:aws:s3:::TRUSTSTORE_BUCKET/*")
        self.assertEqual(resources["ec2:DescribeVpcs"], "*")

    def test_evidence_is_the_beginning_of_one_claim(self) -> None:
        claim = "Invalid credentials return 401."
        self.assertEqual(checks.claim_of({"id": "a", "evidence": "Invalid cred"}), claim)
        for evidence in ("No such claim", "A "):
            with self.assertRaisesRegex(ValueError, "a: [0-9]+ claims begin"):
                checks.claim_of({"id": "a", "evidence": evidence})

    def test_paths_of_documents_are_links(self) -> None:
        text = checks.filled("See docs/guides/deploy.md#regions-and-zones.")
        link = "[docs/guides/deploy.md#regions-and-zones](../guides/deploy.md#regions-and-zones)"
        self.assertEqual(text, f"See {link}.")


class Costs(unittest.TestCase):
    def test_idle_stack_is_free_and_requests_cost_their_prices(self) -> None:
        body = template()
        idle, million, _ = (costs.tollgate(scale, body) for scale in costs.SCALES)
        self.assertEqual(sum(idle.values()), 0)
        self.assertEqual(million["HTTP API, requests"], 1.0)
        self.assertAlmostEqual(million["DynamoDB, writes"], 1.12 * 0.625)
        self.assertAlmostEqual(million["authorizer, time"], 1e6 * 0.008 * 0.5 * 0.0000133334)

    def test_access_log_price_follows_the_format_of_the_stage(self) -> None:
        body = template()
        length = costs.access_line(body)
        settings = body["Resources"]["Stage"]["Properties"]["AccessLogSettings"]
        settings["Format"] = settings["Format"].replace("}", ', "more": "$context.path"}')
        self.assertEqual(costs.access_line(body), length + len(', "more": "-"'))

    def test_priced_access_log_line_has_the_fields_of_an_allowed_request(self) -> None:
        format_ = template()["Resources"]["Stage"]["Properties"]["AccessLogSettings"]["Format"]
        fields = set(re.findall(r"\$context\.([\w.]+)", format_))
        # Fields of errors, IAM, client certificates, tokens, fronts, traces and Lambda integrations.
        absent = {
            "error.message",
            "error.responseType",
            "integrationErrorMessage",
            "authorizer.error",
            "identity.userArn",
            "identity.clientCert.serialNumber",
            "authorizer.issuer",
            "authorizer.client_ip",
            "authorizer.trace_id",
            "integration.requestId",
        }
        self.assertEqual(fields - costs.LINE.keys(), absent)
        self.assertLessEqual(costs.LINE.keys(), fields)

    def test_tracing_by_url_is_priced_with_the_time_that_a_function_waits(self) -> None:
        source = (PROJECT / "crates" / "otlp" / "src" / "flush_layer.rs").read_text()
        (wait_ms,) = re.findall(r"MAX_FLUSH_TIME: Duration = Duration::from_millis\((\d+)\)", source)
        _, million, many = (costs.tracing(scale) for scale in costs.SCALES)
        self.assertAlmostEqual(million["a URL"], 1e6 * int(wait_ms) / 1_000 * 0.5 * 0.0000133334)
        price = f"costs ${million['a URL']:.2f} per million requests"
        self.assertIn(price, template()["Parameters"]["Tracing"]["Description"])

        # One trace per second of a month of 730 hours, and 5 % of the others.
        self.assertAlmostEqual(million["`Active`"], 5.0)
        self.assertAlmostEqual(many["`Active`"], (2.628 + 0.05 * (100 - 2.628)) * 5)

    def test_priced_memory_is_that_of_the_functions(self) -> None:
        resources = template()["Resources"]
        self.assertEqual(resources["AuthorizerFunction"]["Properties"]["MemorySize"], 512)
        self.assertEqual(costs.AUTHORIZER_GB, 0.5)
        sizes = {
            name: it["Properties"]["MemorySize"]
            for name, it in resources.items()
            if it["Type"] == "AWS::Serverless::Function"
        }
        self.assertEqual(
            sizes,
            {
                "AuthorizerFunction": 512,
                "LimiterFunction": 512,
                "ComposerFunction": 512,
                "AlbSyncFunction": {"Fn::If": ["HasCollectorLayer", 256, 128]},
                "MetricsPublisherFunction": 512,
            },
        )

    def test_alternatives_are_priced_with_the_same_parts(self) -> None:
        body, scale = template(), costs.SCALES[-1]
        parts = costs.tollgate(scale, body)
        alone = parts["HTTP API, requests"] + parts["access log"]
        self.assertAlmostEqual(costs.http_api(scale, body), alone)
        with_tollgate = sum(parts.values()) + scale.requests * 2.5e-6
        self.assertAlmostEqual(costs.rest_api_with_tollgate(scale, body), with_tollgate)
        leased = costs.tollgate(scale, body, costs.LEASED_WRITES)
        self.assertAlmostEqual(leased["DynamoDB, writes"], 100 * 0.064 * 0.625)

    def test_alarm_price_depends_on_its_number_of_metrics(self) -> None:
        share = {"Metrics": [{"Expression": "a / b"}, {"MetricStat": {}}, {"MetricStat": {}}]}
        alarms = {"One": {"MetricName": "Latency"}, "Two": share}
        resources = {
            name: {"Type": "AWS::CloudWatch::Alarm", "Properties": it} for name, it in alarms.items()
        }
        self.assertAlmostEqual(costs.monitoring(resources, 0), 3 * 0.10 + 0.50 + 3.00)


if __name__ == "__main__":
    unittest.main()
