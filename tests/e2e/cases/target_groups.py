"""Target groups that follow DNS names."""

from e2e.cases.case import StackCase
from e2e.deployment import ALB_NAME, FOLLOWED_NAME
from harness.processes import wait_until


class TargetGroups(StackCase):
    """One test, because the group has one state and the steps depend on their order."""

    def test_schedule_registers_addresses_and_removes_them_only_after_repeated_absence(
        self,
    ) -> None:
        registered = ["10.0.0.4", "10.0.0.5"], ["10.0.16.4", "10.0.16.5"]
        wait_until(
            lambda: (self.followed(), self.of_the_nlb()) == registered,
            90,
            "the first scheduled run",
            0.1,
        )
        self.enterContext(self.deployment.schedule_of_sync_disabled())

        del self.deployment.names.addresses[FOLLOWED_NAME]
        groups, failed = self.deployment.sync()
        self.assertTrue(failed)
        self.assertTrue(groups[self.deployment.target_group]["error"])
        self.assertIsNone(
            groups[self.deployment.nlb.resources()["NlbTargetGroup"]]["error"],
            "other groups are unaffected",
        )
        self.assertEqual(
            self.followed(),
            ["10.0.0.4", "10.0.0.5"],
            "a name that does not exist removes no target",
        )

        self.deployment.names.addresses |= {
            FOLLOWED_NAME: ["10.0.0.5", "10.0.0.6"],
            ALB_NAME: ["10.0.16.5", "10.0.16.6"],
        }
        groups, failed = self.deployment.sync()
        self.assertFalse(failed, groups)
        self.assertEqual(
            self.followed(),
            ["10.0.0.4", "10.0.0.5", "10.0.0.6"],
            "one absence does not remove a target",
        )
        wait_until(self.is_removed, 20, "the absent address is removed", 0.1)
        self.assertEqual(self.followed(), ["10.0.0.5", "10.0.0.6"])
        wait_until(
            lambda: self.deployment.sync() and self.of_the_nlb() == ["10.0.16.5", "10.0.16.6"],
            20,
            "the NLB follows",
            0.1,
        )

    def is_removed(self) -> bool:
        self.deployment.sync()
        return "10.0.0.4" not in self.followed()

    def followed(self) -> list[str]:
        return self.deployment.targets(self.deployment.target_group)

    def of_the_nlb(self) -> list[str]:
        return self.deployment.targets(self.deployment.nlb.resources()["NlbTargetGroup"])
