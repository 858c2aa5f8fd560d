"""Tests of the runtime interface, with a function that is written in a few lines."""

import asyncio
import json
import unittest
import urllib.request

from soak.functions.runtime_api import RuntimeApi
from soak.functions.workload import Invocation, Workload


class Echo(Workload):
    name = "echo"

    def __init__(self) -> None:
        super().__init__(1)
        self.seen: list[str] = []

    def invocation(self, number: int) -> Invocation:
        status = "200" if number % 2 == 0 else "404"
        event = json.dumps({"statusCode": int(status)}).encode()
        return Invocation("case", event, {status}, lambda answer: self.seen.append(str(answer)))


def serve(port: int, count: int, wrong: int) -> None:
    """Takes events as Lambda's client does. The response to event `wrong` is another one."""
    base = f"http://127.0.0.1:{port}/2018-06-01/runtime/invocation"
    for number in range(count):
        with urllib.request.urlopen(f"{base}/next") as event:
            identifier, body = event.headers["lambda-runtime-aws-request-id"], event.read()
        answer = b'{"errorType":"Fault"}' if number == wrong else body
        path = "error" if number == wrong else "response"
        urllib.request.urlopen(f"{base}/{identifier}/{path}", answer).close()


async def run(count: int, wrong: int) -> RuntimeApi:
    api = RuntimeApi(Echo(), count)
    async with api.server:
        await asyncio.to_thread(serve, api.server.port, count, wrong)
    return api


class Checks(unittest.TestCase):
    def test_right_responses_are_counted_by_their_outcome(self):
        api = asyncio.run(run(4, wrong=-1))
        self.assertEqual((api.answered, api.wrong), (4, 0))
        self.assertEqual(dict(api.outcomes), {"200": 2, "404": 2})
        self.assertEqual(len(api.workload.seen), 4)

    def test_wrong_response_is_found_and_not_passed_on(self):
        api = asyncio.run(run(4, wrong=2))
        self.assertEqual((api.wrong, len(api.workload.seen)), (1, 3))
        self.assertIn("invocation 3, case: Fault, expected 200", api.errors[0])


if __name__ == "__main__":
    unittest.main()
