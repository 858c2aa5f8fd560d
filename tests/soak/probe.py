"""Measures how long the emulator takes for a small read, and how long the gateways wait for a
processor, from a process of its own.

The process runs this file: `python -m soak.probe PORT FILE PID…`. A probe is written when it ends.
The probes show whether a decision that came too late is a fault of the gateway, or of a machine
that starves the emulator or the gateway.
"""

import contextlib
import http.client
import json
import os
import pathlib
import sys
import time

from harness.paths import PROJECT
from harness.processes import Program

PAUSE_S = 0.1
# While the store does not respond, a probe waits for this time, and the next one begins.
TIMEOUT_S = 10
HEADERS = {
    "x-amz-target": "DynamoDB_20120810.GetItem",
    "content-type": "application/x-amz-json-1.0",
    "authorization": (
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=0"
    ),
}
BODY = json.dumps({"TableName": "tollgate-usage", "Key": {"id": {"S": "probe"}}})

# When a probe was sent, when its response was received, and the longest time that a thread of a
# gateway waited for a processor since the probe before, in seconds.
Probe = tuple[float, float, float]


class LatencyProbe(Program):
    """The process that probes."""

    def __init__(self, folder: pathlib.Path, port: int, gateways: list[int]) -> None:
        self.record = folder / "probes.jsonl"
        command = [sys.executable, "-m", "soak.probe", port, self.record, *gateways]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT / "tests")}
        super().__init__(command, folder / "probe.log", environment)

    def probes(self) -> list[Probe]:
        if not self.record.exists():
            return []
        complete = self.record.read_text().rpartition("\n")[0]
        return [tuple(json.loads(line)) for line in complete.splitlines()]


def read(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/", BODY, HEADERS)
    connection.getresponse().read()


class ProcessorWaits:
    """The time that each thread of some processes has waited for a processor, by Linux's count."""

    def __init__(self, pids: list[str]) -> None:
        self.pids = pids
        self.before = self._waits()

    def longest(self) -> float:
        """Returns the longest wait of a thread since the last call, in seconds."""
        now = self._waits()
        waits = [after - self.before.get(thread, after) for thread, after in now.items()]
        self.before = now
        return max(waits, default=0) / 1e9

    def _waits(self) -> dict[pathlib.Path, int]:
        found = {}
        for pid in self.pids:
            for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                # A thread may end meanwhile.
                with contextlib.suppress(OSError, IndexError):
                    found[thread] = int(thread.read_text().split()[1])
        return found


def main(port: str, path: str, *pids: str) -> None:
    waits = ProcessorWaits(list(pids))
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_S)
    with open(path, "a", buffering=1) as record:
        while True:
            sent = time.monotonic()
            try:
                read(connection)
            except (OSError, http.client.HTTPException):
                connection.close()
            received = time.monotonic()
            record.write(f"{json.dumps([sent, received, waits.longest()])}\n")
            time.sleep(max(0.0, PAUSE_S - (received - sent)))


if __name__ == "__main__":
    main(*sys.argv[1:])
