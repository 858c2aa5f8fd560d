"""The collector of the tests, with requests of its own."""

import gzip
import unittest
import urllib.error
import urllib.request

from harness.collector import METRICS, PROTOBUF, TRACES, Collector, Mode
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def traces(**fields: object) -> bytes:
    """Returns a request with one valid span that `fields` change."""
    valid = {
        "name": "GET /orders",
        "kind": Span.SPAN_KIND_SERVER,
        "trace_id": bytes(range(16)),
        "span_id": bytes(range(8)),
        "start_time_unix_nano": 1,
        "end_time_unix_nano": 2,
    }
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "tollgate"
    span = group.scope_spans.add().spans.add(**{**valid, **fields})
    span.attributes.add(key="http.response.status_code").value.int_value = 200
    return request.SerializeToString()


def histogram(counts: list[int], count: int) -> bytes:
    """Returns a request with one histogram of two bounds."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="duration")
    metric.histogram.aggregation_temporality = 2
    point = metric.histogram.data_points.add(count=count, time_unix_nano=1)
    point.explicit_bounds.extend([0.1, 1.0])
    point.bucket_counts.extend(counts)
    return request.SerializeToString()


class CollectorTest(unittest.TestCase):
    def setUp(self) -> None:
        self.collector = self.enterContext(Collector())

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        request = urllib.request.Request(
            self.collector.url + path, body, {"content-type": PROTOBUF, **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def test_spans_are_decoded(self) -> None:
        self.assertEqual(self.post(TRACES, traces()), (200, b""))
        compressed = gzip.compress(traces(name="POST /orders"))
        self.post(TRACES, compressed, content_encoding="gzip")

        first, second = self.collector.spans()
        self.assertEqual((first.name, first.kind), ("GET /orders", "SERVER"))
        self.assertEqual(first.trace_id, "000102030405060708090a0b0c0d0e0f")
        self.assertEqual(first.attributes, {"http.response.status_code": 200})
        self.assertEqual(first.resource, {"service.name": "tollgate"})
        self.assertEqual(second.name, "POST /orders")
        self.assertEqual(self.collector.problems, [])

    def test_invalid_bodies_are_problems(self) -> None:
        self.assertEqual(self.post(TRACES, b"\xff\xff")[0], 400)
        self.assertEqual(self.post("/v1/other", b"")[0], 404)
        self.assertEqual(len(self.collector.problems), 2)

    def test_spans_against_the_specification_are_problems(self) -> None:
        for fields in [
            {"trace_id": b"\0" * 16},
            {"trace_id": b"1"},
            {"span_id": b""},
            {"parent_span_id": b"1"},
            {"name": ""},
            {"kind": Span.SPAN_KIND_UNSPECIFIED},
            {"end_time_unix_nano": 0},
        ]:
            with self.subTest(fields=fields):
                self.collector.problems.clear()
                self.post(TRACES, traces(**fields))
                self.assertEqual(len(self.collector.problems), 1, self.collector.problems)

    def test_unknown_fields_are_problems(self) -> None:
        field_200 = b"\xc0\x0c\x01"
        self.post(TRACES, traces() + field_200)
        self.assertEqual(len(self.collector.problems), 1, self.collector.problems)

    def test_buckets_add_up_to_the_count(self) -> None:
        self.post(METRICS, histogram([1, 2, 3], 6))
        self.assertEqual(self.collector.problems, [])
        point = self.collector.metrics()["duration"].points[0]
        self.assertEqual((point.bounds, point.buckets), ((0.1, 1.0), (1, 2, 3)))

        self.post(METRICS, histogram([1, 2, 3], 7))
        self.post(METRICS, histogram([1, 2], 3))
        self.assertEqual(len(self.collector.problems), 2, self.collector.problems)

    def test_each_mode_has_its_response(self) -> None:
        for mode, status in [(Mode.REJECT, 400), (Mode.BUSY, 503)]:
            self.collector.mode = mode
            self.assertEqual(self.post(TRACES, traces())[0], status)
        self.assertEqual(self.collector.spans(), [])

        self.collector.mode = Mode.PARTIAL
        _, body = self.post(TRACES, traces())
        response = ExportTraceServiceResponse.FromString(body)
        self.assertEqual(response.partial_success.rejected_spans, 1)
        _, body = self.post(METRICS, histogram([0, 0, 0], 0))
        response = ExportMetricsServiceResponse.FromString(body)
        self.assertEqual(response.partial_success.rejected_data_points, 1)
        self.assertEqual(self.collector.received, {TRACES: 3, METRICS: 1})

    def test_a_hanging_collector_sends_no_response(self) -> None:
        self.collector.mode = Mode.HANG
        request = urllib.request.Request(
            self.collector.url + TRACES, traces(), {"content-type": PROTOBUF}
        )
        with self.assertRaises(TimeoutError):
            urllib.request.urlopen(request, timeout=0.2)


if __name__ == "__main__":
    unittest.main()
