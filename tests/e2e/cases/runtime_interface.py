"""The functions' binaries behind Lambda's runtime interface emulator: every event, initialization,
and lost requests.

The emulator processes one request at a time. No known event makes a function panic. These tests
therefore kill the process from outside, which is the worst that a panic could do. Unit tests in
functions/*/src show the response to a panic.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from typing import ClassVar

from e2e.cases.case import StackCase
from e2e.deployment import FOLLOWED_NAME
from e2e.stack import BUILD_FOLDER
from harness.events import OUTCOMES, default_settings, event, logical_id, outcome
from harness.gateway import Gateway
from harness.lambda_runtime import STOP_TIMEOUT_S, LambdaRuntime
from harness.paths import EVALUATOR, PROJECT
from harness.processes import wait_until


class FunctionRuntime:
    """A function behind the emulator. Use it in a `with` statement."""

    def __init__(self, package: str, settings: dict[str, str], timeout_s: int = 10) -> None:
        self.package, self.settings, self.timeout_s = package, settings, timeout_s
        self.binary = BUILD_FOLDER / logical_id(package) / "bootstrap"

    def __enter__(self) -> "FunctionRuntime":
        self.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.folder.name)
        self.runtime = LambdaRuntime([self.binary], self._environment(), path / "log", path)
        return self

    def __exit__(self, *_: object) -> None:
        self.runtime.stop(STOP_TIMEOUT_S)
        self.folder.cleanup()

    def invoke(self, event: object) -> dict:
        """Returns the function's response. An error of the emulator itself has only an `errorType`."""
        text, _ = self.runtime.invoke(event, self.timeout_s + 20)
        try:
            response = json.loads(text)
        except json.JSONDecodeError:
            return {"errorType": text}
        return response if isinstance(response, dict) else {"errorType": text}

    def log(self) -> str:
        return self.runtime.log.read_text()

    def pid(self) -> int:
        """Returns the process ID of the function itself."""
        children = pathlib.Path(f"/proc/{self.runtime.process.pid}/task").glob("*/children")
        pids = [int(pid) for path in children for pid in path.read_text().split()]
        return next(pid for pid in pids if os.readlink(f"/proc/{pid}/exe") == str(self.binary))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_FUNCTION_NAME": self.package,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self.timeout_s),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            **self.settings,
        }


