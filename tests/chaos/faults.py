"""Injects the faults of a schedule between gateways and the emulator."""

import asyncio
import dataclasses
import json
import random
import time

from chaos.schedule import CLOCK, USAGE, Episode
from harness.async_http import response
from harness.aws_proxy import AwsProxy, AwsRequest, Forward

DELAY_S = (0.02, 0.3)
# Later than the decision deadline, and applied nevertheless.
LATE_S = (1.1, 2.5)
# The share of requests that a fault of single requests meets.
FAULTY_SHARE = 0.5
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}


@dataclasses.dataclass(slots=True)
class Write:
    """A write to the item of a caller that the proxy received. `applied` is true if the emulator
    accepted it, and `lost` if the gateway did not get the response.
    """

    gateway: int
    item: str
    at: float
    applied: bool
    lost: bool


def error(status: int, code: str, **more: object) -> bytes:
    name = f"com.amazonaws.dynamodb.v20120810#{code}"
    body = json.dumps({"__type": name, "message": "a fault", **more}).encode()
    return response(status, body, "application/x-amz-json-1.0")


def throttle(request: AwsRequest, limit: str) -> bytes:
    """Returns DynamoDB's response for a `limit` such as `KeyRangeThroughputExceeded`."""
    kind = "Write" if request.operation in WRITES else "Read"
    table = min(request.tables)
    reason = {
        "reason": f"Table{kind}{limit}",
        "resource": f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}",
    }
    return error(400, "ProvisionedThroughputExceededException", ThrottlingReasons=[reason])


class FaultyStore:
    """The store as one gateway sees it."""

    def __init__(self, gateway: int, upstream_port: int, seed: int) -> None:
        self.gateway, self.dice = gateway, random.Random(seed * 100 + gateway)
        self.proxy = AwsProxy(upstream_port, self._handle)
        self.episodes: list[Episode] = []
        self.writes: list[Write] = []
        self.requests = self.faulty = 0

    def episode_of(self, request: AwsRequest) -> Episode | None:
        now = time.monotonic()
        return next(
            (
                it
                for it in self.episodes
                if it.kind != CLOCK
                and it.begin <= now < it.end
                and self.gateway in it.gateways
                and request.tables & it.tables
            ),
            None,
        )

    async def _handle(self, request: AwsRequest, forward: Forward) -> bytes | None:
        self.requests += 1
        at, episode = time.monotonic(), self.episode_of(request)
        applied = False

        async def tracked() -> bytes:
            nonlocal applied
            answer = await forward()
            applied = answer.startswith(b"HTTP/1.1 200")
            return answer

        answer = await self._answer(request, tracked, episode)
        if request.operation == "UpdateItem" and USAGE in request.tables:
            lost = applied and answer is None
            self.writes.append(Write(self.gateway, request.item, at, applied, lost))
        return answer

    async def _answer(
        self, request: AwsRequest, forward: Forward, episode: Episode | None
    ) -> bytes | None:
        if episode is None:
            return await forward()
        if episode.kind in ("reset", "lost reply", "server error") and (
            self.dice.random() > FAULTY_SHARE
        ):
            return await forward()

        self.faulty += 1
        match episode.kind:
            case "delay":
                await asyncio.sleep(self.dice.uniform(*DELAY_S))
                return await forward()
            case "late":
                await asyncio.sleep(self.dice.uniform(*LATE_S))
                return await forward()
            case "hang":
                await asyncio.sleep(max(0.0, episode.end - time.monotonic()))
                return None
            case "throttled item":
                return throttle(request, "KeyRangeThroughputExceeded")
            case "throttled table":
                return throttle(request, "AccountLimitExceeded")
            case "lost reply":
                await forward()
                return None
            case "server error":
                return error(500, "InternalServerError")
        return None
