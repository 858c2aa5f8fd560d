"""Each saved query gives the rows that its description promises, for log lines of a gateway.

The lines of the local gateway have the form of the deployed access log and of the functions' logs.
Only the envelope that CloudWatch Logs adds is made here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import re
import tempfile
import unittest
from collections import Counter
from typing import Any

from harness.client import Response, get
from harness.gateway import Gateway
from harness.http_server import HttpServer
from harness.logs_insights import LogLine, Query, Row
from harness.paths import EVALUATOR, PROJECT
from template import saved_queries
from template.gateway_log import (
    ACCESS,
    AUTHORIZER,
    KEYS,
    LIMITER,
    POLICY,
    SEEDS,
    SLOW_S,
    Backend,
    changes,
    log_lines,
    records,
    requests,
)
from template.parameter_sets import SAMPLES

LOG_GROUPS = {
    "AccessLogGroupName": SAMPLES["AccessLogGroupName"],
    "AuthorizerLogGroupName": SAMPLES["AuthorizerLogGroupName"],
}
# Nothing listens at this address. Its port needs privileges.
ISSUER = "https://127.0.0.1:1"
CLAIMS = {"iss": ISSUER, "aud": "api", "sub": "a", "exp": 4_000_000_000}
UNREACHABLE_ISSUER = {
    "issuers": [{"issuer": ISSUER, "audiences": ["api"], "default_plan": "free"}],
    "rules": [{"match": "GET /", "auth": "jwt"}],
}
# Lines of the Lambda service, from "Lambda Telemetry API Event schema reference".
PLATFORM_LINES = [
    {
        "time": "2026-11-28T11:02:03.456Z",
        "type": "platform.initReport",
        "record": {"initializationType": "on-demand", "phase": "init", "status": status},
    }
    for status in ("success", "error")
]


def encoded(part: dict[str, Any]) -> str:
    """Returns a part of a token. The signature is invalid, but its form is not."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class SavedQueries(unittest.TestCase):
    queries: dict[str, str]
    lines: list[LogLine]
    responses: list[Response]

    @classmethod
    def setUpClass(cls) -> None:
        cls.queries = saved_queries.saved()
        with contextlib.ExitStack() as running:
            folder = pathlib.Path(running.enter_context(tempfile.TemporaryDirectory()))
            backend = running.enter_context(HttpServer(Backend))
            gateway = running.enter_context(
                Gateway(
                    folder,
                    "gateway",
                    SEEDS,
                    POLICY,
                    backend=backend.url,
                    # A busy machine does not decide without its limits.
                    parameters={"DecisionDeadlineMs": "5000"},
                    binary=EVALUATOR,
                )
            )
            cls.responses = requests(gateway)
            changes(gateway)
            found = records(gateway, len(cls.responses) + 3)
        cls.lines = log_lines(found)

    def rows(
        self, name: str, *groups: str, lines: list[LogLine] | None = None, **words: str
    ) -> list[Row]:
        """Runs a saved query over log groups. `words` replace words in capitals."""
        text = self.queries[name]
        for word, value in words.items():
            self.assertIn(word, text)
            text = text.replace(word, value)
        read = [line for line in lines or self.lines if line.group in groups]
        rows = Query(text).run(read)
        # The result does not depend on the comparison with a missing field.
        self.assertEqual(Query(text, missing_differs=True).run(read), rows)
        return rows

    def decisions(self, **fields: str) -> list[LogLine]:
        """Returns the authorizer's lines about decisions with these fields."""
        found = [line for line in self.lines if line.group == AUTHORIZER]
        return [
            line
            for line in found
            if all(json.loads(line.message).get(name) == it for name, it in fields.items())
        ]

    def test_responses_are_those_that_the_queries_are_asked_about(self) -> None:
        statuses = Counter(response.status for response in self.responses)
        self.assertEqual(statuses, {200: 3 + 2 + 3 + 2, 429: 2 + 4, 401: 3, 403: 1})

    def test_throttled_callers(self) -> None:
        self.assertEqual(
            self.rows("who-is-throttled", AUTHORIZER),
            [
                {"caller": "key#beta", "key_id": "beta", "plan": "steady", "throttled": 4},
                {"caller": "key#acme", "key_id": "acme", "plan": "trial", "throttled": 2},
            ],
        )

    def test_first_and_last_throttled_request_of_each_caller_and_limit(self) -> None:
        expected = []
        for key, limit in (("acme", "month"), ("beta", "burst")):
            times = [it.timestamp for it in self.decisions(decision="throttled", key_id=key)]
            times.sort()
            expected.append(
                {
                    "caller": f"key#{key}",
                    "detail": limit,
                    "since": times[0],
                    "last_seen": times[-1],
                    "throttled": len(times),
                }
            )
        self.assertEqual(self.rows("since-when", AUTHORIZER), expected)

    def test_limits_that_are_used_up(self) -> None:
        self.assertEqual(
            self.rows("by-which-limit", AUTHORIZER),
            [
                {"plan": "steady", "reason": "rate_exceeded", "detail": "burst", "throttled": 4},
                {"plan": "trial", "reason": "quota_exceeded", "detail": "month", "throttled": 2},
            ],
        )

    def test_changes_of_a_key_and_its_plan_name_the_administrator(self) -> None:
        found = self.rows("who-changed-it", LIMITER, KEY_ID="beta", PLAN="steady")
        self.assertEqual(
            [(it["action"], it["target"], it["principal"], it["result"]) for it in found],
            [("key.update", "beta", "local", "ok"), ("plan.put", "steady", "local", "ok")],
        )
        self.assertIn("/enabled", found[0]["changes"])
        self.assertEqual(self.rows("who-changed-it", LIMITER, KEY_ID="other", PLAN="none"), [])

    def test_slow_backend_is_told_from_the_gateway(self) -> None:
        slow, *others = self.rows("backend-or-gateway", ACCESS)
        self.assertEqual((slow["route"], slow["requests"]), ("GET /slow", 2))
        self.assertGreaterEqual(slow["backend_p99"], SLOW_S * 1_000)
        self.assertGreater(slow["total_p99"], slow["gateway_p99"])
        self.assertLess(slow["gateway_p99"], slow["backend_p99"])
        self.assertLessEqual(slow["authorizer_p99"], slow["total_p99"])

        # Of the requests to /fast, six reach a listener rule, and eight the backend. The admin API
        # has no rule in the policy.
        counts = {(it["route_key"], it["route"]): it["requests"] for it in others}
        self.assertEqual(
            counts, {("ANY /{proxy+}", "GET /fast"): 14, ("ANY /_tollgate/v1/{proxy+}", "-"): 3}
        )

    def test_callers_with_the_most_requests_come_first(self) -> None:
        expected = [
            ("key#beta", "steady", 6, 4),
            # The request without a rule has no caller.
            ("key#acme", "trial", 5, 2),
            ("key#gold", "gold", 5, 0),
        ]
        names = ("caller", "plan", "requests", "throttled")
        found = self.rows("top-callers", ACCESS)
        self.assertEqual(found[0], dict(zip(names, expected[0], strict=True)))
        self.assertCountEqual(found, [dict(zip(names, it, strict=True)) for it in expected])

    def test_callers_can_be_found_in_the_log_of_the_authorizer(self) -> None:
        """With `HttpApiId` there is no access log, and `LogDecisions` is `all`."""
        throttled = [row for row in self.rows("top-callers", AUTHORIZER) if row["throttled"]]
        self.assertEqual(
            [(row["caller"], row["throttled"]) for row in throttled],
            [("key#beta", 4), ("key#acme", 2)],
        )

    def test_refusals_have_reasons_and_callers(self) -> None:
        found = self.rows("refusals", AUTHORIZER)
        self.assertEqual([row["refusals"] for row in found], [4, 2, 2, 1, 1])
        self.assertEqual(
            {(row["reason"], row["detail"], row["plan"], row["refusals"]) for row in found},
            {
                ("rate_exceeded", "burst", "steady", 4),
                ("quota_exceeded", "month", "trial", 2),
                ("unknown_key", "not_found", "-", 2),
                ("missing_credentials", "api_key_missing", "-", 1),
                ("no_rule", "no rule matches the method and the path", "-", 1),
            },
        )

    def test_lines_of_one_request_are_found_in_every_log(self) -> None:
        for line, groups in (
            (self.decisions(decision="throttled")[0], [ACCESS, AUTHORIZER]),
            (self.decisions(reason="unknown_key")[0], [ACCESS, AUTHORIZER]),
            (
                next(it for it in self.lines if '"administrative change"' in it.message),
                [ACCESS, LIMITER, LIMITER],
            ),
        ):
            id_ = json.loads(line.message)["request_id"]
            found = self.rows("one-request", ACCESS, AUTHORIZER, LIMITER, REQUEST_ID=id_)
            self.assertEqual(sorted(row["@log"] for row in found), groups)
            times = [row["@timestamp"] for row in found]
            self.assertEqual(times, sorted(times))

    def counted(self, rule: dict[str, Any]) -> Counter[tuple[str, ...]]:
        """Counts the contributors in the log group of a rule."""
        group = {LOG_GROUPS["AccessLogGroupName"]: ACCESS}.get(rule["LogGroupNames"][0], AUTHORIZER)
        lines = [line.message for line in self.lines if line.group == group]
        return saved_queries.contributors(rule, lines)

    def test_contributor_insights_count_requests_and_throttles_by_caller(self) -> None:
        rules = saved_queries.rules(CreateDashboard="with-key-insights", **LOG_GROUPS)
        throttled = {("key#beta", "beta"): 4, ("key#acme", "acme"): 2}
        self.assertEqual(self.counted(rules["ThrottledCallersRule"]), throttled)
        self.assertEqual(
            self.counted(rules["CallersRule"]),
            {("key#acme", "acme"): 5, ("key#beta", "beta"): 6, ("key#gold", "gold"): 5},
        )

    def test_contributor_insights_need_no_access_log(self) -> None:
        groups = LOG_GROUPS | {"AccessLogGroupName": ""}
        rules = saved_queries.rules(CreateDashboard="with-key-insights", **groups)
        for rule in rules.values():
            self.assertEqual(rule["LogGroupNames"], [LOG_GROUPS["AuthorizerLogGroupName"]])
            self.assertEqual(self.counted(rule)["key#beta", "beta"], 4)

    def test_rules_have_the_form_of_the_documentation(self) -> None:
        rules = saved_queries.rules(CreateDashboard="with-key-insights", **LOG_GROUPS)
        self.assertEqual(rules.keys(), {"CallersRule", "ThrottledCallersRule"})
        for rule in rules.values():
            self.assertEqual(rule["Schema"], {"Name": "CloudWatchLogRule", "Version": 1})
            self.assertEqual((rule["LogFormat"], rule["AggregateOn"]), ("JSON", "Count"))
            self.assertLessEqual(len(rule["Contribution"]["Keys"]), 4)
            self.assertLessEqual(len(rule["Contribution"]["Filters"]), 4)
            for filter_ in rule["Contribution"]["Filters"]:
                self.assertEqual(filter_.keys(), {"Match", "In"})
                self.assertLessEqual(len(filter_["In"]), 10)

    def test_refusals_are_no_faults(self) -> None:
        self.assertEqual(self.rows("faults", AUTHORIZER, LIMITER), [])

    def test_faults_of_requests_and_invocations_are_found(self) -> None:
        token = ".".join(encoded(part) for part in ({"alg": "RS256", "kid": "a"}, CLAIMS, {}))
        with contextlib.ExitStack() as running:
            folder = pathlib.Path(running.enter_context(tempfile.TemporaryDirectory()))
            gateway = running.enter_context(
                Gateway(folder, "gateway", policy=UNREACHABLE_ISSUER, binary=EVALUATOR)
            )
            self.assertEqual(get(gateway.port, "/", token=token).status, 500)
            found = log_lines(records(gateway, 1))

        started = {"level": "ERROR", "message": "the function cannot run", "error": "AUTH_POLICY: …"}
        others = [*PLATFORM_LINES, started]
        platform = [
            LogLine(AUTHORIZER, "2026-11-28 11:02:03.456", json.dumps(it)) for it in others
        ]
        rows = self.rows("faults", AUTHORIZER, LIMITER, lines=[*found, *platform])
        decided = [row for row in rows if row["message"] == "decided"]
        self.assertEqual([row["reason"] for row in decided], ["keys_unavailable"])
        self.assertTrue(decided[0]["problem"])
        types = [(row["type"], row["record.status"]) for row in rows if row["type"]]
        self.assertEqual(types, [("platform.initReport", "error")])
        self.assertIn(started["error"], [row["error"] for row in rows])


