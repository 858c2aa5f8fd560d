"""The nested stack of dashboard and alarms."""

import json
import re
from typing import Any

from e2e.cases.case import StackCase
from e2e.stack import NAME
from template.templates import Template

# The emulator has no composite alarms, and the adapted template has none.
COMPOSITE = "PageAlarm"
ALARMS = {
    *Template.read("stacks/monitoring.yaml").resources("AWS::CloudWatch::Alarm"),
    *Template.read("template.yaml").resources("AWS::CloudWatch::Alarm"),
}
RUNBOOK = "https://wiki.example.com/tollgate/runbook"
# The e2e stack has neither listener rules nor a daily health request, and counts deliveries at least once.
ABSENT = {"ListenerRulesAlarm", "MetricsLostAlarm", "MetricsSilentAlarm"}


class Monitoring(StackCase):
    def test_alarms_and_dashboard_follow_their_parameters(self) -> None:
        self.assertEqual(self.alarms(), ALARMS - ABSENT)
        self.assertEqual(self.listed_alarms(), ALARMS - ABSENT)

        self.deployment.stack.deploy(CreateAlarms="false")
        self.assertEqual((self.alarms(), self.listed_alarms()), (set(), set()))
        self.deployment.stack.deploy(CreateDashboard="false")
        self.assertEqual(self.dashboards(), [])
        self.assertNotIn("Monitoring", self.deployment.stack.resources())
        self.assertNotIn("DashboardUrl", self.deployment.stack.outputs())

        self.deployment.stack.deploy(
            CreateAlarms="true", CreateDashboard="true", RunbookUrl=RUNBOOK
        )
        self.assertEqual(self.alarms(), ALARMS - ABSENT)
        self.assertEqual(self.linked_sections(), {name.lower() for name in ALARMS - ABSENT})
        self.assertEqual(self.log_groups_of_widgets() - self.log_groups(), set())
        self.assertEqual(self.dashboards(), [NAME])
        address = self.deployment.stack.outputs()["DashboardUrl"]
        self.assertTrue(address.endswith(f"/{NAME}"), address)

    def alarms(self) -> set[str]:
        """Returns the names of all alarms without the name of the stack."""
        client = self.deployment.emulator.client("cloudwatch")
        found = client.describe_alarms()["MetricAlarms"]
        return {alarm["AlarmName"].removeprefix(f"{NAME}-") for alarm in found}

    def linked_sections(self) -> set[str]:
        """Returns the sections of the runbook to which the descriptions of alarms link."""
        client = self.deployment.emulator.client("cloudwatch")
        texts = [it["AlarmDescription"] for it in client.describe_alarms()["MetricAlarms"]]
        return {text.rpartition(f" {RUNBOOK}#")[2] for text in texts}

    def log_groups_of_widgets(self) -> set[str]:
        """Returns the log groups that widgets of the dashboard query."""
        widgets = [it for it in self.body()["widgets"] if it["type"] == "log"]
        queries = [it["properties"]["query"] for it in widgets]
        groups = {group for query in queries for group in re.findall(r"SOURCE '([^']+)'", query)}
        self.assertGreaterEqual(len(groups), 5)
        return groups

    def log_groups(self) -> set[str]:
        groups = self.deployment.emulator.client("logs").describe_log_groups()["logGroups"]
        return {group["logGroupName"] for group in groups}

    def dashboards(self) -> list[str]:
        client = self.deployment.emulator.client("cloudwatch")
        return [it["DashboardName"] for it in client.list_dashboards()["DashboardEntries"]]

    def listed_alarms(self) -> set[str]:
        """Returns the alarms in the dashboard's alarm widget."""
        widgets = [it for it in self.body()["widgets"] if it["type"] == "alarm"]
        arns = [arn for widget in widgets for arn in widget["properties"]["alarms"]]
        return set(re.findall(rf":alarm:{NAME}-(\w+)", " ".join(arns))) - {COMPOSITE}

    def body(self) -> dict[str, Any]:
        """Returns the body of the dashboard."""
        client = self.deployment.emulator.client("cloudwatch")
        return json.loads(client.get_dashboard(DashboardName=NAME)["DashboardBody"])
