"""Tests of the schedule of faults, and of what a fault does to a request."""

import asyncio
import time
import unittest

from chaos.faults import FaultyStore
from chaos.schedule import (
    CALM_BEGIN_S,
    CALM_END_S,
    CLOCK,
    KINDS,
    REGISTRY,
    USAGE,
    Episode,
    longest_pause,
    schedule,
    without_clock_steps,
)
from harness.async_http import Request
from harness.aws_proxy import describe

BODY = b'{"TableName":"tollgate-usage","Key":{"id":{"S":"key#steady-0"}}}'
TARGET = {"x-amz-target": "DynamoDB_20120810.UpdateItem"}


class Schedule(unittest.TestCase):
    def test_seed_repeats_a_run(self):
        self.assertEqual(schedule(7, 600, 3), schedule(7, 600, 3))
        self.assertNotEqual(schedule(7, 600, 3), schedule(8, 600, 3))

    def test_ten_minutes_have_every_kind_of_fault(self):
        for seed in range(50):
            self.assertEqual({it.kind for it in schedule(seed, 600, 3)}, set(KINDS), seed)

    def test_faults_follow_one_another_between_calm_times(self):
        for seed in range(50):
            episodes = schedule(seed, 600, 3)
            self.assertGreaterEqual(episodes[0].begin, CALM_BEGIN_S)
            self.assertLessEqual(episodes[-1].end, 600 - CALM_END_S)
            for earlier, later in zip(episodes, episodes[1:], strict=False):
                self.assertLess(earlier.end, later.begin)
            self.assertGreaterEqual(longest_pause(episodes), 40)

    def test_times_without_clock_steps_exclude_their_correction(self):
        steps = [Episode(CLOCK, frozenset({0}), frozenset(), 10, 20, 5)]
        self.assertEqual(without_clock_steps(steps, 0, 100, 5), [(0, 10), (25, 100)])
        self.assertEqual(without_clock_steps([], 0, 100, 5), [(0, 100)])


class Faults(unittest.TestCase):
    def exchange(self, kind: str, tables: frozenset[str] = frozenset({USAGE}), gateway: int = 0):
        """Returns the response under a fault, and how often the emulator got the request."""
        store, forwarded = FaultyStore(gateway, 1, seed=1), []
        now = time.monotonic()
        # A hanging store responds when the fault ends.
        duration = 0.5 if kind == "hang" else 60
        store.episodes = [Episode(kind, frozenset({0}), tables, now - 1, now + duration)]

        async def forward() -> bytes:
            forwarded.append(1)
            return b"HTTP/1.1 200 OK\r\n\r\n"

        request = describe(Request("POST", "/", TARGET, BODY, b""))
        answer = asyncio.run(store._handle(request, forward))
        return answer, len(forwarded), store

    def faulty_exchange(self, kind: str):
        """Repeats the exchange until the fault meets it: some faults meet half of the requests."""
        store_dice = FaultyStore(0, 1, seed=1).dice
        self.assertLess(store_dice.random(), 0.5)
        return self.exchange(kind)

    def test_lost_reply_is_applied_and_has_no_response(self):
        answer, forwarded, store = self.faulty_exchange("lost reply")
        self.assertEqual((answer, forwarded), (None, 1))
        self.assertTrue(store.writes[0].applied and store.writes[0].lost)
        self.assertEqual(store.writes[0].item, "key#steady-0")

    def test_reset_and_hang_are_not_applied(self):
        for kind in ("reset", "hang"):
            answer, forwarded, store = self.faulty_exchange(kind)
            self.assertEqual((answer, forwarded, store.writes[0].applied), (None, 0, False))

    def test_throttle_names_its_scope(self):
        self.assertIn(b"TableWriteKeyRangeThroughput", self.exchange("throttled item")[0])
        self.assertIn(b"TableWriteAccountLimit", self.exchange("throttled table")[0])

    def test_fault_of_another_table_or_gateway_does_nothing(self):
        for answer, forwarded, store in (
            self.exchange("hang", frozenset({REGISTRY})),
            self.exchange("hang", gateway=1),
        ):
            self.assertEqual((answer[:12], forwarded, store.faulty), (b"HTTP/1.1 200", 1, 0))


if __name__ == "__main__":
    unittest.main()
