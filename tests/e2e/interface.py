"""Each function's binary behind Lambda's runtime interface emulator: its events, its start, and what costs one request.

The emulator takes one request at a time. No event makes a function panic, so what a panic would do to the process at
worst, its sudden end, is done to it from outside; that a panic is answered is shown in functions/*/src.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from typing import ClassVar

from .journeys.journey import Journey
from .processes import PROJECT, free_port, stop, until
from .stack import BUILT
from .world import FOLLOWED

EMULATOR = next((PROJECT / ".venv").glob("lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
# What comes of each event in events/, in the words of `outcome`. A second answer is of the same event once more.
OUTCOMES = {
    "alb-sync.by-hand": ["reconciled"],
    "alb-sync.dry-run": ["reconciled"],
    "alb-sync.scheduled": ["reconciled"],
    "authorizer.address": ["allowed"],
    "authorizer.allowed": ["allowed"],
    "authorizer.ambiguous-path": ["refused: ambiguous_path"],
    "authorizer.disabled-key": ["Unauthorized"],
    "authorizer.expired-key": ["Unauthorized"],
    "authorizer.fault": ["Fault"],
    "authorizer.format-1": ["Allow"],
    "authorizer.insufficient-scope": ["refused: insufficient_scope"],
    "authorizer.invalid-claims": ["Unauthorized"],
    "authorizer.invalid-signature": ["Unauthorized"],
    "authorizer.invalid-token": ["Unauthorized"],
    "authorizer.limit-impossible": ["refused: limit_impossible"],
    "authorizer.malformed-credentials": ["Unauthorized"],
    "authorizer.malformed-path": ["refused: malformed_path"],
    "authorizer.missing-credentials": ["Unauthorized"],
    "authorizer.no-rule": ["refused: no_rule"],
    "authorizer.public": ["allowed"],
    "authorizer.quota-exceeded": ["allowed", "throttled"],
    "authorizer.rest-request": ["Allow"],
    "authorizer.rest-token": ["Unauthorized"],
    "authorizer.throttled": ["allowed", "throttled"],
    "authorizer.token": ["allowed"],
    "authorizer.token-and-key": ["allowed"],
    "authorizer.token-expired": ["Unauthorized"],
    "authorizer.unknown-key": ["Unauthorized"],
    "limiter.create-key": ["201"],
    "limiter.decide": ["200"],
    "limiter.import-keys": ["200"],
    "limiter.invalid-plan": ["422"],
    "limiter.list-plans": ["200"],
    "limiter.not-found": ["404"],
    "limiter.own-usage": ["200"],
    "limiter.put-plan": ["201"],
    "limiter.throttled-usage": ["429"],
    "metrics-publisher.access-log": ["rejected 0"],
    "metrics-publisher.call-records": ["rejected 0"],
    "metrics-publisher.control-message": ["rejected 0"],
    "metrics-publisher.queue": ["failed 1"],
    "metrics-publisher.records": ["rejected 0"],
    "metrics-publisher.rejected-record": ["rejected 2"],
    "metrics-publisher.schedule": ["probed"],
    "metrics-publisher.unknown": ["InvalidEvent"],
}


def outcome(answer: dict) -> str:
    for member, told in {
        "errorType": lambda: answer["errorType"],
        "isAuthorized": lambda: authorized(answer),
        "policyDocument": lambda: answer["policyDocument"]["Statement"][0]["Effect"],
        "statusCode": lambda: str(answer["statusCode"]),
        "targets": lambda: "reconciled" if all(target["error"] is None for target in answer["targets"]) else "failed",
        "batchItemFailures": lambda: f"failed {len(answer['batchItemFailures'])}",
        "rejected": lambda: f"rejected {len(answer['rejected'])}",
        "probed": lambda: "probed",
    }.items():
        if member in answer:
            return told()
    return str(answer)


def authorized(answer: dict) -> str:
    context = answer["context"]
    return context["decision"] if answer["isAuthorized"] else f"refused: {context['reason']}"


class Function:
    """A function behind the emulator, while it is open."""

    def __init__(self, package: str, settings: dict[str, str], timeout_s: int = 10) -> None:
        self.package, self.settings, self.timeout_s = package, settings, timeout_s
        self.binary = BUILT / logical(package) / "bootstrap"

    def __enter__(self) -> "Function":
        self.port, self.folder = free_port(), tempfile.TemporaryDirectory()
        self.log = pathlib.Path(self.folder.name) / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(EMULATOR), "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
                 "--runtime-api-address", f"127.0.0.1:{free_port()}", str(self.binary)],
                cwd=self.folder.name, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )
        until(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() or True, "the interface")
        return self

    def __exit__(self, *_: object) -> None:
        stop(self.process)
        self.folder.cleanup()

    def answer(self, event: object) -> dict:
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        try:
            with urllib.request.urlopen(url, json.dumps(event).encode(), timeout=self.timeout_s + 20) as response:
                return told(response.read().decode())
        except urllib.error.HTTPError as error:
            return told(error.read().decode())

    def starts_ms(self) -> list[float]:
        """How long each start took, by the interface's own report."""
        return [float(ms) for ms in re.findall(r"INIT REPORT\(durationMs: ([0-9.]+)\)", self.log.read_text())]

    def pid(self) -> int:
        """Of the function's own process."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children")
        pids = [int(pid) for path in children for pid in path.read_text().split()]
        return next(pid for pid in pids if os.readlink(f"/proc/{pid}/exe") == str(self.binary))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": self.package,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self.timeout_s), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", **self.settings,
        }


def told(text: str) -> dict:
    try:
        answer = json.loads(text)
    except json.JSONDecodeError:
        answer = {"errorType": text}
    return answer if isinstance(answer, dict) else {"errorType": text}


def logical(package: str) -> str:
    return "".join(word.capitalize() for word in package.split("-")) + "Function"


def settings(package: str) -> dict[str, str]:
    return json.loads((PROJECT / "events" / "env.json").read_text())[logical(package)]


def event(case: str) -> object:
    return json.loads((PROJECT / "events" / f"{case}.json").read_text())


class Interface(Journey):
    starts: ClassVar[dict[str, list[float]]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        usage = {"AttributeName": "id"}
        cls.world.emulator.client("dynamodb").create_table(
            TableName="tollgate-usage", BillingMode="PAY_PER_REQUEST", KeySchema=[usage | {"KeyType": "HASH"}],
            AttributeDefinitions=[usage | {"AttributeType": "S"}],
        )

    @classmethod
    def tearDownClass(cls) -> None:
        cls.world.emulator.client("dynamodb").delete_table(TableName="tollgate-usage")

    def test_every_event_has_an_outcome_here(self) -> None:
        self.assertEqual({path.stem for path in (PROJECT / "events").glob("*.*.json")}, set(OUTCOMES))

    def test_every_function_answers_its_events(self) -> None:
        for package in sorted({case.partition(".")[0] for case in OUTCOMES}):
            with self.subTest(package), self.function(package) as function:
                found = {
                    case: [outcome(function.answer(event(case))) for _ in expected]
                    for case, expected in OUTCOMES.items() if case.startswith(f"{package}.")
                }
                self.assertEqual(found, {case: OUTCOMES[case] for case in found}, function.log.read_text()[-2000:])
                self.starts[package] = function.starts_ms()
                self.assertEqual(len(self.starts[package]), 1, "one start serves all of them")

    def test_a_time_out_costs_one_request(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            mute = f"http://127.0.0.1:{silent.getsockname()[1]}"
            stored = {name: text for name, text in settings("authorizer").items() if name != "EMBEDDED_STORE"}
            slow = {"REGISTRY_TABLE": "r", "USAGE_TABLE": "u", "DECISION_DEADLINE_MS": "5000", "AWS_ENDPOINT_URL": mute}
            with Function("authorizer", stored | slow, timeout_s=3) as function:
                self.assertIn("timed out", str(function.answer(event("authorizer.allowed"))))
                self.assertEqual(outcome(function.answer(event("authorizer.public"))), "allowed")

    def test_the_end_of_the_process_costs_one_request(self) -> None:
        with self.function("authorizer") as function:
            self.assertEqual(outcome(function.answer(event("authorizer.allowed"))), "allowed")
            os.kill(function.pid(), signal.SIGKILL)
            self.assertNotEqual(outcome(function.answer(event("authorizer.allowed"))), "allowed")
            self.assertEqual(outcome(function.answer(event("authorizer.allowed"))), "allowed")

    def function(self, package: str) -> Function:
        """With the settings that its events are made for, and the emulator's services instead of AWS's."""
        followed = [{"name": FOLLOWED, "target_group_arn": self.world.target_group, "port": 443}]
        here = {"AWS_ENDPOINT_URL": self.world.emulator.url}
        if package == "alb-sync":
            here |= {"SYNC_TARGETS": json.dumps(followed), "DNS_SERVERS": self.world.names.address}
        return Function(package, settings(package) | here)
