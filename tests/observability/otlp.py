"""A local gateway that exports to a collector, with a backend that fails on request."""

import contextlib
import http.client
import pathlib
import tempfile
import threading
import unittest

from harness.client import Response, call
from harness.collector import Collector, Mode, ReceivedSpan
from harness.gateway import Gateway
from harness.http_server import HttpServer, QuietHandler
from harness.paths import EVALUATOR
from harness.processes import wait_until

KEY = "local-pro-key-0000000000001"
FREE_KEY = "local-free-key-000000000001"
# The free plan's burst is not refilled during a test.
SEEDS = {
    "plans": {"free": {"throttle": {"rate": 0.001, "burst": 5}}, "pro": {}},
    "keys": [
        {"key": KEY, "key_id": "local-pro", "plan": "pro"},
        {"key": FREE_KEY, "key_id": "local-free", "plan": "free"},
    ],
}
TIMEOUT_S = 30


class Backend(HttpServer):
    """Keeps the headers of each request by path. `/broken` responds with 500, `/gone` closes the
    connection, and `/slow` responds with a body that does not end before `release` is set.
    """

    def __init__(self) -> None:
        self.headers: dict[str, dict[str, str]] = {}
        self.release = threading.Event()
        super().__init__(type("BoundHandler", (BackendHandler,), {"backend": self}))

    def stop(self) -> None:
        self.release.set()
        super().stop()


class BackendHandler(QuietHandler):
    backend: Backend

    def handle(self) -> None:
        # The gateway closes a connection whose client has left.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        self.backend.headers[path] = {name.lower(): text for name, text in self.headers.items()}

        if path == "/slow":
            self.send_response(200)
            self.send_header("content-length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 1000)
            self.wfile.flush()
            self.backend.release.wait(TIMEOUT_S)
            self.close_connection = True
            return
        if path == "/gone":
            self.close_connection = True
            return
        self.send_response(500 if path == "/broken" else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok")

    do_HEAD = do_POST = do_PUT = do_PURGE = do_GET


class ExportTest(unittest.TestCase):
    """A test with a folder, a backend and a collector. The gateway is started by the test."""

    mode = Mode.ACCEPT

    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.backend = self.enterContext(Backend())
        self.collector = self.enterContext(Collector(self.mode))

    def start(
        self, environment: dict[str, str] | None = None, endpoint: str | None = None
    ) -> Gateway:
        """Starts a gateway that exports to the collector."""
        gateway = Gateway(
            self.folder,
            "gateway",
            seeds=SEEDS,
            # A first decision of a debug build can take longer than the default.
            parameters={"DecisionDeadlineMs": "5000"},
            backend=self.backend.url,
            endpoint=endpoint,
            environment={**self.collector.environment, **(environment or {})},
            binary=EVALUATOR,
        )
        return self.enterContext(gateway)

    def spans_of(self, name: str, count: int = 1) -> list[ReceivedSpan]:
        """Waits for this many spans of a name, and returns all of them."""

        def found() -> list[ReceivedSpan] | None:
            spans = [span for span in self.collector.spans() if span.name == name]
            return spans if len(spans) >= count else None

        return wait_until(found, TIMEOUT_S, f"{count} spans {name!r}")

    def trace_of(self, root: ReceivedSpan, count: int) -> list[ReceivedSpan]:
        """Waits until the trace of a span has this many spans, and returns them."""

        def found() -> list[ReceivedSpan] | None:
            spans = [span for span in self.collector.spans() if span.trace_id == root.trace_id]
            return spans if len(spans) >= count else None

        return wait_until(found, TIMEOUT_S, f"{count} spans in the trace of {root.name!r}")

    def assert_accepted(self) -> None:
        """Checks that the decoder understood everything, and that it agrees with the specification."""
        self.assertEqual(self.collector.problems, [])


def get(gateway: Gateway, path: str, key: str | None = KEY, **headers: str) -> Response:
    headers = {name.replace("_", "-"): text for name, text in headers.items()}
    if key:
        headers["x-api-key"] = key
    return call(gateway.port, "GET", path, headers)


def leave_during_response(gateway: Gateway, path: str) -> None:
    """Closes the connection after the head of a response."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=TIMEOUT_S)
    connection.request("GET", path, headers={"x-api-key": KEY})
    connection.getresponse().read(100)
    connection.close()


def dropped(gateway: Gateway) -> dict[tuple[str, str], int]:
    """Returns what was dropped, by signal and reason."""
    text = call(gateway.port, "GET", "/_tollgate/metrics").body.decode()
    found = {}
    for line in text.splitlines():
        if line.startswith("tollgate_otlp_dropped_total{"):
            labels, _, value = line.partition("{")[2].partition("} ")
            pairs = dict(pair.split("=") for pair in labels.split(","))
            found[pairs["signal"].strip('"'), pairs["reason"].strip('"')] = int(value)
    return found
