"""Instructions per call, counted by callgrind: the difference of two runs, divided by the calls that
one of them makes more. Unlike times, these do not depend on the load of the machine.
"""

import json
import pathlib
import re
import signal
import tempfile
import threading
from collections.abc import Callable

from bench.environment import MeasurementError, run, variables
from harness.http_server import HttpServer, QuietHandler
from harness.processes import Program

FEW, MANY = 200, 700
TIMEOUT_S = 300
NEXT_EVENT = "/runtime/invocation/next"
FUNCTION_VARIABLES = {
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_LOG_GROUP_NAME": "bench",
    "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
}


class Invocations:
    """A runtime API that gives a function one event `count` times and then none."""

    def __init__(self, event: dict, count: int) -> None:
        self.event, self.count = json.dumps(event).encode(), count
        self.responses: list[bytes] = []
        self.given = 0
        self.is_done, self.may_end = threading.Event(), threading.Event()

    def handler(self) -> type[QuietHandler]:
        invocations = self

        class RuntimeApi(QuietHandler):
            def do_GET(self) -> None:
                if not self.path.endswith(NEXT_EVENT) or invocations.given == invocations.count:
                    invocations.is_done.set()
                    invocations.may_end.wait(TIMEOUT_S)
                    return
                invocations.given += 1
                self.respond(
                    invocations.event,
                    Lambda_Runtime_Aws_Request_Id=f"request-{invocations.given:06}",
                    Lambda_Runtime_Deadline_Ms="9999999999999",
                    Lambda_Runtime_Invoked_Function_Arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
                )

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                invocations.responses.append(self.rfile.read(length))
                self.respond(b"{}")

        return RuntimeApi


def counted(output: pathlib.Path) -> int:
    """Returns the instructions in a file of callgrind."""
    found = re.search(r"^(?:summary|totals): (\d+)", output.read_text(), re.MULTILINE)
    if not found:
        raise MeasurementError("callgrind counted nothing")
    return int(found[1])


def callgrind(output: pathlib.Path) -> list[str]:
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}"]


def of_benchmark(program: pathlib.Path, events: pathlib.Path, algorithm: str, calls: int) -> int:
    """Counts a run of the authorizer's benchmark with so many calls. `events` is the folder that it
    has written.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "callgrind.out"
        environment = variables(
            BENCH_CALLS=str(calls), BENCH_EVENTS=str(events), BENCH_ALGORITHM=algorithm
        )
        run([*callgrind(output), program], environment, TIMEOUT_S)
        return counted(output)


def of_function(
    program: pathlib.Path, event: dict, settings: dict, expected: str, calls: int
) -> int:
    """Counts a run of a function, from its start until it has responded so many times."""
    invocations = Invocations(event, calls)
    with tempfile.TemporaryDirectory() as folder, HttpServer(invocations.handler()) as api:
        output = pathlib.Path(folder) / "callgrind.out"
        environment = {
            **FUNCTION_VARIABLES,
            **settings,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.port}",
        }
        command = [*callgrind(output), program]
        with Program(command, environment=variables(**environment)) as function:
            if not invocations.is_done.wait(TIMEOUT_S):
                raise MeasurementError(f"{program.name} did not respond {calls} times")
            function.process.send_signal(signal.SIGTERM)
            function.process.wait(TIMEOUT_S)
        invocations.may_end.set()
        check_responses(invocations, expected)
        return counted(output)


def check_responses(invocations: Invocations, expected: str) -> None:
    unexpected = [it for it in invocations.responses if expected not in it.decode()]
    if unexpected:
        raise MeasurementError(f"unexpected response {unexpected[0][:150]}")


def per_call(count: Callable[[int], int]) -> float:
    """Returns the instructions per call. `count` counts a run with so many calls."""
    return (count(MANY) - count(FEW)) / (MANY - FEW)
