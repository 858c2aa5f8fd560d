"""Call records as metrics: records per second, requests, bytes, and the error of percentiles."""

import contextlib
import gzip
import json
import math
import pathlib
import random
import subprocess
import time
from collections.abc import Callable

from bench import cbor
from bench.benchmark_output import measured_value, run_benchmark
from bench.builds import Programs
from bench.environment import AWS_VARIABLES, BENCH, TARGET, MeasurementError, run, variables
from bench.rows import PrintedTable, Row, Runs, Table
from harness.http_server import Handler, HttpServer, QuietHandler

ROUNDS = 5
RECORDS = 10_000
SCALE_TO_MILLION = 1_000_000 / RECORDS
PERCENTILES = [0.5, 0.95, 0.99, 0.999]
OURS = "metrics-publisher"
NAMES = [OURS, "metrics_cloudwatch", "Powertools (EMF)", "one request per record"]
PYTHON = BENCH / "python"


def write_records() -> pathlib.Path:
    """Writes records of 56 operations with log-normal durations, median 20 ms. They are the same in
    every run.
    """
    dice, now = random.Random(11), int(time.time() * 1000)
    records = []
    for number in range(RECORDS):
        success = dice.random() > 0.1
        record = {
            "service": f"service-{number % 4}",
            "operation": f"Operation{number % 56}",
            "endpoint": "vpce",
        }
        outcome = {
            "success": success,
            "error_type": None if success else "timeout",
            "timestamp": now,
        }
        records.append(
            {**record, **outcome, "duration_ms": round(20 * math.exp(dice.gauss(0, 1)), 3)}
        )
    TARGET.mkdir(parents=True, exist_ok=True)
    path = TARGET / "records.json"
    path.write_text(json.dumps({"records": records}))
    return path


def recording_handler(received: list[tuple[str, bytes, int]]) -> Handler:
    """Returns a handler for CloudWatch and DynamoDB that accepts everything. It records path, body
    and size on the wire.
    """

    class RecordingHandler(QuietHandler):
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                received.append((self.path, gzip.decompress(body), len(body)))
            else:
                received.append((self.path, body, len(body)))

            if self.headers.get("smithy-protocol") == "rpc-v2-cbor":
                self.respond(b"\xa0", "application/cbor", smithy_protocol="rpc-v2-cbor")
            else:
                self.respond(b"{}", "application/x-amz-json-1.0")

    return RecordingHandler


def measure_requests(send: Callable[[], None], received: list) -> dict[str, float]:
    """Returns the number and the size of the requests to CloudWatch, and the errors of percentiles."""
    received.clear()
    send()

    requests = [(body, size) for path, body, size in received if path.endswith("PutMetricData")]
    if not requests:
        raise MeasurementError("no PutMetricData request was sent")
    figures = {
        "requests": len(requests) * SCALE_TO_MILLION,
        "bytes": sum(size for _, size in requests) * SCALE_TO_MILLION / 1e6,
    }
    return figures | {
        f"p{100 * part:g}": error
        for part, error in percentile_errors([cbor.loads(body) for body, _ in requests]).items()
    }


def percentile_errors(requests: list[dict]) -> dict[float, float]:
    """Compares percentiles of the sent durations with those of the records. Errors are in percent."""
    sent: list[tuple[float, float]] = []
    for datum in (datum for request in requests for datum in request["MetricData"]):
        if datum["MetricName"] == "ApiCallDuration" and len(datum["Dimensions"]) == 2:
            sent.extend(
                zip(datum["Values"], datum.get("Counts") or [1] * len(datum["Values"]), strict=True)
            )
    sent.sort()
    if round(sum(count for _, count in sent)) != RECORDS:
        raise MeasurementError(
            f"{sum(count for _, count in sent):.0f} of {RECORDS} durations were sent"
        )

    records = json.loads((TARGET / "records.json").read_text())["records"]
    exact = sorted(record["duration_ms"] for record in records)
    return {
        part: abs(quantile(sent, part) / exact[math.ceil(RECORDS * part) - 1] - 1) * 100
        for part in PERCENTILES
    }


def quantile(sent: list[tuple[float, float]], part: float) -> float:
    counted = 0.0
    for value, count in sent:
        counted += count
        if counted >= RECORDS * part:
            return value
    return sent[-1][0]