class Documents(unittest.TestCase):
    maxDiff = None

    def test_document_has_the_saved_queries(self) -> None:
        self.assertEqual(saved_queries.documented(), saved_queries.saved())

    def test_examples_of_output_have_the_columns_of_their_queries(self) -> None:
        queries, examples = saved_queries.saved(), saved_queries.examples()
        self.assertEqual(examples.keys(), set(saved_queries.questions().values()))
        for name, columns in examples.items():
            self.assertEqual(columns, saved_queries.columns(queries[name]), name)

    def test_each_of_the_five_questions_has_a_query(self) -> None:
        self.assertEqual(
            saved_queries.questions(),
            {
                "Who is throttled?": "who-is-throttled",
                "Since when?": "since-when",
                "By which limit?": "by-which-limit",
                "Who changed it?": "who-changed-it",
                "Is the backend or the gateway slow?": "backend-or-gateway",
            },
        )

    def test_runbook_names_only_saved_queries(self) -> None:
        runbook = (PROJECT / "docs" / "operations" / "runbook.md").read_text()
        named = set(re.findall(r"`STACK/([a-z-]+)`", runbook))
        self.assertTrue(named)
        self.assertLessEqual(named, saved_queries.saved().keys())


if __name__ == "__main__":
    unittest.main()
