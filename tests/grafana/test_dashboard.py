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

    def test_links_lead_to_sections_of_the_guide(self):
        sections = markdown.anchors(GUIDE.read_text())
        for panel in self.panels:
            for link in panel.get("links", []):
                page, _, anchor = link["url"].partition("#")
                self.assertTrue(page.endswith("/guides/prometheus.md"), page)
                self.assertIn(anchor, sections, panel["title"])


if __name__ == "__main__":
    unittest.main()
