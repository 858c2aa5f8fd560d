"""An NLB's target group that follows a name."""

import datetime

from ..processes import until
from ..world import FOLLOWED
from .journey import Journey


class Targets(Journey):
    """One journey: the group has one state, and what happens to it happens in this order."""

    def test_the_schedule_registers_addresses_and_what_leaves_dns_leaves_the_group_on_evidence_alone(self) -> None:
        self.follows(["10.0.0.4", "10.0.0.5"], "what the name shows at the schedule's first firing", 90)
        del self.world.names.addresses[FOLLOWED]
        answer, erred = self.run_once()
        self.assertTrue(erred)
        self.assertIn("NXDOMAIN", str(answer).upper().replace("_", "").replace(" ", ""))
        self.assertEqual(self.registered(), ["10.0.0.4", "10.0.0.5"], "a name that is gone takes nobody out")
        self.world.names.addresses[FOLLOWED] = ["10.0.0.5", "10.0.0.6"]
        answer, erred = self.run_once()
        self.assertFalse(erred, answer)
        self.assertEqual(answer["targets"][0]["registered"], ["10.0.0.6:443"])
        self.assertEqual(self.registered(), ["10.0.0.4", "10.0.0.5", "10.0.0.6"], "one absence is no evidence")
        until(self.run_until_gone, "scale-in")
        self.assertEqual(self.registered(), ["10.0.0.5", "10.0.0.6"])

    def follows(self, addresses: list[str], what: str, patience_s: float) -> None:
        until(lambda: self.registered() == addresses, what, patience_s)

    def run_until_gone(self) -> bool:
        self.run_once()
        return "10.0.0.4" not in self.registered()

    def run_once(self) -> tuple[object, bool]:
        return self.world.invoke("AlbSyncFunction", {"time": datetime.datetime.now().isoformat()})

    def registered(self) -> list[str]:
        health = self.world.emulator.client("elbv2").describe_target_health(TargetGroupArn=self.world.target_group)
        targets = [target["Target"] for target in health["TargetHealthDescriptions"]]
        self.assertTrue(all(target["Port"] == 443 for target in targets))
        return sorted(target["Id"] for target in targets)
