"""A function's program behind AWS's Lambda runtime interface emulator."""

import http.client
import json
import pathlib
import re
import time

from harness.paths import PROJECT, runtime_interface_emulator
from harness.processes import Program, free_port

STOP_TIMEOUT_S = 5
INVOCATION_PATH = "/2015-03-31/functions/function/invocations"


class LambdaRuntime(Program):
    """The emulator, which starts `command` when the first event arrives. It processes one event at
    a time.
    """

    def __init__(
        self, command: list, environment: dict[str, str], log: pathlib.Path, folder=PROJECT
    ) -> None:
        self.port = free_port()
        options = [
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{self.port}",
            "--runtime-api-address",
            f"127.0.0.1:{free_port()}",
        ]
        super().__init__(
            [runtime_interface_emulator(), *options, *command], log, environment, folder
        )
        self.wait_for_port(self.port)

    def __exit__(self, *_: object) -> None:
        # The function runs in a process group of its own, which only the emulator ends.
        self.stop(STOP_TIMEOUT_S)

    def invoke(self, event: object, timeout_s: float = 60) -> tuple[str, float]:
        """Returns the function's response, or its error, and the duration in seconds."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        connection.connect()

        begin = time.perf_counter()
        connection.request("POST", INVOCATION_PATH, json.dumps(event))
        text = connection.getresponse().read().decode()
        duration_s = time.perf_counter() - begin

        connection.close()
        return text, duration_s

    def init_durations_ms(self) -> list[float]:
        """Returns the duration of each start, from the emulator's own report."""
        return [
            float(ms)
            for ms in re.findall(r"INIT REPORT\(durationMs: ([0-9.]+)\)", self.log.read_text())
        ]
