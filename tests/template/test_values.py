"""Values of parameters that could not work are refused before anything is created."""

from __future__ import annotations

import re
import unittest

from .document import Template
from .positions import SAMPLES

TEMPLATE = Template.read("template.yaml")
RANGES = ("EndpointClientCidr", "NlbClientCidr", "ResolverClientCidr", "SyncDnsCidr")
POLICY = '{"rules":[{"match":"ANY /","auth":"any"}]}'
ENTRY = '{"name":"a.example","target_group_arn":"arn:aws:x","port":443,"networks":["2001:db8::/56"]}'


def takes(name: str, value: str) -> bool:
    """True if CloudFormation takes the value: its patterns are matched as a whole."""
    parameter = TEMPLATE.parameters[name]
    return re.fullmatch(parameter["AllowedPattern"], value) is not None and len(value) <= parameter.get("MaxLength", 4096)


class Values(unittest.TestCase):
    def refused(self, name: str, *values: str) -> None:
        for value in values:
            self.assertFalse(takes(name, value), f"{name}={value[:80]}")

    def taken(self, name: str, *values: str) -> None:
        for value in values:
            self.assertTrue(takes(name, value), f"{name}={value[:80]}")

    def test_a_policy_is_an_object_or_names_one(self) -> None:
        self.taken("AuthPolicy", "", POLICY, f" \n{POLICY}\n", "table:edge-1.eu", "{" + " " * 2_998 + "}")
        self.refused("AuthPolicy", "this is not json", POLICY[:-1], POLICY[1:], "table:", "table:a b", "edge", "[]", " ")
        self.refused("AuthPolicy", "{" + " " * 2_999 + "}")

    def test_targets_are_an_array_of_objects(self) -> None:
        self.taken("SyncTargets", "", f"[{ENTRY}]", f"[{ENTRY},\n {ENTRY}]")
        self.refused("SyncTargets", "nonsense", "[]", ENTRY, f"[{ENTRY}", f"[ {ENTRY}]", f"[[{ENTRY}]]")

    def test_a_range_of_addresses_is_one_and_not_everybody(self) -> None:
        for name in RANGES:
            self.taken(name, "", "10.0.0.0/8", "10.64.0.0/16", "192.168.255.254/32")
            self.refused(name, "999.0.0.0/99", "256.0.0.0/16", "10.0.0.0/33", "10.0.0.0", "10.0.0/16", "0.0.0.0/0", "::/0")

    def test_name_servers_are_up_to_three_addresses(self) -> None:
        self.taken("ResolverForwardTargets", "", "10.0.0.2", "10.0.0.2,192.168.1.255,1.1.1.1")
        self.refused("ResolverForwardTargets", "10.0.0.256", "10.0.0.2,", "10.0.0.2 ,10.0.0.3", "1.1.1.1," * 3 + "1.1.1.1")

    def test_a_domain_is_in_lower_case_because_api_gateway_takes_no_other(self) -> None:
        self.taken("DomainName", "", "api.example.com")
        self.refused("DomainName", "API.Example.com", "localhost", "https://api.example.com")

    def test_a_backend_is_reached_by_https(self) -> None:
        self.taken("BackendUrl", "", "https://orders.example.com/base")
        self.refused("BackendUrl", "http://orders.example.com", "orders.example.com", "https://", "https://a b")

    def test_no_backend_is_made_up(self) -> None:
        self.assertEqual(TEMPLATE.parameters["BackendUrl"]["Default"], "")

    def test_a_pattern_that_says_more_than_its_name_is_explained(self) -> None:
        names = {*RANGES, "AuthPolicy", "SyncTargets", "ResolverForwardTargets", "DomainName", "BackendUrl",
                 "RegistryTableName"}
        silent = {name for name in names if not TEMPLATE.parameters[name].get("ConstraintDescription")}
        self.assertEqual(silent, set())

    def test_what_tests_deploy_is_taken(self) -> None:
        patterned = [name for name, it in TEMPLATE.parameters.items() if "AllowedPattern" in it and name in SAMPLES]
        self.assertEqual([name for name in patterned if not takes(name, str(SAMPLES[name]))], [])
