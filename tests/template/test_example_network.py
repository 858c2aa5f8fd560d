"""The services of examples/network.yaml, and the compositions that call them."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import pathlib
import subprocess
import tempfile
import unittest
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urljoin, urlsplit

from harness.client import Response, call
from harness.gateway import Gateway
from harness.http_server import HttpServer, QuietHandler
from harness.logs_insights import LogLine, Query
from harness.paths import EVALUATOR, PROJECT
from harness.processes import wait_until
from template import saved_queries
from template.stack import Stack
from template.templates import Template
from template.test_monitoring import pattern

NETWORK = Template.read("examples/network.yaml")
COMPOSITIONS = PROJECT / "examples" / "compositions" / "compositions.json"
KEY = "alice-key-000000000000000000001"
SEEDS = {
    "plans": {"gold": {"throttle": {"rate": 1_000, "burst": 1_000}}},
    "keys": [{"key": KEY, "key_id": "alice", "plan": "gold", "subject": "alice"}],
}


def services() -> dict[str, Any]:
    """Returns the names in the code of the services."""
    names: dict[str, Any] = {}
    source = NETWORK.body["Mappings"]["Services"]["Code"]["Python"]
    exec(compile(source, NETWORK.path, "exec"), names)
    return names


class Services(unittest.TestCase):
    """The services with events as an ALB sends them."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.handler = staticmethod(services()["handler"])

    def get(self, path: str, **query: str) -> dict[str, Any]:
        event = {
            "httpMethod": "GET",
            "path": path,
            "queryStringParameters": query,
            "headers": {"x-tollgate-user-id": "alice", "x-api-key": "secret"},
        }
        with mock.patch.dict("os.environ", SERVICE="orders"):
            response = self.handler(event, None)
        self.assertEqual(response["statusCode"], 200)
        self.assertEqual(response["headers"]["content-type"], "application/json")
        return json.loads(response["body"])

    def test_path_without_data_shows_the_identity_headers_alone(self) -> None:
        self.assertEqual(
            self.get("/orders"),
            {
                "service": "orders",
                "method": "GET",
                "path": "/orders",
                "caller": {"x-tollgate-user-id": "alice"},
            },
        )

    def test_values_of_path_and_query_are_decoded(self) -> None:
        self.assertEqual(self.get("/users/auth0%7Cann")["id"], "auth0|ann")
        self.assertEqual(self.get("/catalog/recommendations", segment="a%26b")["segment"], "a&b")

    def test_links_lead_through_all_pages_of_orders(self) -> None:
        pages = [self.get("/orders", userId="alice", limit="5")]
        while link := pages[-1]["next"]:
            path, _, query = link.partition("?")
            pages.append(self.get(path, **dict(pair.split("=") for pair in query.split("&"))))
        ids = [item["id"] for page in pages for item in page["items"]]
        self.assertEqual(ids, [f"o-{number}" for number in range(1, 13)])

    def test_each_service_has_a_listener_rule_for_the_paths_that_it_serves(self) -> None:
        stack = Stack(NETWORK, {})
        patterns = [
            pattern
            for rule in stack.of_type("AWS::ElasticLoadBalancingV2::ListenerRule").values()
            for condition in rule["Conditions"]
            for pattern in condition.get("PathPatternConfig", {}).get("Values", [])
        ]
        document = json.loads(COMPOSITIONS.read_text())
        paths = [
            part["get"].partition("?")[0]
            for route in document["routes"].values()
            for part in route["parts"].values()
        ]
        for path in paths:
            self.assertTrue(any(fnmatch.fnmatch(path, it) for it in patterns), path)

    def test_compositions_are_valid_for_a_deployed_load_balancer(self) -> None:
        url = "http://internal-network-Alb-1.us-east-1.elb.amazonaws.com"
        checked = subprocess.run(
            [EVALUATOR, "compose", "check", COMPOSITIONS, "--backend", url],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(checked.returncode, 0, checked.stderr)
        # docs/guides/composition.md shows this line.
        summary = "The file is valid: 2 routes, 5 parts, 1 service."
        self.assertEqual(checked.stdout.splitlines()[-1], summary)

    def test_compositions_fit_into_the_parameter(self) -> None:
        value = COMPOSITIONS.read_text()
        parameter = Template.read("template.yaml").parameters["Compositions"]
        self.assertLessEqual(len(value), parameter["MaxLength"])
        self.assertRegex(value, parameter["AllowedPattern"])
        # The guide writes them in single quotes.
        self.assertNotIn("'", value)


class Backend(QuietHandler):
    """Calls the code of the services as an ALB does. Paths that begin with `failed` get 503."""

    handler = staticmethod(services()["handler"])
    failed = "none"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith(self.failed):
            self.send_response(503)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        event = {
            "httpMethod": "GET",
            "path": path,
            "queryStringParameters": {name: value for name, _, value in pairs},
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        response = self.handler(event, None)
        self.respond(response["body"].encode(), **{"cache-control": "private, max-age=10"})


class ComposedResponses(unittest.TestCase):
    """Both routes, served by the local gateway."""

    @classmethod
    def setUpClass(cls) -> None:
        running = contextlib.ExitStack()
        cls.addClassCleanup(running.close)
        folder = pathlib.Path(running.enter_context(tempfile.TemporaryDirectory()))
        backend = running.enter_context(HttpServer(Backend))
        running.enter_context(mock.patch.dict("os.environ", SERVICE="network"))

        def gateway(name: str, **parameters: str) -> Gateway:
            return Gateway(
                folder,
                name,
                SEEDS,
                backend=backend.url,
                compositions=json.loads(COMPOSITIONS.read_text()),
                # A busy machine does not decide without its limits.
                parameters={"DecisionDeadlineMs": "5000", **parameters},
                binary=EVALUATOR,
            )

        cls.gateway = running.enter_context(gateway("gateway"))
        cls.browsers = running.enter_context(
            gateway("browsers", AllowedOrigins="https://app.example.com")
        )

    def get(self, path: str, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(self.gateway.port, "GET", path, {"x-api-key": KEY, **named})

    def test_browsers_of_other_origins_reach_compositions_with_allowed_origins(self) -> None:
        origin = "https://app.example.com"
        requested = {"origin": origin, "access-control-request-method": "GET"}
        preflight = call(self.browsers.port, "OPTIONS", "/bff/dashboard", requested)
        self.assertEqual(preflight.status, 204, preflight)
        self.assertEqual(preflight.headers["access-control-allow-origin"], origin)

        response = call(
            self.browsers.port, "GET", "/bff/dashboard", {"x-api-key": KEY, "origin": origin}
        )
        self.assertEqual((response.status, response.headers["x-tollgate-complete"]), (200, "true"))
        exposed = response.headers["access-control-expose-headers"].split(",")
        self.assertIn("x-tollgate-complete", [name.strip() for name in exposed])

    def without(self, path: str) -> contextlib.AbstractContextManager[object]:
        """Lets the services fail for paths that begin with this one."""
        return mock.patch.object(Backend, "failed", path)

    def test_dashboard_has_the_responses_of_three_services(self) -> None:
        response = self.get("/bff/dashboard")
        self.assertEqual(response.status, 200, response)
        self.assertEqual(response.headers["cache-control"], "private, max-age=10")
        document = response.json()
        self.assertEqual(list(document), ["user", "orders", "recommendations"])
        self.assertEqual(document["user"]["name"], "Alice")
        self.assertEqual(document["recommendations"]["segment"], "gold")

    def test_links_of_the_dashboard_lead_through_all_orders(self) -> None:
        ids, link = [], "/bff/dashboard"
        while link:
            query = urlsplit(link).query
            self.assertLessEqual({name for name, _ in parse_qsl(query)}, {"orders_cursor"})
            orders = self.get(urljoin("/bff/dashboard", link)).json()["orders"]
            ids += [item["id"] for item in orders["items"]]
            link = orders["next"]
        self.assertEqual(ids, [f"o-{number}" for number in range(1, 13)])

    def test_dashboard_has_fallbacks_for_services_that_fail(self) -> None:
        for path, missing, expected in (
            ("/orders", {"orders": "status"}, {"orders": {"items": [], "total": 0}}),
            ("/catalog", {"recommendations": "status"}, {"recommendations": {"items": []}}),
            (
                "/users",
                {"user": "status", "recommendations": "dependency"},
                {"user": {"name": "User"}, "recommendations": {"items": []}},
            ),
        ):
            with self.without(path):
                response = self.get("/bff/dashboard")
            self.assertEqual(response.status, 206, response)
            document = response.json()
            found = {it["part"]: it["reason"] for it in document["_metadata"]["missing"]}
            self.assertEqual(found, missing)
            self.assertEqual({name: document[name] for name in expected}, expected)

    def test_log_lines_of_partial_responses_are_counted_and_listed(self) -> None:
        with self.without("/orders"):
            self.assertEqual(self.get("/bff/dashboard").status, 206)
        self.assertEqual(self.get("/bff/dashboard").status, 200)

        def lines() -> list[dict[str, Any]] | None:
            found = [it for it in self.gateway.log_records() if it.get("message") == "composed"]
            return found if {"partial", "complete"} <= {it["result"] for it in found} else None

        composed = wait_until(lines, 10, "the composer's lines")
        partial = [it for it in composed if it.get("missing") == "orders=status"]
        (complete, *_) = (it for it in composed if it["result"] == "complete")
        for line, cause in ((partial[-1], "service"), (complete, None)):
            self.assertEqual(line.get("cause"), cause)
            self.assertTrue(pattern("CompositionsFilter").matches(line))
            self.assertEqual(pattern("FailedServicesFilter").matches(line), cause == "service")
            self.assertFalse(pattern("ComposerFaultsFilter").matches(line))

        envelopes = [LogLine("composer", it["timestamp"], json.dumps(it)) for it in composed]
        rows = Query(saved_queries.saved()["partial-responses"]).run(envelopes)
        found = {(row["route"], row["missing"]): row["responses"] for row in rows}
        self.assertEqual(found["GET /bff/dashboard", "orders=status"], len(partial))

    def test_feed_of_old_apps_has_other_fields(self) -> None:
        old = self.get("/bff/mobile/feed", x_app_version="1.9.0").json()
        self.assertEqual(old.keys(), {"user", "data", "city"})
        self.assertEqual(old["city"], "Lisbon")
        self.assertNotIn("email", old["user"])
        for version in ({"x_app_version": "2.0.0"}, {}):
            new = self.get("/bff/mobile/feed", **version).json()
            self.assertEqual(list(new), ["user", "feed"])
            self.assertEqual(new["user"]["email"], "alice@example.com")
            self.assertEqual(new["feed"], old["data"])

    def test_feed_has_only_the_fields_that_the_app_asks_for(self) -> None:
        titles = [{"title": f"Book {number}"} for number in range(1, 6)]
        found = self.get("/bff/mobile/feed?fields=data(title)", x_app_version="1.9.0")
        # docs/guides/composition.md shows this response.
        self.assertEqual(found.json(), {"data": titles})
        stock = self.get("/bff/mobile/feed?fields=feed.stock.units,user(name)").json()
        self.assertEqual(stock, {"user": {"name": "Alice"}, "feed": [{"stock": {"units": 7}}] * 5})

    def test_feed_fails_without_its_required_part(self) -> None:
        with self.without("/catalog"):
            response = self.get("/bff/mobile/feed")
        self.assertEqual(response.status, 502, response)
        self.assertEqual(response.json()["part"], "feed")


if __name__ == "__main__":
    unittest.main()
