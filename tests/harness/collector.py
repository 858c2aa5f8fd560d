"""An OpenTelemetry collector that receives OTLP over HTTP and decodes it with the package
opentelemetry-proto.

It checks each request against the OTLP specification and keeps what is wrong in `problems`.
"""

import dataclasses
import enum
import gzip
import threading
from collections.abc import Iterator
from typing import Self

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from harness.http_server import HttpServer, QuietHandler

TRACES, METRICS = "/v1/traces", "/v1/metrics"
PROTOBUF = "application/x-protobuf"
REQUESTS = {
    TRACES: trace_service.ExportTraceServiceRequest,
    METRICS: metrics_service.ExportMetricsServiceRequest,
}
Attributes = dict[str, object]


class Mode(enum.Enum):
    """How the collector responds."""

    ACCEPT = "accept"  # 200
    REJECT = "reject"  # 400, which must not be retried
    BUSY = "busy"  # 503 with Retry-After, which must be retried
    HANG = "hang"  # no response
    PARTIAL = "partial"  # 200 that says that one element was rejected


@dataclasses.dataclass(frozen=True)
class ReceivedSpan:
    """A span with the attributes of its resource."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    trace_state: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    status: str
    resource: Attributes
    flags: int


@dataclasses.dataclass(frozen=True)
class Point:
    """The current value of a series. A histogram has `bounds`, `buckets`, `count` and `sum`, any
    other metric has `value`.
    """

    attributes: Attributes
    start_ns: int
    time_ns: int
    value: float = 0
    count: int = 0
    sum: float = 0
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    exemplars: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class ReceivedMetric:
    """A metric with its points. `kind` is `sum`, `gauge` or `histogram`."""

    name: str
    unit: str
    description: str
    kind: str
    temporality: str
    is_monotonic: bool
    points: list[Point]
    resource: Attributes


class Collector(HttpServer):
    """A collector on loopback. `mode` can change while it runs."""

    def __init__(self, mode: Mode = Mode.ACCEPT) -> None:
        self.mode = mode
        self.problems: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        # The number of requests by path, in any mode.
        self.received = dict.fromkeys(REQUESTS, 0)
        self._messages: list[Message] = []
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        super().__init__(type("BoundReceiver", (Receiver,), {"collector": self}))

    @property
    def environment(self) -> dict[str, str]:
        """Returns variables that make a program export to this collector without delay."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }

    def start(self) -> Self:
        self._stopped.clear()
        return super().start()

    def stop(self) -> None:
        self._stopped.set()
        super().stop()

    def hang(self) -> None:
        """Blocks a response until the collector stops."""
        self._stopped.wait()

    def add(self, path: str, headers: dict[str, str], body: bytes) -> str | None:
        """Decodes and keeps a request. Returns the problem if it cannot be decoded."""
        with self._changed:
            self.received[path] += 1
            self.headers.append(headers)
            self.bodies.append(body)

            message = REQUESTS[path]()
            try:
                message.ParseFromString(body)
            except DecodeError as error:
                self.problems.append(f"{path}: {error}")
                return str(error)

            self.problems += problems(message)
            if self.mode in (Mode.ACCEPT, Mode.PARTIAL):
                self._messages.append(message)
            self._changed.notify_all()
        return None

    def spans(self) -> list[ReceivedSpan]:
        """Returns every accepted span so far."""
        with self._changed:
            messages = list(self._messages)
        return [span for message in messages for span in message_spans(message)]

    def metrics(self) -> dict[str, ReceivedMetric]:
        """Returns the last state of each metric by name."""
        with self._changed:
            messages = list(self._messages)
        found = (metric for message in messages for metric in message_metrics(message))
        return {metric.name: metric for metric in found}

    def exports(self, name: str) -> list[ReceivedMetric]:
        """Returns every accepted state of a metric, from first to last."""
        with self._changed:
            messages = list(self._messages)
        found = (metric for message in messages for metric in message_metrics(message))
        return [metric for metric in found if metric.name == name]


class Receiver(QuietHandler):
    """Receives requests of one collector."""

    collector: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path not in REQUESTS or headers.get("content-type") != PROTOBUF:
            self.collector.problems.append(f"{self.path}: {headers.get('content-type')}")
            return self.send(404, b"")
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)

        mode = self.collector.mode
        if problem := self.collector.add(self.path, headers, body):
            return self.send(400, problem.encode())
        if mode is Mode.HANG:
            return self.collector.hang()
        if mode is Mode.REJECT:
            return self.send(400, b"")
        if mode is Mode.BUSY:
            return self.send(503, b"", retry_after="1")
        return self.send(200, response(self.path, mode is Mode.PARTIAL))

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-type", PROTOBUF)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def response(path: str, is_partial: bool) -> bytes:
    """Returns the response of a collector that accepts everything, or everything but one element."""
    if path == TRACES:
        message = trace_service.ExportTraceServiceResponse()
        if is_partial:
            message.partial_success.rejected_spans = 1
    else:
        message = metrics_service.ExportMetricsServiceResponse()
        if is_partial:
            message.partial_success.rejected_data_points = 1
    if is_partial:
        message.partial_success.error_message = "one element was rejected"
    return message.SerializeToString()


