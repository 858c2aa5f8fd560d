"""The example configuration of Prometheus: its rules, and the tests of its alerts."""

import pathlib
import shutil
import tempfile
import unittest

import yaml

from documents import markdown
from harness.paths import PROJECT
from observability.prometheus import EXAMPLE
from observability.tools import promtool, require_prometheus

SEVERITIES = {"page", "ticket"}


def setUpModule() -> None:
    require_prometheus()


def rules() -> list[dict]:
    groups = yaml.safe_load((EXAMPLE / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict]:
    """Returns the alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


class Rules(unittest.TestCase):
    def test_promtool_accepts_the_configuration_and_its_rules(self):
        result = promtool(
            "check", "config", "--lint=all", "--lint-fatal", EXAMPLE / "prometheus.yml"
        )
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_alerts_fire_when_they_should_and_only_then(self):
        result = promtool("test", "rules", "alerts.test.yml", folder=EXAMPLE)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_a_changed_threshold_fails_the_tests_of_the_alerts(self):
        for old, new in (("> 0.8 * 4096", "> 4096"), ('state="open"}[2m]', 'state="open"}[1s]')):
            with self.subTest(new), tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                shutil.copy(EXAMPLE / "alerts.test.yml", folder)
                changed = (EXAMPLE / "alerts.yml").read_text().replace(old, new)
                (folder / "alerts.yml").write_text(changed)

                result = promtool("test", "rules", "alerts.test.yml", folder=folder)
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertIn("FAILED", result.stdout)

    def test_every_alert_is_expected_to_fire_in_a_test(self):
        groups = yaml.safe_load((EXAMPLE / "alerts.test.yml").read_text())["tests"]
        cases = [case for group in groups for case in group.get("alert_rule_test", [])]
        fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
        self.assertEqual(fired, set(alerts()))

    def test_every_alert_has_a_severity_a_summary_and_a_runbook(self):
        for name, alert in alerts().items():
            with self.subTest(name):
                self.assertIn(alert["labels"]["severity"], SEVERITIES)
                self.assertEqual(set(alert["annotations"]), {"summary", "runbook"})
                page, _, anchor = alert["annotations"]["runbook"].partition("#")
                self.assertIn(anchor, markdown.anchors((PROJECT / page).read_text()))
