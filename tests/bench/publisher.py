"""Call records as metrics: records a second, requests, bytes, and how far percentiles are off."""

import contextlib
import gzip
import http.server
import json
import math
import random
import subprocess
import time

import cbor
from printed import printed, row
from processes import AWS, BENCH, TARGET, Failed, environment, http_server, run
from rows import Printed, Row, Runs, Table

ROUNDS = 5
RECORDS = 10_000
MILLION = 1_000_000 / RECORDS
PERCENTILES = [0.5, 0.95, 0.99, 0.999]
OURS = "metrics-publisher"
NAMES = [OURS, "metrics_cloudwatch", "Powertools (EMF)", "one request a record"]
PYTHON = BENCH / "python"


def write_records():
    """Log-normal durations, median 20 ms, of 56 operations; the same in every run."""
    chance, now = random.Random(11), int(time.time() * 1000)
    records = []
    for place in range(RECORDS):
        success = chance.random() > 0.1
        record = {"service": f"service-{place % 4}", "operation": f"Operation{place % 56}", "endpoint": "vpce"}
        outcome = {"success": success, "error_type": None if success else "timeout", "timestamp": now}
        records.append({**record, **outcome, "duration_ms": round(20 * math.exp(chance.gauss(0, 1)), 3)})
    TARGET.mkdir(parents=True, exist_ok=True)
    path = TARGET / "records.json"
    path.write_text(json.dumps({"records": records}))
    return path


def taking(received: list[tuple[str, bytes, int]]) -> type[http.server.BaseHTTPRequestHandler]:
    """CloudWatch and DynamoDB, as far as they take everything."""

    class Taking(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                received.append((self.path, gzip.decompress(body), len(body)))
            else:
                received.append((self.path, body, len(body)))
            self.send_response(200)
            is_cbor = self.headers.get("smithy-protocol") == "rpc-v2-cbor"
            if is_cbor:
                self.send_header("smithy-protocol", "rpc-v2-cbor")
            self.send_header("content-type", "application/cbor" if is_cbor else "application/x-amz-json-1.0")
            answer = b"\xa0" if is_cbor else b"{}"
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    return Taking


def sent(command, received: list) -> dict[str, float]:
    """What a process sends to CloudWatch for the records."""
    received.clear()
    command()
    requests = [(body, size) for path, body, size in received if path.endswith("PutMetricData")]
    if not requests:
        raise Failed("sent nothing to CloudWatch that is understood")
    figures = {"requests": len(requests) * MILLION, "bytes": sum(size for _, size in requests) * MILLION / 1e6}
    return figures | {
        f"p{100 * part:g}": error for part, error in errors([cbor.loads(body) for body, _ in requests]).items()
    }


def errors(requests: list[dict]) -> dict[float, float]:
    """Percentiles of all durations as sent, beside those of the records, in percent."""
    told: list[tuple[float, float]] = []
    for datum in (datum for request in requests for datum in request["MetricData"]):
        if datum["MetricName"] == "ApiCallDuration" and len(datum["Dimensions"]) == 2:
            told.extend(zip(datum["Values"], datum.get("Counts") or [1] * len(datum["Values"]), strict=True))
    told.sort()
    if round(sum(count for _, count in told)) != RECORDS:
        raise Failed(f"{sum(count for _, count in told):.0f} of {RECORDS} durations were sent")
    records = json.loads((TARGET / "records.json").read_text())["records"]
    exact = sorted(record["duration_ms"] for record in records)
    return {part: abs(quantile(told, part) / exact[math.ceil(RECORDS * part) - 1] - 1) * 100 for part in PERCENTILES}


def quantile(told: list[tuple[float, float]], part: float) -> float:
    seen = 0.0
    for value, count in told:
        seen += count
        if seen >= RECORDS * part:
            return value
    return told[-1][0]


def invoked(built, path, url: str):
    settings = environment(**AWS, USAGE_TABLE="usage", METRICS_NAMESPACE="CustomApp/NetworkMetrics")
    run([built.programs["tollgate"], "invoke", OURS, path, "--endpoint", url], settings)


def powertools(path) -> dict[str, float]:
    command = [PYTHON / ".venv/bin/python", PYTHON / "emf.py", path]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise Failed(done.stderr.strip().splitlines()[-1])
    # Values are written as they are.
    exact = {f"p{100 * part:g}": 0.0 for part in PERCENTILES}
    seconds = float(done.stderr.strip().splitlines()[-1])
    return {"rate": RECORDS / seconds, "bytes": len(done.stdout.encode()) * MILLION / 1e6, "requests": 0.0, **exact}


def one_request_a_record(built, path, url: str, received: list) -> dict[str, float]:
    """The size of a request with a single record, as ours are."""
    single = TARGET / "record.json"
    single.write_text(json.dumps({"records": json.loads(path.read_text())["records"][:1]}))
    received.clear()
    invoked(built, single, url)
    sizes = [size for place, _, size in received if place.endswith("PutMetricData")]
    return {"requests": 1e6, "bytes": sum(sizes) * 1e6 / 1e6, **{f"p{100 * part:g}": 0.0 for part in PERCENTILES}}


def measure(built) -> list[Table | Printed]:
    path, received, runs = write_records(), [], Runs()
    rates: list[float] = []
    with http_server(taking(received)) as port:
        url = f"http://127.0.0.1:{port}"

        def rust_peer():
            rates.append(json.loads(run([built.peers, "metrics_cloudwatch", path, url]))["seconds"])

        subjects = {
            OURS: lambda: sent(lambda: invoked(built, path, url), received),
            "metrics_cloudwatch": lambda: {**sent(rust_peer, received), "rate": RECORDS / rates[-1]},
            "Powertools (EMF)": lambda: powertools(path),
            "one request a record": lambda: one_request_a_record(built, path, url, received),
        }
        runs.measure(subjects, ROUNDS)
    details = printed(built, "deliveries", "A delivery", 180)
    with contextlib.suppress(ValueError):
        runs.values.setdefault("rate", {})[OURS] = [float(row(details, "call records/s on one core, ready to send"))]
    scaled = f"Of deliveries of {RECORDS:,} records with 56 operations, scaled to a million."
    parts = [f"p{100 * part:g}" for part in PERCENTILES]
    off = [
        Row(f"{name}, {part}", line.values, line.ours, line.failed)
        for part in parts
        for name in NAMES[:3]
        for line in runs.rows(part, [name], [OURS])
    ]
    return [
        Table(
            "Records a second",
            "/s",
            runs.rows("rate", NAMES[:3], [OURS]),
            "On one core. Ours from text to requests that are ready to send, the best of five; metrics_cloudwatch with "
            "sending; Powertools to lines of text.",
        ),
        Table(
            "Requests a million records",
            "requests",
            runs.rows("requests", NAMES, [OURS]),
            scaled + " EMF goes through the log, without requests of the function's own.",
        ),
        Table(
            "Bytes a million records",
            "MB",
            runs.rows("bytes", NAMES, [OURS]),
            "As sent, compressed where the client does so; EMF as text, for whose ingestion CloudWatch Logs charges.",
        ),
        Table("Percentiles off by", "%", off, "Of all durations as they reach CloudWatch.", chart=False),
        details,
    ]
