"""A collector that is absent, slow or full changes nothing for clients, and what is dropped is
counted.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import time
import unittest

from harness.client import Response
from harness.collector import TRACES, Mode
from harness.gateway import Gateway
from harness.paths import EVALUATOR, PROJECT
from harness.processes import free_port, wait_until
from observability.otlp import TIMEOUT_S, ExportTest, dropped, get

REQUESTS = 200
# A gateway on a busy machine takes a few milliseconds per request. A request that waited for the
# collector would take at least the timeout of an export.
EXPORT_TIMEOUT_MS = 10_000
SMALL_QUEUE = {
    "OTEL_BSP_MAX_QUEUE_SIZE": "16",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8",
    "OTEL_EXPORTER_OTLP_TIMEOUT": str(EXPORT_TIMEOUT_MS),
}


class Outages(ExportTest):
    mode = Mode.HANG

    def check_requests(self, gateway: Gateway) -> None:
        """Checks that every request has its response before an export could have failed."""
        responses: list[Response] = [get(gateway, f"/orders/{n}") for n in range(REQUESTS)]
        self.assertEqual([response.status for response in responses], [200] * REQUESTS)
        slowest = max(response.received - response.sent for response in responses)
        self.assertLess(slowest, EXPORT_TIMEOUT_MS / 1000)

    def wait_for_drops(self, gateway: Gateway, reason: str = "") -> dict[tuple[str, str], int]:
        """Waits until spans are dropped for a reason, or for any reason."""

        def found() -> dict[tuple[str, str], int] | None:
            counts = dropped(gateway)
            reasons = {reason for signal, reason in counts if signal == "traces"}
            return counts if reason in reasons or (not reason and reasons) else None

        return wait_until(found, TIMEOUT_S, f"dropped spans {reason}")

    def test_a_hanging_collector_delays_nothing_and_drops_are_counted(self) -> None:
        gateway = self.start(SMALL_QUEUE)
        self.check_requests(gateway)

        counts = self.wait_for_drops(gateway, "queue_full")
        # Each request has at least three spans. Some wait in the queue and in the batch in transit.
        self.assertGreater(counts["traces", "queue_full"], REQUESTS)
        self.check_warning(gateway)

    def check_warning(self, gateway: Gateway) -> None:
        """Checks that the log says how many were dropped, at most once per minute."""

        def warnings() -> list[dict]:
            records = gateway.log_records()
            return [one for one in records if "dropped" in one.get("message", "")]

        wait_until(warnings, TIMEOUT_S, "a warning")
        self.assertEqual({one["level"] for one in warnings()}, {"WARN"})
        self.assertEqual(len(warnings()), 1, warnings())

    def test_an_absent_collector_delays_nothing_and_drops_are_counted(self) -> None:
        absent = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
        gateway = self.start({**SMALL_QUEUE, **absent})
        self.check_requests(gateway)
        self.assertGreater(sum(self.wait_for_drops(gateway).values()), 0)

    def test_what_a_collector_refuses_for_good_is_not_sent_again(self) -> None:
        self.collector.mode = Mode.REJECT
        gateway = self.start()
        get(gateway, "/orders")
        wait_until(lambda: dropped(gateway).get(("traces", "400")) == 3, TIMEOUT_S, "three drops")

        received = self.collector.received[TRACES]
        self.collector.mode = Mode.ACCEPT
        get(gateway, "/later")
        (server,) = self.spans_of("GET /{proxy+}")
        self.assertEqual(server.attributes["url.path"], "/later")
        self.assertGreater(self.collector.received[TRACES], received)

    def test_a_busy_collector_receives_the_spans_later(self) -> None:
        self.collector.mode = Mode.BUSY
        gateway = self.start()
        get(gateway, "/orders")
        wait_until(lambda: self.collector.received[TRACES], TIMEOUT_S, "an export")

        self.collector.mode = Mode.ACCEPT
        (server,) = self.spans_of("GET /{proxy+}")
        self.assertEqual(server.attributes["url.path"], "/orders")
        self.assertNotIn("traces", {signal for signal, _ in dropped(gateway)})

    def test_partial_success_is_counted(self) -> None:
        self.collector.mode = Mode.PARTIAL
        gateway = self.start()
        get(gateway, "/orders")
        self.assertGreaterEqual(self.wait_for_drops(gateway, "rejected")["traces", "rejected"], 1)


class Shutdown(ExportTest):
    def test_the_last_spans_are_exported(self) -> None:
        gateway = self.start({"OTEL_BSP_SCHEDULE_DELAY": "600000"})
        get(gateway, "/orders")
        self.assertEqual(gateway.stop(), 0)

        names = {span.name for span in self.collector.spans()}
        self.assertEqual(names, {"GET /{proxy+}", "authorizer", "GET"})
        self.assertIn("http.server.request.duration", self.collector.metrics())
        self.assert_accepted()

    def test_a_hanging_collector_does_not_prevent_the_end(self) -> None:
        self.collector.mode = Mode.HANG
        gateway = self.start({"OTEL_EXPORTER_OTLP_TIMEOUT": "600000"})
        get(gateway, "/orders")
        wait_until(lambda: sum(self.collector.received.values()), TIMEOUT_S, "an export")

        began = time.monotonic()
        self.assertEqual(gateway.stop(), 0)
        self.assertLess(time.monotonic() - began, TIMEOUT_S)


class Settings(ExportTest):
    def test_nothing_exists_without_the_settings(self) -> None:
        exporting = self.start()
        get(exporting, "/orders")
        self.spans_of("GET /{proxy+}")

        for environment in [
            {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
            {"OTEL_SDK_DISABLED": "true"},
        ]:
            with self.subTest(environment=environment):
                accepted = len(self.collector.bodies)
                with Gateway(
                    self.folder,
                    "quiet",
                    backend=self.backend.url,
                    environment={**self.collector.environment, **environment},
                    binary=EVALUATOR,
                ) as quiet:
                    sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                    get(quiet, "/unchanged", traceparent=sent)
                    self.assertEqual(self.backend.headers["/unchanged"]["traceparent"], sent)
                    self.assertNotIn(self.collector.port, connected_ports(quiet))
                    # A scrape would start a thread.
                    self.assertLessEqual(threads(quiet), threads(exporting))
                    self.assertEqual(dropped(quiet), {})
                    self.assertNotIn("OTLP", quiet.log.read_text())
                self.assertGreaterEqual(len(self.collector.bodies), accepted)

    def test_banner_names_the_collectors(self) -> None:
        address = "http://metrics.invalid:4318/v2/metrics"
        gateway = self.start({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": address})
        expected = f"traces to {self.collector.url}/v1/traces, metrics to {address}"
        banner = re.compile(rf"(?m)^OTLP +{re.escape(expected)}$")
        # The gateway listens before it prints the banner.
        wait_until(lambda: banner.search(gateway.log.read_text()), TIMEOUT_S, "the banner")

    def test_an_invalid_setting_prevents_the_start(self) -> None:
        for name, value in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hush@localhost:4318"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
        ]:
            with self.subTest(name=name, value=value):
                environment = {**os.environ, **self.collector.environment, name: value}
                run = subprocess.run(
                    [EVALUATOR, "serve", "--listen", "0", "--template", PROJECT / "template.yaml"],
                    check=False,
                    env=environment,
                    cwd=self.folder,
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT_S,
                )
                self.assertEqual(run.returncode, 2, run.stderr)
                self.assertIn(name, run.stderr)
                self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
                self.assertNotIn("hush", run.stderr)


def threads(gateway: Gateway) -> int:
    return len(os.listdir(f"/proc/{gateway.process.pid}/task"))


def connected_ports(gateway: Gateway) -> set[int]:
    """Returns the remote ports of the gateway's TCP sockets."""
    links = set()
    for descriptor in pathlib.Path(f"/proc/{gateway.process.pid}/fd").iterdir():
        # The gateway may have closed it since the list was read.
        with contextlib.suppress(FileNotFoundError):
            links.add(os.readlink(descriptor))
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    with open(f"/proc/{gateway.process.pid}/net/tcp") as table:
        rows = [line.split() for line in list(table)[1:]]
    return {int(row[2].rpartition(":")[2], 16) for row in rows if row[9] in inodes}


if __name__ == "__main__":
    unittest.main()
