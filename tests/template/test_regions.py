"""Every region of CloudFormation has the resource types of the templates, with named exceptions.

`cfn-lint --regions ALL_REGIONS` checks the same schemas, but takes minutes.
"""

from __future__ import annotations

import json
import unittest
from collections.abc import Iterator

from cfnlint.helpers import REGIONS
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from template.parameter_sets import everything_on
from template.properties import SchemaValidator, decode_unknown
from template.stack import Stack
from template.templates import Template

# API destinations do not exist everywhere. There, DailyHealthRequest must be "false".
WITHOUT_API_DESTINATIONS = {
    "ap-east-2",
    "ap-southeast-5",
    "ap-southeast-6",
    "ca-west-1",
    "il-central-1",
    "mx-central-1",
    "us-gov-east-1",
    "us-gov-west-1",
}
API_DESTINATIONS = {"AWS::Events::ApiDestination", "AWS::Events::Connection"}
# Client certificates exclude the daily health request.
HEALTH_REQUEST = {"DailyHealthRequest": "true", "TruststoreUri": "", "TruststoreVersion": ""}
TEMPLATES = [it for it in Template.all() if it.path.startswith(("template", "stacks"))]


def types(stack: Stack) -> set[str]:
    return {it["Type"] for it in stack.resources.values()}


def missing(used: set[str]) -> dict[str, set[str]]:
    """Returns the types that do not exist, by region."""
    found = {
        region: used - set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region))
        for region in REGIONS
    }
    return {region: absent for region, absent in found.items() if absent}


def schema_errors(stack: Stack) -> Iterator[str]:
    """Compares the properties with each different schema of a type."""
    for name, resource in stack.resources.items():
        properties = json.dumps(
            resource.get("Properties", {}), default=lambda it: {"unknown": it.text}
        )
        schemas = PROVIDER_SCHEMA_MANAGER.get_resource_schemas_by_regions(
            resource["Type"], sorted(REGIONS)
        )
        for regions, schema in schemas:
            validator = SchemaValidator(schema.schema)
            for error in validator.iter_errors(json.loads(properties, object_hook=decode_unknown)):
                yield f"{name} in {regions[0]} and {len(regions) - 1} more: {error.message[:200]}"


class Regions(unittest.TestCase):
    maxDiff = None

    def test_only_api_destinations_are_missing_in_some_regions(self) -> None:
        for template in TEMPLATES:
            is_main = template.path == "template.yaml"
            given = everything_on(template) | (HEALTH_REQUEST if is_main else {})
            absent = missing(types(Stack(template, given)))
            expected = WITHOUT_API_DESTINATIONS if is_main else set()
            self.assertEqual(absent, dict.fromkeys(expected, API_DESTINATIONS), template.path)

    def test_no_type_is_missing_without_the_daily_health_request(self) -> None:
        (template,) = (it for it in TEMPLATES if it.path == "template.yaml")
        given = {**everything_on(template), "DailyHealthRequest": "false"}
        self.assertEqual(missing(types(Stack(template, given))), {})

    def test_properties_exist_in_every_region(self) -> None:
        for template in TEMPLATES:
            with self.subTest(template.path):
                self.assertEqual(
                    list(schema_errors(Stack(template, everything_on(template)))), []
                )

    def test_property_that_a_region_does_not_know_is_found(self) -> None:
        template = Template.read("stacks/monitoring.yaml")

        def misspell(body: dict) -> None:
            body["Resources"]["LatencyAlarm"]["Properties"]["Treshold"] = 1

        broken = template.changed(misspell)
        errors = list(schema_errors(Stack(broken, everything_on(broken))))
        self.assertIn("Treshold", "".join(errors))


if __name__ == "__main__":
    unittest.main()
