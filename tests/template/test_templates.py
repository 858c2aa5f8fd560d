"""The templates as they are: every check, in every position of the parameters."""

from __future__ import annotations

import unittest
from typing import Callable, Iterable

from . import functions, gateway, logs, network, parameters, permissions, properties, references, rules, schedules
from . import sources, variables, withheld
from .document import Template
from .evaluation import Position, grouped
from .positions import SLIPS, all_positions, others, required

TEMPLATES = Template.all()


class Templates(unittest.TestCase):
    maxDiff = None

    def nothing(self, check: Callable[[Template], Iterable[str]]) -> None:
        for template in TEMPLATES:
            with self.subTest(template.path):
                self.assertEqual("\n".join(check(template)), "")

    def nothing_in_any_position(self, check: Callable[[Position], Iterable[str]]) -> None:
        def everywhere(template: Template) -> list[str]:
            return grouped([(label, it) for label, position in all_positions(template) for it in check(position)])

        self.nothing(everywhere)

    def test_schedules_are_such_that_eventbridge_takes_them(self) -> None:
        self.nothing(schedules.findings)

    def test_parameters_are_described_priced_grouped_used_and_tried(self) -> None:
        self.nothing(parameters.findings)

    def test_sam_knows_every_property_and_every_policy_by_name(self) -> None:
        self.nothing(properties.findings)

    def test_properties_are_such_that_cloudformation_and_the_services_take_them_in_every_position(self) -> None:
        self.nothing_in_any_position(properties.findings_at)

    def test_nothing_refers_to_what_is_not_there_and_nothing_is_empty_in_any_position(self) -> None:
        self.nothing_in_any_position(references.findings)

    def test_context_names_exist_and_mapped_headers_are_not_reserved(self) -> None:
        self.nothing(gateway.findings)

    def test_no_integration_passes_on_the_key_or_a_header_that_replaces_method_or_path(self) -> None:
        self.nothing(withheld.findings)

    def test_access_log_and_dashboard_are_json_in_every_position(self) -> None:
        self.nothing_in_any_position(gateway.findings_at)

    def test_functions_have_one_name_a_log_group_an_alarm_events_and_time_outs_below_their_triggers(self) -> None:
        self.nothing(functions.findings)

    def test_logs_end_and_call_no_function_with_its_own_in_any_position(self) -> None:
        self.nothing_in_any_position(logs.findings_at)

    def test_every_variable_that_is_set_is_read_and_every_one_that_is_read_is_set_or_left_with_a_reason(self) -> None:
        self.nothing(variables.findings)
        self.assertEqual(variables.findings_of_settings_for_trials(), [])

    def test_functions_may_do_what_their_service_files_state_in_every_position(self) -> None:
        self.nothing(permissions.findings)

    def test_functions_in_the_vpc_have_a_way_to_what_they_call(self) -> None:
        self.nothing(network.findings)


class Rules(unittest.TestCase):
    def test_rules_are_made_of_what_cloudformation_evaluates(self) -> None:
        for template in TEMPLATES:
            self.assertEqual(rules.findings(template), [], template.path)

    def test_no_position_that_makes_sense_is_refused(self) -> None:
        for template in TEMPLATES:
            refused = {label: said for label, position in all_positions(template) if (said := rules.refusals(position))}
            self.assertEqual(refused, {}, template.path)

    def test_each_assertion_refuses_some_position_by_one_parameter(self) -> None:
        for template in TEMPLATES:
            refused = {said for given in slips(template) for said in rules.refusals(Position(template, given))}
            for name, rule in template.body.get("Rules", {}).items():
                for assertion in rule["Assertions"]:
                    self.assertIn(f"{name}: {assertion['AssertDescription']}", refused, template.path)


def slips(template: Template) -> Iterable[dict[str, object]]:
    """Positions that make sense but for one parameter: one that was forgotten, or one too many."""
    base = required(template)
    yield from ({**base, **slip} for slip in SLIPS if slip.keys() <= template.parameters.keys())
    starts = [base, *(position.overrides for _, position in all_positions(template))]
    for start in starts:
        for name in template.parameters:
            if name not in base and name in start:
                yield {key: value for key, value in start.items() if key != name}
            for value in others(template, name) if start is base else ():
                yield {**start, name: value}
    for name in template.parameters:
        for value in others(template, name):
            for other in template.parameters:
                yield from ({**base, name: value, other: more} for more in others(template, other))


class Sources(unittest.TestCase):
    def test_service_files_state_the_actions_that_they_call(self) -> None:
        self.assertEqual(sources.findings(), [])

    def test_settings_are_read_where_they_are_documented(self) -> None:
        self.assertEqual(sources.settings_elsewhere(), [])

    def test_the_sources_that_functions_are_said_to_use_are_there(self) -> None:
        self.assertEqual(sources.gone(), [])