def invoke_publisher(programs: Programs, path: pathlib.Path, url: str) -> None:
    settings = variables(
        **AWS_VARIABLES, USAGE_TABLE="usage", METRICS_NAMESPACE="CustomApp/NetworkMetrics"
    )
    run([programs.binaries["tollgate"], "invoke", OURS, path, "--endpoint", url], settings)


def powertools(path: pathlib.Path) -> dict[str, float]:
    command = [PYTHON / ".venv/bin/python", PYTHON / "emf.py", path]
    result = subprocess.run(command, env=variables(), capture_output=True, text=True, timeout=120)
    if result.returncode:
        raise MeasurementError(result.stderr.strip().splitlines()[-1])

    # EMF contains the exact values.
    exact = {f"p{100 * part:g}": 0.0 for part in PERCENTILES}
    seconds = float(result.stderr.strip().splitlines()[-1])
    return {
        "rate": RECORDS / seconds,
        "bytes": len(result.stdout.encode()) * SCALE_TO_MILLION / 1e6,
        "requests": 0.0,
        **exact,
    }


def one_request_per_record(
    programs: Programs, path: pathlib.Path, url: str, received: list
) -> dict[str, float]:
    """Measures a request of metrics-publisher with a single record."""
    single = TARGET / "record.json"
    single.write_text(json.dumps({"records": json.loads(path.read_text())["records"][:1]}))
    received.clear()
    invoke_publisher(programs, single, url)
    sizes = [size for target, _, size in received if target.endswith("PutMetricData")]
    return {
        "requests": 1e6,
        "bytes": sum(sizes) * 1e6 / 1e6,
        **{f"p{100 * part:g}": 0.0 for part in PERCENTILES},
    }


def measure(programs: Programs) -> list[Table | PrintedTable]:
    path, received, runs = write_records(), [], Runs()
    rates: list[float] = []
    with HttpServer(recording_handler(received)) as cloudwatch:
        url = cloudwatch.url

        def send_with_rust_peer() -> None:
            rates.append(
                json.loads(run([programs.peers, "metrics_cloudwatch", path, url]))["seconds"]
            )

        subjects = {
            OURS: lambda: measure_requests(lambda: invoke_publisher(programs, path, url), received),
            "metrics_cloudwatch": lambda: {
                **measure_requests(send_with_rust_peer, received),
                "rate": RECORDS / rates[-1],
            },
            "Powertools (EMF)": lambda: powertools(path),
            "one request per record": lambda: one_request_per_record(programs, path, url, received),
        }
        runs.measure(subjects, ROUNDS)
    details = run_benchmark(programs, "deliveries", "One delivery in detail", 180)
    with contextlib.suppress(ValueError):
        runs.values.setdefault("rate", {})[OURS] = [
            float(measured_value(details, "call records/s on one core, ready to send"))
        ]
    scaled = (
        f"Measured with deliveries of {RECORDS:,} records with 56 operations, scaled to a million."
    )
    parts = [f"p{100 * part:g}" for part in PERCENTILES]
    errors = [
        Row(f"{name}, {part}", line.values, line.ours, line.failed)
        for part in parts
        for name in NAMES[:3]
        for line in runs.rows(part, [name], [OURS])
    ]
    return [
        Table(
            "Records per second",
            "/s",
            runs.rows("rate", NAMES[:3], [OURS]),
            "On one core. metrics-publisher: from text to requests that are ready to send, the best of five runs. "
            "metrics_cloudwatch: including sending. Powertools: to lines of text.",
        ),
        Table(
            "Requests per million records",
            "requests",
            runs.rows("requests", NAMES, [OURS]),
            scaled + " EMF is sent through the log, so the function sends no requests.",
        ),
        Table(
            "Bytes per million records",
            "MB",
            runs.rows("bytes", NAMES, [OURS]),
            "As sent, compressed if the client compresses. EMF is text, and CloudWatch Logs charges for its ingestion.",
        ),
        Table(
            "Error of percentiles",
            "%",
            errors,
            "Computed from the durations that CloudWatch receives.",
            chart=False,
        ),
        details,
    ]
