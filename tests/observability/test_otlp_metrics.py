"""Metrics of the local gateway over OTLP, as a collector decodes them."""

import re
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness.client import call
from harness.collector import Point, ReceivedMetric
from harness.processes import wait_until
from observability.otlp import FREE_KEY, KEY, TIMEOUT_S, ExportTest, get

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
DURATION = "http.server.request.duration"


class Metrics(ExportTest):
    def metric(self, name: str, count: int) -> ReceivedMetric:
        """Waits until the points of a metric add up to `count`, and returns it."""

        def found() -> ReceivedMetric | None:
            metric = self.collector.metrics().get(name)
            total = sum(point.count or point.value for point in metric.points) if metric else None
            return metric if total == count else None

        return wait_until(found, TIMEOUT_S, f"{name} adds up to {count}")

    def test_durations_are_histograms_of_seconds_with_exemplars(self) -> None:
        gateway = self.start()
        for _ in range(3):
            get(gateway, "/orders", traceparent=SAMPLED)

        metric = self.metric(DURATION, 3)
        self.assertEqual(
            (metric.kind, metric.unit, metric.temporality), ("histogram", "s", "CUMULATIVE")
        )
        (point,) = metric.points
        self.assertEqual(point.attributes["http.request.method"], "GET")
        self.assertEqual(point.attributes["http.response.status_code"], 200)
        self.assertEqual((point.bounds[0], point.bounds[-1]), (0.0005, 30.0))
        self.assertTrue(0 < point.sum < TIMEOUT_S, point)

        spans = {span.span_id for span in self.spans_of("GET /{proxy+}", 3)}
        self.assertTrue(point.exemplars)
        for trace_id, span_id in point.exemplars:
            self.assertEqual(trace_id, TRACE_ID)
            self.assertIn(span_id, spans)
        self.assert_accepted()

    def test_exemplars_for_prometheus_lead_to_exported_spans(self) -> None:
        gateway = self.start()
        for _ in range(3):
            get(gateway, "/orders")
        spans = {(one.trace_id, one.span_id) for one in self.spans_of("GET /{proxy+}", 3)}

        accept = {"accept": "application/openmetrics-text"}
        text = call(gateway.port, "GET", "/_tollgate/metrics", accept).body.decode()
        exemplar = r'request_duration_seconds_bucket.* # {trace_id="(\w+)",span_id="(\w+)"}'
        found = set(re.findall(exemplar, text))
        self.assertTrue(found, text)
        self.assertLessEqual(found, spans)

    def test_counters_are_monotonic_and_count_since_the_start(self) -> None:
        gateway = self.start()
        for _ in range(7):
            get(gateway, "/orders", FREE_KEY)
        self.metric("tollgate.decisions", 7)
        get(gateway, "/orders")
        metric = self.metric("tollgate.decisions", 8)

        self.assertEqual(
            (metric.kind, metric.is_monotonic, metric.temporality), ("sum", True, "CUMULATIVE")
        )
        by_decision: dict[object, float] = {}
        for point in metric.points:
            decision = point.attributes["tollgate.decision"]
            by_decision[decision] = by_decision.get(decision, 0) + point.value
        self.assertEqual(by_decision, {"allowed": 6, "throttled": 2})
        self.check_that_series_never_fall("tollgate.decisions")
        self.assert_accepted()

    def check_that_series_never_fall(self, name: str) -> None:
        last: dict[str, Point] = {}
        for metric in self.collector.exports(name):
            for point in metric.points:
                before = last.get(str(point.attributes), point)
                self.assertGreaterEqual(point.value, before.value)
                self.assertEqual(point.start_ns, before.start_ns)
                self.assertGreaterEqual(point.time_ns, before.time_ns)
                self.assertLess(point.start_ns, point.time_ns)
                last[str(point.attributes)] = point

    def test_names_and_values_agree_with_those_for_prometheus(self) -> None:
        gateway = self.start()
        for _ in range(4):
            get(gateway, "/orders")
        self.metric("tollgate.http_requests", 4)

        text = call(gateway.port, "GET", "/_tollgate/metrics").body.decode()
        families = [line.split()[2:] for line in text.splitlines() if line.startswith("# TYPE ")]
        exported = self.collector.metrics()
        for family, kind in families:
            if family.startswith("tollgate_") and not family.endswith("_info"):
                name = otlp_name(family)
                self.assertIn(name, exported, family)
                if name != "http.server.active_requests":
                    expected = {"counter": "sum", "gauge": "gauge", "histogram": "histogram"}[kind]
                    self.assertEqual(exported[name].kind, expected, family)
                self.assertNotEqual(exported[name].description, "", family)

    def test_requests_in_flight_rise_and_fall(self) -> None:
        gateway = self.start()
        with ThreadPoolExecutor() as threads:
            request = threads.submit(get, gateway, "/slow")
            metric = self.metric("http.server.active_requests", 1)
            self.backend.release.set()
            request.exception(TIMEOUT_S)
        self.metric("http.server.active_requests", 0)

        self.assertEqual(
            (metric.kind, metric.is_monotonic, metric.unit), ("sum", False, "{request}")
        )

    def test_delta_is_honored(self) -> None:
        preference = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
        gateway = self.start(preference)
        for _ in range(5):
            get(gateway, "/orders", KEY)

        def total() -> bool:
            exports = self.collector.exports("tollgate.decisions")
            counts = [point.value for metric in exports for point in metric.points]
            return sum(counts) == 5 and {metric.temporality for metric in exports} == {"DELTA"}

        wait_until(total, TIMEOUT_S, "the differences add up to 5")
        get(gateway, "/orders", KEY)
        exports = len(self.collector.exports("tollgate.decisions"))
        wait_until(
            lambda: len(self.collector.exports("tollgate.decisions")) > exports,
            TIMEOUT_S,
            "another export",
        )
        points = [
            point
            for metric in self.collector.exports("tollgate.decisions")
            for point in metric.points
        ]
        self.assertLessEqual(sum(point.value for point in points), 6)
        self.assert_accepted()


def otlp_name(family: str) -> str:
    """Returns the name over OTLP of a family."""
    special = {
        "tollgate_http_request_duration_seconds": DURATION,
        "tollgate_http_requests_in_flight": "http.server.active_requests",
    }
    base = family.removesuffix("_total").removesuffix("_seconds").removesuffix("_bytes")
    return special.get(family, base.replace("_", ".", 1))


if __name__ == "__main__":
    unittest.main()
