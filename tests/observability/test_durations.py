"""Averages and quantiles that Prometheus computes of requests with known durations."""

import concurrent.futures
import contextlib
import pathlib
import tempfile
import time
import unittest
from collections.abc import Callable

from harness.client import get
from harness.gateway import Gateway
from harness.paths import EVALUATOR
from harness.processes import wait_until
from observability.backend import backend
from observability.prometheus import Prometheus
from observability.tools import require_prometheus

KEY = "observability-key-of-durations"
SEEDS = {"plans": {"all": {}}, "keys": [{"key": KEY, "key_id": "all", "plan": "all"}]}
# Each test has a route of its own.
ROUTES = ("seconds", "long", "aging", "shared")
POLICY = {"rules": [{"match": f"ANY /{name}/{{proxy+}}", "auth": "any"} for name in ROUTES]}
CLIENTS, FAST_CLIENTS = 60, 4
QUERY_TIMEOUT_S = 30
# Slow requests take this long, and fast ones less than half of it.
SLOW_MS, LIMIT_S = 1000, 0.5
# The average may exceed the time of the backend by this share. Clients, backend and gateway share the
# processors.
TOLERANCE = 1
DURATION = "tollgate_http_request_duration_seconds"
UPSTREAM = "tollgate_upstream_duration_seconds"


def setUpModule() -> None:
    require_prometheus()


class Durations(unittest.TestCase):
    """Two gateways with the same backend."""

    @classmethod
    def setUpClass(cls) -> None:
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        service = stack.enter_context(backend())

        options = {"seeds": SEEDS, "policy": POLICY, "backend": service.url, "binary": EVALUATOR}
        cls.gateways = [
            stack.enter_context(Gateway(folder, name, **options)) for name in ("first", "second")
        ]
        cls.prometheus = stack.enter_context(Prometheus(folder, cls.gateways))

    def send(self, name: str, count: int, ms: int = 0, gateway: int = 0) -> None:
        """Sends requests at the same time, each of which the backend delays."""
        port = self.gateways[gateway].port
        path = f"/{name}/report?ms={ms}"
        with concurrent.futures.ThreadPoolExecutor(CLIENTS if ms else FAST_CLIENTS) as pool:
            for response in pool.map(lambda _: get(port, path, KEY), range(count)):
                self.assertEqual(response.status, 200)

    def check_average(self, name: str, count: int, many_ms: int, one_ms: int) -> None:
        """Sends many slow requests and a slightly faster one. The average changes a little."""
        labels = f'{{route="ANY /{name}/{{proxy+}}"}}'
        # The first requests create the series.
        self.send(name, 1)
        self.prometheus.wait_for_scrapes()
        begin = time.time()
        self.send(name, count, many_ms)
        self.prometheus.wait_for_scrapes()
        slow = self.sums(labels)

        self.send(name, 1, one_ms)
        self.prometheus.wait_for_scrapes()
        window = f"[{time.time() - begin + 2:.0f}s]"

        for metric in (DURATION, UPSTREAM):
            rates = [f"sum(rate({metric}_{part}{labels}{window}))" for part in ("sum", "count")]
            average = self.prometheus.value(" / ".join(rates))
            # For the time before the first sample, `rate` adds at most one request, without a duration.
            self.assertGreater(average, many_ms / 1000 * (1 - 2 / count))
            self.assertLess(average, many_ms / 1000 * (1 + TOLERANCE))
            resets = self.prometheus.query(f"max(resets({metric}_sum{labels}[5m]))")
            self.assertEqual([one.value for one in resets], [0])

        for metric, before in slow.items():
            added = self.sums(labels)[metric] - before
            self.assertGreaterEqual(added, one_ms / 1000)
            self.assertLess(added, one_ms / 1000 * (1 + TOLERANCE))

    def wait_for(self, expr: str, send: Callable[[], None] = lambda: None) -> None:
        """Calls `send` until a query has a result."""

        def has_result() -> bool:
            send()
            return self.prometheus.query(expr) != []

        wait_until(has_result, QUERY_TIMEOUT_S, expr)

    def sums(self, labels: str) -> dict[str, float]:
        """Returns the total durations in seconds, by metric."""
        return {
            metric: self.prometheus.value(f"sum({metric}_sum{labels})")
            for metric in (DURATION, UPSTREAM)
        }

    def test_one_faster_request_does_not_change_an_average(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            checks = [
                pool.submit(self.check_average, "seconds", 200, 1030, 958),
                pool.submit(self.check_average, "long", 60, 5450, 5120),
            ]
        for check in checks:
            check.result()

    def test_quantiles_forget_slow_requests_of_earlier(self):
        labels = '{route="ANY /aging/{proxy+}"}'
        p95 = f"histogram_quantile(0.95, sum by (le) (rate({DURATION}_bucket{labels}[5s])))"
        self.send("aging", 10)
        self.prometheus.wait_for_scrapes()

        self.send("aging", 100, SLOW_MS)
        self.wait_for(f"{p95} > {LIMIT_S}")
        self.send("aging", 900)
        self.wait_for(f"{p95} < {LIMIT_S}", lambda: self.send("aging", 10))

        # The slow requests are still a part of the total since the start.
        total = f"histogram_quantile(0.999, sum by (le) ({DURATION}_bucket{labels}))"
        self.assertGreater(self.prometheus.value(total), LIMIT_S)

    def test_two_gateways_add_up(self):
        self.send("shared", 30, gateway=0)
        self.send("shared", 70, ms=SLOW_MS, gateway=1)
        self.prometheus.wait_for_scrapes()

        selector = 'route="ANY /shared/{proxy+}"'
        for metric in ("tollgate_http_requests_total", f"{DURATION}_count", f"{UPSTREAM}_count"):
            self.assertEqual(self.prometheus.value(f"sum({metric}{{{selector}}})"), 100)
        by_gateway = self.prometheus.query(f"sum by (instance) ({DURATION}_count{{{selector}}})")
        self.assertEqual(sorted(one.value for one in by_gateway), [30, 70])

        # 30 % of the requests of both gateways are fast.
        buckets = f"sum by (le) ({UPSTREAM}_bucket{{{selector}}})"
        self.assertLess(self.prometheus.value(f"histogram_quantile(0.25, {buckets})"), LIMIT_S)
        self.assertGreaterEqual(
            self.prometheus.value(f"histogram_quantile(0.5, {buckets})"), LIMIT_S
        )


if __name__ == "__main__":
    unittest.main()
