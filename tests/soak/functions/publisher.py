"""The metrics publisher: call records, access logs and queues with changing series and mistakes."""

import base64
import gzip
import json
from typing import ClassVar

from harness.async_http import response
from harness.aws_proxy import AwsProxy, AwsRequest, Forward
from harness.events import event
from soak.functions.workload import Invocation, Workload, encode
from soak.functions.world import World

# More operations than `MAX_SERIES` has series, so that some overflow.
SERVICES, OPERATIONS = 8, 100
ERRORS = ["timeout", "throttled", "expired_credentials", "soak-unknown"]
# Each makes a record that is rejected.
MISTAKES = [{"duration_ms": -1}, {"service": " "}, {"success": "maybe"}, {"duration_ms": "long"}]
CBOR = {"content_type": "application/cbor", "smithy_protocol": "rpc-v2-cbor"}


class PublisherWorkload(Workload):
    name: ClassVar[str] = "metrics-publisher"

    def __init__(self, seed: int, world: World, warm_up: int) -> None:
        super().__init__(seed, warm_up)
        self.world, self.aws = world, AwsProxy(world.store.port, self._answer)
        self.requests = 0
        self.log = json.loads(
            gzip.decompress(
                base64.b64decode(event("metrics-publisher.access-log")["awslogs"]["data"])
            )
        )
        self.kinds = {self._records: 45, self._queue: 20, self._access_log: 15, self.example: 20}

    def settings(self) -> dict[str, str]:
        return {
            **self.world.settings(),
            "AWS_ENDPOINT_URL": self.aws.url,
            "METRICS_NAMESPACE": "Soak",
            "THRESHOLD_EVENTS": "true",
        }

    async def __aenter__(self) -> "PublisherWorkload":
        await self.aws.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aws.__aexit__()

    def invocation(self, number: int) -> Invocation:
        if number < len(self.examples):
            return self.examples[number]
        return self.dice.choices(list(self.kinds), list(self.kinds.values()))[0]()

    def final_errors(self) -> list[str]:
        self.rotations["PutMetricData requests"] = self.requests
        return [] if self.requests else ["no metric was sent"]

    async def _answer(self, request: AwsRequest, forward: Forward) -> bytes:
        """The tables are the emulator's. It would keep all metrics, so they end here."""
        if request.operation:
            return await forward()
        headers = request.request.headers
        if headers.get("x-amz-target") == "AWSEvents.PutEvents":
            entries = json.loads(request.request.body)["Entries"]
            accepted = [{"EventId": str(number)} for number in range(len(entries))]
            body = encode({"FailedEntryCount": 0, "Entries": accepted})
            return response(200, body, "application/x-amz-json-1.1")
        self.requests += request.request.path.endswith("PutMetricData")
        return response(200, b"\xa0", **CBOR)

    def _record(self) -> dict:
        success = self.dice.random() > 0.1
        record = {
            "service": f"service-{self.dice.randrange(SERVICES)}",
            "operation": f"Operation{self.dice.randrange(OPERATIONS)}",
            "duration_ms": round(self.dice.lognormvariate(3, 1), 3),
            "success": success,
            "endpoint": self.dice.choice(["public", "vpce"]),
        }
        if not success:
            record["error_type"] = self.dice.choice(ERRORS)
        if self.dice.random() < 0.2:
            record["dimensions"] = {"tenant": f"tenant-{self.dice.randrange(20)}"}
        return record

    def _records(self) -> Invocation:
        records = [self._record() for _ in range(self.dice.randint(1, 40))]
        wrong = self.dice.choice([0, 0, 0, 1, 3])
        records += [self._record() | self.dice.choice(MISTAKES) for _ in range(wrong)]
        self.dice.shuffle(records)
        self.rotations["records"] += len(records)
        return Invocation("records", encode({"records": records}), frozenset({f"rejected {wrong}"}))

    def _queue(self) -> Invocation:
        wrong, messages = 0, []
        for _ in range(self.dice.randint(1, 10)):
            is_wrong = self.dice.random() < 0.1
            wrong += is_wrong
            body = "{not json" if is_wrong else json.dumps(self._record())
            messages.append(self._message(body))
        self.rotations["messages"] += len(messages)
        return Invocation("queue", encode({"Records": messages}), frozenset({f"failed {wrong}"}))

    def _message(self, body: str) -> dict:
        return {
            "messageId": f"{self.dice.getrandbits(128):032x}",
            "receiptHandle": "AQEB",
            "body": body,
            "attributes": {"SentTimestamp": "1795348800000", "ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:tollgate-records",
            "awsRegion": "eu-central-1",
        }

    def _access_log(self) -> Invocation:
        lines = self.dice.choices(self.log["logEvents"], k=self.dice.randint(1, 50))
        events = [{**line, "id": f"{self.dice.getrandbits(180):056}"} for line in lines]
        self.rotations["log lines"] += len(events)
        data = gzip.compress(encode({**self.log, "logEvents": events}), 1)
        document = {"awslogs": {"data": base64.b64encode(data).decode()}}
        return Invocation("access log", encode(document), frozenset({"rejected 0"}))
