"""The nested stack of dashboard and alarms."""

import json
import re

from e2e.cases.case import StackCase
from e2e.stack import NAME
from template.templates import Template

# The emulator has no composite alarms, and the adapted template has none.
COMPOSITE = "PageAlarm"
ALARMS = {
    *Template.read("stacks/monitoring.yaml").resources("AWS::CloudWatch::Alarm"),
    *Template.read("template.yaml").resources("AWS::CloudWatch::Alarm"),
}
# The e2e stack has neither listener rules nor a daily health request.
ABSENT = {"ListenerRulesAlarm", "MetricsSilentAlarm"}


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

        self.deployment.stack.deploy(CreateAlarms="true", CreateDashboard="true")
        self.assertEqual(self.alarms(), ALARMS - ABSENT)
        self.assertEqual(self.dashboards(), [NAME])
        address = self.deployment.stack.outputs()["DashboardUrl"]
        self.assertTrue(address.endswith(f"/{NAME}"), address)

    def alarms(self) -> set[str]:
        """Returns the names of all alarms without the name of the stack."""
        client = self.deployment.emulator.client("cloudwatch")
        found = client.describe_alarms()["MetricAlarms"]
        return {alarm["AlarmName"].removeprefix(f"{NAME}-") for alarm in found}

    def dashboards(self) -> list[str]:
        client = self.deployment.emulator.client("cloudwatch")
        return [it["DashboardName"] for it in client.list_dashboards()["DashboardEntries"]]

    def listed_alarms(self) -> set[str]:
        """Returns the alarms in the dashboard's alarm widget."""
        client = self.deployment.emulator.client("cloudwatch")
        body = json.loads(client.get_dashboard(DashboardName=NAME)["DashboardBody"])
        widgets = [it for it in body["widgets"] if it["type"] == "alarm"]
        arns = [arn for widget in widgets for arn in widget["properties"]["alarms"]]
        return set(re.findall(rf":alarm:{NAME}-(\w+)", " ".join(arns))) - {COMPOSITE}
