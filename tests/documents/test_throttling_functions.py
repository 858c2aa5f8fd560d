"""The functions in examples/lambda-429/ respond to throttled requests as the listener rules do."""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from typing import Any

from harness.paths import PROJECT

FOLDER = PROJECT / "examples" / "lambda-429"
LIMITS = {"ratelimit_policy": '"burst";q=5;w=1', "ratelimit": '"burst";r=0;t=17'}
LIMIT_HEADERS = {"ratelimit-policy": '"burst";q=5;w=1', "ratelimit": '"burst";r=0;t=17'}
CALLER = {"plan": "free", "key_id": "local-free"}
# Both programs read events from standard input and write responses.
NODE = """
import { text } from "node:stream/consumers";
import { handler } from "./index.mjs";
import { withTollgate } from "./tollgate.mjs";
const respond = async (event) => {
  if (event !== "no status") return handler(event, {});
  const wrong = withTollgate(async () => "hello");
  return wrong({ requestContext: { authorizer: { lambda: { decision: "allowed" } } } }, {})
    .catch((error) => error.message);
};
console.error = () => {};
const events = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(await Promise.all(events.map(respond))));
"""
PYTHON = """
import contextlib, json, sys
from index import handler
from tollgate import with_tollgate
def respond(event):
    if event != "no status":
        return handler(event, None)
    try:
        allowed = {"requestContext": {"authorizer": {"lambda": {"decision": "allowed"}}}}
        return with_tollgate(lambda event, context: "hello")(allowed, None)
    except TypeError as error:
        return str(error)
with contextlib.redirect_stdout(sys.stderr):
    responses = [respond(event) for event in json.load(sys.stdin)]
print(json.dumps(responses))
"""
PROGRAMS = {
    "node": ["node", "--input-type=module", "--eval", NODE],
    "python": [sys.executable, "-B", "-c", PYTHON],
}


def event(**context: str) -> dict[str, Any]:
    """Returns the event of a request for the limiter, with the context of another decision."""
    event = json.loads((PROJECT / "events" / "limiter.own-usage.json").read_text())
    event["requestContext"]["authorizer"]["lambda"] = CALLER | context
    return event


def without_authorizer() -> dict[str, Any]:
    without = event()
    del without["requestContext"]["authorizer"]
    return without


def responses(program: str, *events: object) -> list[Any]:
    run = subprocess.run(
        PROGRAMS[program],
        cwd=FOLDER,
        input=json.dumps(events),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return json.loads(run.stdout)


def fixed_response(status: int) -> dict[str, Any]:
    """Returns the body that the template's listener rule responds with."""
    template = (PROJECT / "template.yaml").read_text()
    lines = [line.strip() for line in template.splitlines() if f'"status":{status},' in line]
    (line,) = lines
    return json.loads(line)


class ThrottlingFunctions(unittest.TestCase):
    def test_throttled_request_gets_429_with_its_headers(self) -> None:
        throttled = event(decision="throttled", retry_after="17", **LIMITS)
        for program in PROGRAMS:
            (response,) = responses(program, throttled)
            self.assertEqual(response["statusCode"], 429, program)
            self.assertEqual(json.loads(response["body"]), fixed_response(429), program)
            expected = LIMIT_HEADERS | {"retry-after": "17"}
            self.assertLessEqual(expected.items(), response["headers"].items(), program)

    def test_unavailable_limits_are_503(self) -> None:
        for program in PROGRAMS:
            (response,) = responses(program, event(decision="unavailable"))
            self.assertEqual(response["statusCode"], 503, program)
            self.assertEqual(json.loads(response["body"]), fixed_response(503), program)
            self.assertNotIn("retry-after", response["headers"], program)

    def test_request_within_its_limits_reaches_the_handler(self) -> None:
        for program in PROGRAMS:
            allowed, degraded = responses(
                program, event(decision="allowed", **LIMITS), event(decision="degraded")
            )
            self.assertEqual((allowed["statusCode"], degraded["statusCode"]), (200, 200), program)
            self.assertLessEqual(CALLER.items(), json.loads(allowed["body"]).items(), program)
            self.assertLessEqual(LIMIT_HEADERS.items(), allowed["headers"].items(), program)
            self.assertEqual(degraded["headers"], {"content-type": "application/json"}, program)

    def test_request_without_a_known_decision_never_reaches_the_handler(self) -> None:
        cases = [without_authorizer(), event(), event(decision="-"), event(decision="constructor")]
        for program in PROGRAMS:
            found = [response["statusCode"] for response in responses(program, *cases)]
            self.assertEqual(found, [500] * len(cases), program)

    def test_preflight_never_reaches_the_handler(self) -> None:
        def sent(method: str, auth: str) -> dict[str, Any]:
            request = event(decision="allowed", auth=auth)
            request["requestContext"]["http"]["method"] = method
            return request

        cases = [("OPTIONS", "none"), ("OPTIONS", "-"), ("OPTIONS", "api_key"), ("GET", "none")]
        for program in PROGRAMS:
            found = responses(program, *(sent(method, auth) for method, auth in cases))
            self.assertEqual([it["statusCode"] for it in found], [204, 204, 200, 200], program)
            self.assertNotIn("body", found[0], program)

    def test_handler_without_a_status_is_an_error(self) -> None:
        for program in PROGRAMS:
            (message,) = responses(program, "no status")
            self.assertIn("expected a response with statusCode", message, program)


if __name__ == "__main__":
    unittest.main()
