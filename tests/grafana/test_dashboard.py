"""The dashboard in examples/prometheus is the generated one, and Grafana can lay it out."""

import json
import re
import unittest

from documents import markdown
from grafana import dashboard
from grafana.panels import COLUMNS
from harness.paths import PROJECT

GUIDE = PROJECT / "docs" / "guides" / "prometheus.md"
UNITS = {"bytes", "percentunit", "reqps", "s", "short"}
REFERENCE = PROJECT / "docs" / "reference" / "local-metrics.md"
ALERTS = PROJECT / "examples" / "prometheus" / "alerts.yml"
# Metrics that no panel shows, because another one is more useful.
NOT_SHOWN = {"process_threads", "process_virtual_memory_bytes"}
# Panels of labels and states, and panels of amounts that have no unit.
WITHOUT_UNIT = {
    "In flight",
    "Open breakers",
    "Circuit breakers",
    "Requests in flight",
    "Connections",
    "CPU",
    "Versions",
    "Dropped telemetry",
    "Records and series that are not counted",
    "alb-sync: last run",
    "alb-sync: addresses",
    "alb-sync: pending targets",
}


def limits(alert: str) -> list[float]:
    """Returns the numbers that the expression of an alert compares with."""
    products = re.findall(r"(?:>|==) ([\d.]+)(?: \* ([\d.]+))?", alert)
    return [round(float(one) * float(other or 1), 6) for one, other in products]


class Dashboard(unittest.TestCase):
    def setUp(self) -> None:
        self.model = json.loads(dashboard.PATH.read_text())
        self.panels = [panel for panel in self.model["panels"] if panel["type"] != "row"]

    def test_file_is_up_to_date(self):
        self.assertEqual(
            dashboard.PATH.read_text(),
            dashboard.as_json(dashboard.dashboard()),
            "run `make tables`",
        )

    def test_panels_have_unique_ids_and_do_not_overlap(self):
        panels = self.model["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        self.assertEqual(len({panel["title"] for panel in panels}), len(panels))

        taken: set[tuple[int, int]] = set()
        for panel in panels:
            position = panel["gridPos"]
            self.assertLessEqual(position["x"] + position["w"], COLUMNS, panel["title"])
            for x in range(position["x"], position["x"] + position["w"]):
                for y in range(position["y"], position["y"] + position["h"]):
                    self.assertNotIn((x, y), taken, panel["title"])
                    taken.add((x, y))

    def test_every_panel_is_described_and_has_a_unit(self):
        for panel in self.panels:
            with self.subTest(panel["title"]):
                self.assertTrue(panel["description"].endswith("."))
                unit = panel["fieldConfig"]["defaults"]["unit"]
                self.assertIn(unit, UNITS)
                self.assertEqual(unit == "short", panel["title"] in WITHOUT_UNIT)

    def test_every_query_uses_the_variables_of_the_dashboard(self):
        names = {variable["name"] for variable in self.model["templating"]["list"]}
        for panel in self.panels:
            self.assertEqual(panel["datasource"]["uid"], "${datasource}")
            for target in panel["targets"]:
                used = set(re.findall(r"\$\{?(\w+)", target["expr"])) - {"__rate_interval"}
                self.assertEqual(used - names, set(), panel["title"])
                self.assertTrue({"job", "instance"} <= used, panel["title"])

    def test_panels_show_the_documented_metrics(self):
        documented = set(re.findall(r"^\| `(\w+)` \|", REFERENCE.read_text(), re.MULTILINE))
        documented = {name for name in documented if name.startswith(("tollgate_", "process_"))}
        self.assertGreater(len(documented), 25)

        text = dashboard.PATH.read_text()
        used = {
            re.sub(r"_(?:bucket|sum|count)$", "", name)
            for name in re.findall(r"\b(?:tollgate|process)_\w+", text)
        }
        self.assertEqual(used ^ documented, NOT_SHOWN)

    def test_thresholds_are_those_of_the_alerts(self):
        alerts = dict(re.findall(r"- alert: (\w+)\n((?: {8}.*\n)+)", ALERTS.read_text()))
        alerts = {name.lower(): text for name, text in alerts.items()}
        compared = set()
        for panel in self.panels:
            last = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
            for link in panel.get("links", []):
                name = link["url"].partition("#")[2]
                if last is not None and name in alerts:
                    self.assertIn(last, limits(alerts[name]), panel["title"])
                    compared.add(name)
        self.assertGreater(len(compared), 8)

    def test_exemplars_are_queried_once_per_panel(self):
        with_exemplars = [
            [target["refId"] for target in panel["targets"] if target.get("exemplar")]
            for panel in self.panels
        ]
        self.assertEqual([targets for targets in with_exemplars if targets], [["A"]])

    def test_numbers_of_requests_have_a_text_without_requests(self):
        for panel in self.panels:
            expr = panel["targets"][0]["expr"]
            if panel["type"] == "stat" and ("/" in expr or "quantile" in expr):
                text = panel["fieldConfig"]["defaults"]["noValue"]
                self.assertEqual(text, "No requests", panel["title"])

    def test_links_lead_to_sections_of_the_guide(self):
        sections = markdown.anchors(GUIDE.read_text())
        for panel in self.panels:
            for link in panel.get("links", []):
                page, _, anchor = link["url"].partition("#")
                self.assertTrue(page.endswith("/guides/prometheus.md"), page)
                self.assertIn(anchor, sections, panel["title"])


if __name__ == "__main__":
    unittest.main()
