"""Lambda's runtime interface. It hands out events as fast as the function takes them, and checks
each response.
"""

import asyncio
import collections
import json
import time

from harness.async_http import AsyncHttpServer, Request, response
from harness.events import outcome
from soak.functions.workload import Invocation, Workload

TIMEOUT_MS = 30_000
ACCEPTED = response(202, b"")
MAX_LISTED_ERRORS = 20
# Responses are cut in messages about them.
MAX_SHOWN_CHARS = 300


class RuntimeApi:
    """Serves `count` events of a workload, at most `rate` per second."""

    def __init__(self, workload: Workload, count: int, rate: float | None = None) -> None:
        self.workload, self.count, self.rate = workload, count, rate
        self.server = AsyncHttpServer(self._handle)
        self.begin: float | None = None
        self.handed_out = self.answered = 0
        self.current: Invocation | None = None
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.wrong = 0
        self.errors: list[str] = []
        self.finished = asyncio.Event()

    def environment(self, name: str) -> dict[str, str]:
        """Returns the variables that Lambda sets for its runtime client."""
        return {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.port}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "soak",
        }

    async def _handle(self, request: Request) -> bytes:
        if request.path.endswith("/invocation/next"):
            return await self._next()
        if request.path.endswith("/init/error"):
            self.errors.append(f"startup failed: {request.body[:MAX_SHOWN_CHARS]!r}")
            self.finished.set()
        else:
            self._check(request)
        return ACCEPTED

    async def _next(self) -> bytes:
        if self.handed_out == self.count:
            self.finished.set()
            await asyncio.Event().wait()
        await self._wait_for_turn()

        self.current = self.workload.invocation(self.handed_out)
        self.handed_out += 1
        return response(
            200,
            self.current.event,
            lambda_runtime_aws_request_id=f"00000000-0000-4000-8000-{self.handed_out:012}",
            lambda_runtime_deadline_ms=str(int(time.time() * 1000) + TIMEOUT_MS),
            lambda_runtime_invoked_function_arn=(
                f"arn:aws:lambda:us-east-1:123456789012:function:{self.workload.name}"
            ),
        )

    async def _wait_for_turn(self) -> None:
        now = time.monotonic()
        if self.begin is None:
            self.begin = now
        if self.rate:
            await asyncio.sleep(max(0.0, self.begin + self.handed_out / self.rate - now))

    def _check(self, request: Request) -> None:
        self.answered += 1
        invocation, answer = self.current, json.loads(request.body)
        actual = outcome(answer) if isinstance(answer, dict) else str(answer)
        self.outcomes[actual] += 1

        if actual not in invocation.expected:
            self.wrong += 1
            if len(self.errors) < MAX_LISTED_ERRORS:
                self.errors.append(
                    f"invocation {self.handed_out}, {invocation.case}: {actual}, expected "
                    f"{' or '.join(sorted(invocation.expected))}: {str(answer)[:MAX_SHOWN_CHARS]}"
                )
        elif invocation.then is not None:
            invocation.then(answer)
