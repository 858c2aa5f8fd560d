"""Target groups that follow names."""

from ..processes import until
from ..world import ALB, FOLLOWED
from .journey import Journey


class Targets(Journey):
    """One journey: a group has one state, and what happens to it happens in this order."""

    def test_the_schedule_registers_addresses_and_what_leaves_dns_leaves_the_group_on_evidence_alone(self) -> None:
        until(lambda: self.followed() == ["10.0.0.4", "10.0.0.5"], "the schedule's first firing", 90)
        self.assertEqual(self.of_the_nlb(), ["10.0.16.4", "10.0.16.5"])
        del self.world.names.addresses[FOLLOWED]
        groups, erred = self.world.sync()
        self.assertTrue(erred)
        self.assertTrue(groups[self.world.target_group]["error"])
        self.assertIsNone(groups[self.world.resources["NlbTargetGroup"]]["error"], "no other group suffers")
        self.assertEqual(self.followed(), ["10.0.0.4", "10.0.0.5"], "a name that is gone takes nobody out")
        self.world.names.addresses |= {FOLLOWED: ["10.0.0.5", "10.0.0.6"], ALB: ["10.0.16.5", "10.0.16.6"]}
        groups, erred = self.world.sync()
        self.assertFalse(erred, groups)
        self.assertEqual(self.followed(), ["10.0.0.4", "10.0.0.5", "10.0.0.6"], "one absence is no evidence")
        until(self.has_left, "scale-in")
        self.assertEqual(self.followed(), ["10.0.0.5", "10.0.0.6"])
        until(lambda: self.world.sync() and self.of_the_nlb() == ["10.0.16.5", "10.0.16.6"], "the NLB's scale-in")

    def has_left(self) -> bool:
        self.world.sync()
        return "10.0.0.4" not in self.followed()

    def followed(self) -> list[str]:
        return self.world.targets(self.world.target_group)

    def of_the_nlb(self) -> list[str]:
        return self.world.targets(self.world.resources["NlbTargetGroup"])