def value(any_value: AnyValue) -> object:
    """Returns an attribute's value as a Python value."""
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(element) for element in any_value.array_value.values]
    return getattr(any_value, kind) if kind else None


def attributes(fields: list[KeyValue]) -> Attributes:
    return {field.key: value(field.value) for field in fields}


def message_spans(message: Message) -> Iterator[ReceivedSpan]:
    for group in getattr(message, "resource_spans", ()):
        resource = attributes(group.resource.attributes)
        for span in (span for scope in group.scope_spans for span in scope.spans):
            yield ReceivedSpan(
                name=span.name,
                kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                trace_state=span.trace_state,
                start_ns=span.start_time_unix_nano,
                end_ns=span.end_time_unix_nano,
                attributes=attributes(span.attributes),
                status=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
                resource=resource,
                flags=span.flags,
            )


def message_metrics(message: Message) -> Iterator[ReceivedMetric]:
    for group in getattr(message, "resource_metrics", ()):
        resource = attributes(group.resource.attributes)
        for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
            kind = metric.WhichOneof("data") or ""
            data = getattr(metric, kind)
            temporality = getattr(data, "aggregation_temporality", 0)
            yield ReceivedMetric(
                name=metric.name,
                unit=metric.unit,
                description=metric.description,
                kind=kind,
                temporality=AggregationTemporality.Name(temporality).removeprefix(
                    "AGGREGATION_TEMPORALITY_"
                ),
                is_monotonic=getattr(data, "is_monotonic", False),
                points=[received_point(kind, point) for point in data.data_points],
                resource=resource,
            )


def received_point(kind: str, point: Message) -> Point:
    common = {
        "attributes": attributes(point.attributes),
        "start_ns": point.start_time_unix_nano,
        "time_ns": point.time_unix_nano,
        "exemplars": tuple((one.trace_id.hex(), one.span_id.hex()) for one in point.exemplars),
    }
    if kind != "histogram":
        return Point(**common, value=getattr(point, point.WhichOneof("value")))
    return Point(
        **common,
        count=point.count,
        sum=point.sum,
        bounds=tuple(point.explicit_bounds),
        buckets=tuple(point.bucket_counts),
    )


def problems(message: Message) -> list[str]:
    """Returns what the OTLP specification forbids and the decoder accepts."""
    found = [f"unknown fields in {name}" for name in unknown_fields(message)]
    for group in getattr(message, "resource_spans", ()):
        for span in (span for scope in group.scope_spans for span in scope.spans):
            found += [f"span {span.name!r}: {problem}" for problem in span_problems(span)]
    for group in getattr(message, "resource_metrics", ()):
        for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
            found += [f"metric {metric.name!r}: {problem}" for problem in metric_problems(metric)]
    return found


def unknown_fields(message: Message) -> Iterator[str]:
    """Returns the types of messages with a field that the decoder does not know."""
    if len(UnknownFieldSet(message)):
        yield message.DESCRIPTOR.full_name
    for descriptor, content in message.ListFields():
        if descriptor.type == descriptor.TYPE_MESSAGE:
            for inner in [content] if isinstance(content, Message) else content:
                yield from unknown_fields(inner)


def span_problems(span: Span) -> Iterator[str]:
    if len(span.trace_id) != 16 or not any(span.trace_id):
        yield "invalid trace_id"
    if len(span.span_id) != 8 or not any(span.span_id):
        yield "invalid span_id"
    if len(span.parent_span_id) not in (0, 8):
        yield "invalid parent_span_id"
    if not span.name or span.kind == Span.SPAN_KIND_UNSPECIFIED:
        yield "no name or no kind"
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
        yield "ends before it starts"
    yield from attribute_problems(span.attributes)


def metric_problems(metric: Metric) -> Iterator[str]:
    kind = metric.WhichOneof("data")
    if not metric.name or kind not in ("sum", "gauge", "histogram"):
        yield "no name or no data"
        return
    if kind != "gauge" and getattr(metric, kind).aggregation_temporality == 0:
        yield "no temporality"

    series = set()
    for point in getattr(metric, kind).data_points:
        yield from attribute_problems(point.attributes)
        labels = tuple(sorted((key, str(one)) for key, one in attributes(point.attributes).items()))
        if labels in series:
            yield f"two points of {labels}"
        series.add(labels)
        if not 0 < point.time_unix_nano or point.start_time_unix_nano > point.time_unix_nano:
            yield "invalid time"
        if kind == "histogram":
            yield from histogram_problems(point)


def histogram_problems(point: Message) -> Iterator[str]:
    if len(point.bucket_counts) != len(point.explicit_bounds) + 1:
        yield "wrong number of buckets"
    if sum(point.bucket_counts) != point.count:
        yield "buckets do not add up to the count"
    if list(point.explicit_bounds) != sorted(set(point.explicit_bounds)):
        yield "bounds do not increase"


def attribute_problems(fields: list[KeyValue]) -> Iterator[str]:
    keys = [field.key for field in fields]
    if "" in keys or len(keys) != len(set(keys)):
        yield f"empty or repeated attributes in {sorted(keys)}"
    for field in fields:
        if not field.value.WhichOneof("value"):
            yield f"attribute {field.key} has no value"
