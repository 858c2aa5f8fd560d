"""Every query of the Grafana dashboard and of the alerts returns data of gateways under load."""

import json
import re
import unittest

from grafana.dashboard import PATH
from harness.paths import PROJECT
from observability.prometheus import EXAMPLE
from observability.scene import shared_scene
from observability.tools import require_prometheus

RULES = EXAMPLE / "alerts.yml"
# The values that Grafana puts in for its variables. The window contains the whole load.
VALUES = {
    "$__rate_interval": "2m",
    "$job": ".*",
    "$instance": ".*",
    "$route": ".*",
    "$plan": ".*",
}
# Selectors of alerts without data, with the reason.
EMPTY_SELECTORS = {
    'tollgate_api_errors_total{error_type=~"access_denied|expired_credentials|clock_skew"}': (
        "the emulator accepts all credentials"
    ),
}
METRIC = re.compile(r"\b(?:tollgate|process)_\w+")
# Names of recording rules and alerts contain a metric's name.
SELECTOR = re.compile(r"\b[a-z_:0-9]*(?:tollgate|process)_\w+(?::\w+)?\{[^}]*\}")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")


def setUpModule() -> None:
    require_prometheus()


def with_values(expr: str) -> str:
    for variable, value in VALUES.items():
        expr = expr.replace(variable, value)
    return expr


def escaped(value: str) -> str:
    """Returns a value of a variable as Grafana puts it into a regular expression."""
    return re.sub(r"[$^*{}\[\]'+?.()|\\]", lambda found: f"\\\\{found[0]}", value)


class Dashboard(unittest.TestCase):
    def setUp(self) -> None:
        self.prometheus = shared_scene().prometheus
        self.model = json.loads(PATH.read_text())

    def test_every_query_returns_data(self):
        empty = set()
        for panel in self.model["panels"]:
            for target in panel.get("targets", []):
                expr = with_values(target["expr"])
                self.assertNotIn("$", expr)
                if not self.prometheus.query(expr):
                    empty.add(panel["title"])
        self.assertEqual(empty, set())

    def test_every_variable_has_values(self):
        for variable in self.model["templating"]["list"]:
            if variable["type"] != "query":
                continue
            series, label = re.fullmatch(
                r"label_values\((.*), (\w+)\)", variable["definition"]
            ).groups()
            values = self.prometheus.get(
                f"label/{label}/values", **{"match[]": with_values(series)}
            )
            self.assertNotEqual(values, [], variable["name"])

    def test_a_selected_route_or_plan_limits_a_panel_to_it(self):
        for metric, label in (
            ("tollgate_http_requests_total", "route"),
            ("tollgate_decisions_total", "plan"),
        ):
            values = self.prometheus.get(f"label/{label}/values", **{"match[]": metric})
            self.assertGreater(len(values), 3)
            for value in values:
                expr = f'sum by ({label}) ({metric}{{{label}=~"{escaped(value)}"}})'
                found = [one.labels.get(label) for one in self.prometheus.query(expr)]
                self.assertEqual(found, [value])

    def test_annotations_return_data(self):
        for annotation in self.model["annotations"]["list"]:
            self.assertTrue(self.prometheus.query(with_values(annotation["expr"])))


class Names(unittest.TestCase):
    def test_every_metric_of_the_dashboard_the_alerts_and_the_guide_exists(self):
        exported = set(shared_scene().prometheus.get("label/__name__/values"))
        exported = {SUFFIX.sub("", name) for name in exported}

        for path in (PATH, RULES, PROJECT / "docs" / "guides" / "prometheus.md"):
            used = {SUFFIX.sub("", name) for name in METRIC.findall(path.read_text())}
            used -= recorded(path.read_text())
            self.assertEqual(used - exported, set(), path.name)


class Alerts(unittest.TestCase):
    def test_every_selector_of_an_alert_matches_series(self):
        prometheus = shared_scene().prometheus
        text = RULES.read_text()
        selectors = set(SELECTOR.findall(text))
        self.assertGreater(len(selectors), 10)
        empty = {selector for selector in selectors if not prometheus.query(selector)}
        self.assertEqual(empty, set(EMPTY_SELECTORS))


def recorded(rules: str) -> set[str]:
    """Returns the names of groups and the middle parts of the names of recording rules."""
    groups = re.findall(r"^  - name: (\w+)$", rules, re.MULTILINE)
    parts = re.findall(r":(\w+):", rules)
    return {*groups, *parts}


if __name__ == "__main__":
    unittest.main()
