"""Every check, for every template and every set of parameters."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterable

from template import (
    api_gateway,
    environment_variables,
    lambda_functions,
    log_groups,
    network,
    parameters,
    permissions,
    properties,
    references,
    rules,
    rust_sources,
    schedules,
    withheld_headers,
)
from template.parameter_sets import (
    INVALID_TOGETHER,
    all_stacks,
    labelled_sets,
    other_values,
    required,
)
from template.stack import Parameters, Stack, failed_assertions, grouped
from template.templates import Template

TEMPLATES = Template.all()


class Templates(unittest.TestCase):
    maxDiff = None

    def assert_no_findings(self, check: Callable[[Template], Iterable[str]]) -> None:
        for template in TEMPLATES:
            with self.subTest(template.path):
                self.assertEqual("\n".join(check(template)), "")

    def assert_no_findings_in_any_stack(self, check: Callable[[Stack], Iterable[str]]) -> None:
        def check_all(template: Template) -> list[str]:
            return grouped(
                [
                    (label, finding)
                    for label, stack in all_stacks(template)
                    for finding in check(stack)
                ]
            )

        self.assert_no_findings(check_all)

    def test_schedules_are_valid(self) -> None:
        self.assert_no_findings(schedules.findings)

    def test_parameters_are_described_priced_grouped_used_and_tested(self) -> None:
        self.assert_no_findings(parameters.findings)

    def test_sam_knows_every_property_and_policy(self) -> None:
        self.assert_no_findings(properties.findings)

    def test_properties_are_valid_for_cloudformation_and_the_services(self) -> None:
        self.assert_no_findings_in_any_stack(properties.stack_errors)

    def test_references_exist_and_no_string_is_empty(self) -> None:
        self.assert_no_findings_in_any_stack(references.findings)

    def test_context_variables_exist_and_mapped_headers_are_not_reserved(self) -> None:
        self.assert_no_findings(api_gateway.findings)

    def test_no_integration_forwards_the_key_or_a_header_that_overrides_method_or_path(
        self,
    ) -> None:
        self.assert_no_findings(withheld_headers.findings)

    def test_access_log_format_and_dashboard_are_json(self) -> None:
        self.assert_no_findings_in_any_stack(api_gateway.json_errors)

    def test_functions_have_consistent_names_log_groups_alarms_events_and_timeouts(self) -> None:
        self.assert_no_findings(lambda_functions.findings)

    def test_logs_expire_and_no_function_receives_its_own_log(self) -> None:
        self.assert_no_findings_in_any_stack(log_groups.findings)

    def test_environment_variables_are_set_and_read(self) -> None:
        self.assert_no_findings(environment_variables.findings)
        self.assertEqual(environment_variables.local_settings_errors(), [])

    def test_functions_have_the_permissions_that_their_service_files_state(self) -> None:
        self.assert_no_findings(permissions.findings)

    def test_functions_in_the_vpc_can_reach_the_services_they_call(self) -> None:
        self.assert_no_findings(network.findings)


class Rules(unittest.TestCase):
    def test_rules_use_supported_functions(self) -> None:
        for template in TEMPLATES:
            self.assertEqual(rules.findings(template), [], template.path)

    def test_rules_accept_every_valid_set_of_parameters(self) -> None:
        for template in TEMPLATES:
            stacks = all_stacks(template)
            rejected = {
                label: failed for label, stack in stacks if (failed := stack.failed_assertions)
            }
            self.assertEqual(rejected, {}, template.path)

    def test_every_assertion_rejects_a_set_with_one_wrong_parameter(self) -> None:
        for template in TEMPLATES:
            # Many of the pairs are equal.
            sets = {tuple(sorted(values.items())): values for values in invalid_sets(template)}
            results = failed_assertions(template, list(sets.values()))
            failed = {assertion for result in results for assertion in result}
            for name, rule in template.body.get("Rules", {}).items():
                for assertion in rule["Assertions"]:
                    self.assertIn(
                        f"{name}: {assertion['AssertDescription']}", failed, template.path
                    )


def invalid_sets(template: Template) -> Iterable[Parameters]:
    """Yields valid sets with one missing or one additional parameter, and all pairs of changed
    parameters.
    """
    base = required(template)
    yield from (
        {**base, **values}
        for values in INVALID_TOGETHER
        if values.keys() <= template.parameters.keys()
    )

    starts = [base, *(parameters for _, parameters in labelled_sets(template))]
    for start in starts:
        for name in template.parameters:
            if name in start and "Default" in template.parameters[name]:
                yield {key: value for key, value in start.items() if key != name}
            for value in other_values(template, name) if start is base else ():
                yield {**start, name: value}

    for name in template.parameters:
        for value in other_values(template, name):
            for other in template.parameters:
                yield from (
                    {**base, name: value, other: more} for more in other_values(template, other)
                )


class RustSources(unittest.TestCase):
    def test_service_files_state_the_actions_that_they_call(self) -> None:
        self.assertEqual(rust_sources.findings(), [])

    def test_settings_are_read_only_in_known_files(self) -> None:
        self.assertEqual(rust_sources.settings_in_other_files(), [])

    def test_named_source_files_exist(self) -> None:
        self.assertEqual(rust_sources.missing_files(), [])