def json_lines(log: str) -> list[dict]:
    """Returns the lines of a log that are JSON objects. The emulator writes others."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def line_shapes(log: str) -> dict[str, list[str]]:
    """Returns the names of the fields of each kind of message, in their order."""
    return {line["message"]: list(line) for line in json_lines(log) if "message" in line}


def invoked(case: str) -> str:
    """Returns what `tollgate invoke` logs for an event."""
    path = PROJECT / "events" / f"{case}.json"
    command = [EVALUATOR, "invoke", case.partition(".")[0], path]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr


class RuntimeInterface(StackCase):
    starts: ClassVar[dict[str, list[float]]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        attribute = {"AttributeName": "id"}
        cls.deployment.emulator.client("dynamodb").create_table(
            TableName="tollgate-usage",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[attribute | {"KeyType": "HASH"}],
            AttributeDefinitions=[attribute | {"AttributeType": "S"}],
        )

    @classmethod
    def tearDownClass(cls) -> None:
        cls.deployment.emulator.client("dynamodb").delete_table(TableName="tollgate-usage")

    def test_every_event_file_has_an_outcome(self) -> None:
        self.assertEqual(
            {path.stem for path in (PROJECT / "events").glob("*.*.json")}, set(OUTCOMES)
        )

    def test_every_event_has_its_outcome(self) -> None:
        for package in sorted({case.partition(".")[0] for case in OUTCOMES}):
            expected = {
                case: outcomes
                for case, outcomes in OUTCOMES.items()
                if case.startswith(f"{package}.")
            }

            with self.subTest(package), self.start(package) as function:
                actual = {
                    case: [outcome(function.invoke(event(case))) for _ in outcomes]
                    for case, outcomes in expected.items()
                }
                self.assertEqual(actual, expected, function.log()[-2000:])
                self.starts[package] = function.runtime.init_durations_ms()
                self.assertEqual(len(self.starts[package]), 1, "one process handles all events")

    def test_timeout_fails_only_one_request(self) -> None:
        settings = {
            name: value
            for name, value in default_settings("authorizer").items()
            if name != "EMBEDDED_STORE"
        }
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings |= {
                "REGISTRY_TABLE": "r",
                "USAGE_TABLE": "u",
                "DECISION_DEADLINE_MS": "5000",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            }
            with FunctionRuntime("authorizer", settings, timeout_s=3) as function:
                self.assertIn("timed out", str(function.invoke(event("authorizer.allowed"))))
                # From now on, connections are refused. Without the store, it is unknown who is
                # blocked, so that the next request has a response: our own failure.
                silent.close()
                self.assertEqual(outcome(function.invoke(event("authorizer.public"))), "Fault")

    def test_program_logs_the_same_lines(self) -> None:
        with self.start("authorizer") as function:
            function.invoke(event("authorizer.unknown-key"))
            deployed = line_shapes(function.log())
        self.assertEqual(line_shapes(invoked("authorizer.unknown-key")), deployed)

        with (
            tempfile.TemporaryDirectory() as name,
            Gateway(pathlib.Path(name), "g", binary=EVALUATOR) as gateway,
        ):
            refused = urllib.request.Request(
                f"http://127.0.0.1:{gateway.port}/orders",
                headers={"x-api-key": "local-unknown-key-000000001"},
            )
            with self.assertRaises(urllib.error.HTTPError):
                urllib.request.urlopen(refused, timeout=10)
            wait_until(
                lambda: "decided" in gateway.log.read_text(), 10, "the refusal is in the log"
            )
            served = line_shapes(gateway.log.read_text())
        self.assertEqual(served["decided"], deployed["decided"])

    def test_failed_start_is_one_line_with_the_calls_before_it(self) -> None:
        unreachable = {
            "AUTH_POLICY": "table:edge",
            "REGISTRY_TABLE": "r",
            "USAGE_TABLE": "u",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            # Enough for all attempts of a call and the pauses between them.
            "DECISION_DEADLINE_MS": "2000",
        }
        with FunctionRuntime("authorizer", unreachable) as function:
            function.invoke(event("authorizer.allowed"))
            lines = json_lines(function.log())

        (error,) = [it for it in lines if it.get("message") == "the function cannot run"][:1]
        self.assertEqual((error["level"], error["variable"]), ("ERROR", "AUTH_POLICY"))
        self.assertIn("connection refused", error["error"])
        self.assertIn("api_calls", [next(iter(it)) for it in lines])

    def test_killed_process_fails_only_one_request(self) -> None:
        with self.start("authorizer") as function:
            self.assertEqual(outcome(function.invoke(event("authorizer.allowed"))), "allowed")
            os.kill(function.pid(), signal.SIGKILL)
            self.assertNotEqual(outcome(function.invoke(event("authorizer.allowed"))), "allowed")
            self.assertEqual(outcome(function.invoke(event("authorizer.allowed"))), "allowed")

    def start(self, package: str) -> FunctionRuntime:
        """Returns a function with the settings that its events expect and the emulator's services
        instead of AWS's.
        """
        settings = default_settings(package) | {"AWS_ENDPOINT_URL": self.deployment.emulator.url}
        if package == "alb-sync":
            followed = [
                {
                    "name": FOLLOWED_NAME,
                    "target_group_arn": self.deployment.target_group,
                    "port": 443,
                }
            ]
            settings |= {
                "SYNC_TARGETS": json.dumps(followed),
                "DNS_SERVERS": self.deployment.names.address,
            }
        return FunctionRuntime(package, settings)
