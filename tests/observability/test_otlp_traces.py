"""Traces of the local gateway, as a collector decodes them."""

import unittest

from harness.client import call
from harness.collector import ReceivedSpan
from harness.emulator import Ministack
from harness.processes import wait_until
from observability.otlp import (
    FREE_KEY,
    KEY,
    TIMEOUT_S,
    ExportTest,
    get,
    leave_during_response,
)

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-00"


def by_kind(spans: list[ReceivedSpan], kind: str) -> ReceivedSpan:
    """Returns the only span of a kind."""
    (span,) = (span for span in spans if span.kind == kind)
    return span


class Traces(ExportTest):
    def test_one_trace_joins_gateway_authorizer_dynamodb_and_backend(self) -> None:
        store = self.enterContext(Ministack(self.folder / "ministack"))
        gateway = self.start(endpoint=store.url)
        self.assertEqual(get(gateway, "/orders").status, 200)

        (server,) = self.spans_of("GET /{proxy+}")
        self.assertEqual((server.kind, server.parent_id), ("SERVER", ""))
        spans = self.trace_of(server, 4)
        authorizer = by_kind(spans, "INTERNAL")
        self.assertEqual((authorizer.name, authorizer.parent_id), ("authorizer", server.span_id))

        clients = [span for span in spans if span.kind == "CLIENT"]
        (backend,) = (span for span in clients if "url.full" in span.attributes)
        self.assertEqual(backend.parent_id, server.span_id)
        calls = [span for span in clients if span is not backend]
        self.assertGreater(len(calls), 0)
        for dynamodb in calls:
            self.assertEqual(dynamodb.attributes["db.system.name"], "aws.dynamodb")
            self.assertEqual(dynamodb.parent_id, authorizer.span_id)

        received = self.backend.headers["/orders"]["traceparent"]
        self.assertEqual(received, f"00-{server.trace_id}-{backend.span_id}-01")
        self.assert_accepted()

    def test_trace_of_the_client_goes_on(self) -> None:
        gateway = self.start()
        get(gateway, "/orders", traceparent=SAMPLED, tracestate="vendor=1")

        (server,) = self.spans_of("GET /{proxy+}")
        self.assertEqual((server.trace_id, server.parent_id), (TRACE_ID, SPAN_ID))
        states = {span.trace_state for span in self.trace_of(server, 3)}
        self.assertEqual(states, {"vendor=1"})
        headers = self.backend.headers["/orders"]
        self.assertRegex(headers["traceparent"], f"^00-{TRACE_ID}-[0-9a-f]{{16}}-01$")
        self.assertNotIn(SPAN_ID, headers["traceparent"])
        self.assertEqual(headers["tracestate"], "vendor=1")

    def test_trace_that_is_not_sampled_is_passed_on_and_not_exported(self) -> None:
        gateway = self.start()
        get(gateway, "/first", traceparent=NOT_SAMPLED, tracestate="vendor=1")
        get(gateway, "/second")

        self.spans_of("GET /{proxy+}")
        self.assertEqual([span for span in self.collector.spans() if span.trace_id == TRACE_ID], [])
        headers = self.backend.headers["/first"]
        self.assertRegex(headers["traceparent"], f"^00-{TRACE_ID}-[0-9a-f]{{16}}-00$")
        self.assertEqual(headers["tracestate"], "vendor=1")

    def test_invalid_trace_context_begins_a_trace(self) -> None:
        gateway = self.start()
        get(gateway, "/orders", traceparent="00-1-2-01", tracestate="vendor=1")

        (server,) = self.spans_of("GET /{proxy+}")
        self.assertEqual(server.parent_id, "")
        headers = self.backend.headers["/orders"]
        self.assertIn(server.trace_id, headers["traceparent"])
        self.assertNotIn("tracestate", headers)

    def test_sampler_follows_its_setting(self) -> None:
        gateway = self.start({"OTEL_TRACES_SAMPLER": "parentbased_always_off"})
        for _ in range(5):
            get(gateway, "/orders")
        get(gateway, "/orders", traceparent=SAMPLED)

        (server,) = self.spans_of("GET /{proxy+}")
        self.assertEqual(server.trace_id, TRACE_ID)

    def test_without_traces_the_context_of_the_client_is_unchanged(self) -> None:
        gateway = self.start({"OTEL_TRACES_EXPORTER": "none"})
        get(gateway, "/with", traceparent=SAMPLED, tracestate="vendor=1")
        get(gateway, "/without")

        headers = self.backend.headers["/with"]
        self.assertEqual((headers["traceparent"], headers["tracestate"]), (SAMPLED, "vendor=1"))
        self.assertNotIn("traceparent", self.backend.headers["/without"])
        metric = wait_until(
            lambda: self.collector.metrics().get("http.server.request.duration"),
            TIMEOUT_S,
            "metrics",
        )
        exemplars = {one for point in metric.points for one in point.exemplars}
        self.assertLessEqual(exemplars, {(TRACE_ID, SPAN_ID)})
        self.assertEqual(self.collector.spans(), [])

    def test_without_propagators_a_request_is_still_one_trace(self) -> None:
        gateway = self.start({"OTEL_PROPAGATORS": "none"})
        get(gateway, "/orders", traceparent=SAMPLED)

        (server,) = self.spans_of("GET /{proxy+}")
        self.assertNotEqual(server.trace_id, TRACE_ID)
        parents = {span.parent_id for span in self.trace_of(server, 3)}
        self.assertEqual(parents, {"", server.span_id})
        self.assertEqual(self.backend.headers["/orders"]["traceparent"], SAMPLED)

    def test_attributes_follow_the_semantic_conventions(self) -> None:
        gateway = self.start()
        get(gateway, "/orders/7?token=hush", user_agent="test/1", x_request_id="request-7")
        (server,) = self.spans_of("GET /{proxy+}")

        expected = {
            "http.request.method": "GET",
            "url.path": "/orders/7",
            "url.scheme": "http",
            "http.route": "/{proxy+}",
            "http.response.status_code": 200,
            "server.address": "127.0.0.1",
            "server.port": gateway.port,
            "client.address": "127.0.0.1",
            "user_agent.original": "test/1",
            "network.protocol.version": "1.1",
            "tollgate.plan": "pro",
            "tollgate.decision": "allowed",
            "tollgate.reason": "ok",
            "tollgate.key_id": "local-pro",
        }
        self.assertEqual({name: server.attributes.get(name) for name in expected}, expected)
        self.assertEqual(server.status, "UNSET")
        self.assertEqual(server.resource["service.name"], "tollgate")

        authorizer = by_kind(self.trace_of(server, 3), "INTERNAL")
        decision = {name: one for name, one in expected.items() if name.startswith("tollgate.")}
        decision["tollgate.request_id"] = server.attributes["tollgate.request_id"]
        self.assertEqual({name: authorizer.attributes.get(name) for name in decision}, decision)

        backend = by_kind(self.trace_of(server, 3), "CLIENT")
        expected = {
            "http.request.method": "GET",
            "url.full": f"{self.backend.url}/orders/7",
            "server.address": "127.0.0.1",
            "server.port": self.backend.port,
            "http.response.status_code": 200,
        }
        self.assertEqual(backend.name, "GET")
        self.assertEqual({name: backend.attributes.get(name) for name in expected}, expected)
        self.assert_accepted()

    def test_nothing_exported_contains_a_secret(self) -> None:
        gateway = self.start()
        get(gateway, "/orders?token=hush-query", cookie="hush-cookie", x_other="hush-header")
        get(gateway, "/orders", key="hush-key-0000000000000000000")
        get(gateway, "/orders", key=None, authorization="Bearer hush-token")
        self.spans_of("GET /{proxy+}", 3)
        wait_until(lambda: self.collector.metrics(), TIMEOUT_S, "metrics")

        exported = b"".join(self.collector.bodies)
        self.assertIn(b"local-pro", exported)
        for secret in (b"hush", KEY.encode()):
            self.assertNotIn(secret, exported)

    def test_refusals_are_not_errors(self) -> None:
        gateway = self.start()
        statuses = [get(gateway, "/orders", FREE_KEY).status for _ in range(7)]
        self.assertEqual(statuses.count(200), 5)
        get(gateway, "/orders", "unknown-key-0000000000000000")

        spans = self.spans_of("GET /{proxy+}", 8)
        codes = sorted(span.attributes["http.response.status_code"] for span in spans)
        self.assertEqual(codes, [200] * 5 + [401] + [429] * 2)
        self.assertEqual({span.status for span in spans}, {"UNSET"})
        throttled = next(
            span for span in spans if span.attributes["http.response.status_code"] == 429
        )
        self.assertEqual(throttled.attributes["tollgate.decision"], "throttled")
        self.assertEqual(throttled.attributes["tollgate.reason"], "rate_exceeded")

    def test_failures_have_an_error_type(self) -> None:
        gateway = self.start()
        get(gateway, "/broken")
        (broken,) = self.spans_of("GET /{proxy+}")
        client = by_kind(self.trace_of(broken, 3), "CLIENT")
        for span in (broken, client):
            self.assertEqual((span.status, span.attributes["error.type"]), ("ERROR", "500"))

        self.assertEqual(get(gateway, "/gone").status, 502)
        absent = self.spans_of("GET /{proxy+}", 2)[-1]
        client = by_kind(self.trace_of(absent, 3), "CLIENT")
        self.assertEqual(absent.attributes["error.type"], "502")
        self.assertEqual(client.attributes["error.type"], "connection")
        self.assertNotIn("http.response.status_code", client.attributes)

    def test_span_ends_with_the_response_and_names_a_client_that_left(self) -> None:
        gateway = self.start()
        leave_during_response(gateway, "/slow")
        (server,) = self.spans_of("GET /{proxy+}")
        client = by_kind(self.trace_of(server, 3), "CLIENT")

        self.assertEqual(server.attributes["http.response.status_code"], 200)
        for span in (server, client):
            self.assertEqual(span.attributes["error.type"], "client_disconnected")

    def test_response_to_head_is_complete(self) -> None:
        gateway = self.start()
        self.assertEqual(call(gateway.port, "HEAD", "/orders", {"x-api-key": KEY}).status, 200)
        self.assertEqual(call(gateway.port, "HEAD", "/gone", {"x-api-key": KEY}).status, 502)

        complete, failed = self.spans_of("HEAD /{proxy+}", 2)
        self.assertNotIn("error.type", complete.attributes)
        self.assertEqual(failed.attributes["error.type"], "502")

    def test_methods_that_are_not_known_share_a_name(self) -> None:
        gateway = self.start()
        call(gateway.port, "PURGE", "/orders", {"x-api-key": KEY})
        (server,) = self.spans_of("HTTP /{proxy+}")
        self.assertEqual(server.attributes["http.request.method"], "_OTHER")
        self.assertEqual(server.attributes["http.request.method_original"], "PURGE")

    def test_pages_of_the_gateway_have_no_spans(self) -> None:
        gateway = self.start()
        for path in ("/_tollgate/metrics", "/_tollgate/jwks.json"):
            self.assertEqual(get(gateway, path).status, 200)
        get(gateway, "/orders")

        self.spans_of("GET /{proxy+}")
        paths = {span.attributes.get("url.path") for span in self.collector.spans()}
        self.assertEqual(paths - {None}, {"/orders"})

    def test_access_log_and_backend_have_the_ids_of_the_span(self) -> None:
        gateway = self.start()
        get(gateway, "/orders")
        (server,) = self.spans_of("GET /{proxy+}")
        request_id = server.attributes["tollgate.request_id"]
        self.assertEqual(self.backend.headers["/orders"]["x-request-id"], request_id)

        def access_line() -> dict | None:
            lines = (one for one in gateway.log_records() if "route_key" in one)
            return next(lines, None)

        line = wait_until(access_line, TIMEOUT_S, "the access log")
        self.assertEqual((line["request_id"], line["trace_id"]), (request_id, server.trace_id))

    def test_log_lines_have_the_trace_id(self) -> None:
        gateway = self.start()
        get(gateway, "/orders", "unknown-key-0000000000000000", x_request_id="request-8")
        (server,) = self.spans_of("GET /{proxy+}")

        def decided() -> dict | None:
            records = gateway.log_records()
            return next((one for one in records if one.get("message") == "decided"), None)

        record = wait_until(decided, TIMEOUT_S, "the decision is logged")
        self.assertIn(server.trace_id, str(record))
        self.assertIn("request-8", str(record))


if __name__ == "__main__":
    unittest.main()
