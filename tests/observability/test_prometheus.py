"""Prometheus and promtool accept the metrics, and the metrics are what the clients saw."""

import collections
import time
import unittest

from prometheus_client import parser as text_format
from prometheus_client.openmetrics import parser as openmetrics

from harness.client import call
from observability.prometheus import METRICS_PATH
from observability.scene import shared_scene
from observability.tools import promtool, require_prometheus
from observability.traffic import BURST_ALLOWED, BURST_THROTTLED

# The `Accept` header of Prometheus 2.42 (scrape/scrape.go, acceptHeader).
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
BUCKETS = "tollgate_http_request_duration_seconds_bucket"


def setUpModule() -> None:
    require_prometheus()


class Format(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = shared_scene()

    def scrape(self, accept: str) -> tuple[str, str]:
        """Returns the content type and the text of a scrape."""
        response = call(self.scene.gateway.port, "GET", METRICS_PATH, {"accept": accept})
        self.assertEqual(response.status, 200)
        return response.headers["content-type"], response.body.decode()

    def test_promtool_has_no_remarks(self):
        for gateway in (self.scene.gateway, self.scene.failing):
            text = call(gateway.port, "GET", METRICS_PATH).body.decode()
            result = promtool("check", "metrics", text=text)
            self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_promtool_finds_faults(self):
        text = "# TYPE tollgate_latency_milliseconds summary\ntollgate_latency_milliseconds_sum 1\n"
        result = promtool("check", "metrics", text=text)
        self.assertNotEqual((result.returncode, result.stdout), (0, ""))

    def test_prometheus_gets_openmetrics_and_other_clients_the_text_format(self):
        openmetrics, text = self.scrape(ACCEPT)
        self.assertEqual(openmetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("\n# EOF\n"))

        plain, text = self.scrape("*/*")
        self.assertEqual(plain, "text/plain; version=0.0.4; charset=utf-8")
        self.assertNotIn("# EOF", text)

    def test_strict_parsers_read_the_same_families_of_both_formats(self):
        families = {
            family.name
            for family in openmetrics.text_string_to_metric_families(self.scrape(ACCEPT)[1])
        }
        self.assertGreater(len(families), 20)

        # In the text format, the name of a counter ends in `_total`, and that of an info in `_info`.
        plain = {
            family.name
            for family in text_format.text_string_to_metric_families(self.scrape("*/*")[1])
        }
        self.assertEqual({name.removesuffix("_info") for name in plain}, families)

    def test_prometheus_scrapes_without_errors(self):
        targets = self.scene.prometheus.get("targets")["activeTargets"]
        self.assertEqual([target["lastError"] for target in targets], ["", ""])
        self.assertEqual(self.scene.prometheus.query("up == 0"), [])
        for gap in ("out_of_order", "duplicate"):
            # Prometheus counts samples that it drops, which is no error of the scrape.
            log = self.scene.prometheus.log.read_text()
            self.assertNotIn(gap, log)

    def test_traces_that_are_recorded_become_exemplars(self):
        end = time.time()
        series = self.scene.prometheus.get(
            "query_exemplars", query=BUCKETS, start=end - 300, end=end
        )
        found = {one["labels"]["trace_id"] for each in series for one in each["exemplars"]}
        self.assertNotEqual(found, set())

        clients = (self.scene.client, self.scene.failing_client)
        self.assertEqual(found - set().union(*(one.sampled for one in clients)), set())
        self.assertEqual(found & set().union(*(one.unsampled for one in clients)), set())


class Counts(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = shared_scene()

    def test_statuses_are_those_that_the_clients_got(self):
        for client in (self.scene.client, self.scene.failing_client):
            instance = f"127.0.0.1:{client.gateway.port}"
            expr = f'sum by (status) (tollgate_http_requests_total{{instance="{instance}"}})'
            counted = {
                int(one.labels["status"]): int(one.value)
                for one in self.scene.prometheus.query(expr)
            }
            # The change of the plan is a request of the first gateway.
            expected = client.statuses + collections.Counter(
                {200: int(client is self.scene.client)}
            )
            self.assertEqual(counted, dict(expected))

    def test_each_kind_of_request_has_its_status_and_source(self):
        expr = "sum by (status, source) (tollgate_http_requests_total)"
        found = {
            (one.labels["status"], one.labels["source"])
            for one in self.scene.prometheus.query(expr)
        }
        expected = {
            ("200", "backend"),
            ("500", "backend"),
            ("200", "function"),
            ("401", "gateway"),
            ("403", "gateway"),
            ("502", "gateway"),
            ("429", "listener"),
            ("503", "listener"),
        }
        self.assertEqual(found & expected, expected)

    def test_a_response_that_the_backend_breaks_off_is_counted_as_incomplete(self):
        expr = "sum by (reason) (tollgate_incomplete_responses_total)"
        counts = {one.labels["reason"]: one.value for one in self.scene.prometheus.query(expr)}
        self.assertEqual(counts.keys(), {"backend"})
        self.assertGreater(counts["backend"], 1)

    def test_histograms_count_every_request_once(self):
        requests = self.scene.prometheus.value("sum(tollgate_http_requests_total)")
        durations = "tollgate_http_request_duration_seconds"
        self.assertEqual(self.scene.prometheus.value(f"sum({durations}_count)"), requests)
        self.assertEqual(
            self.scene.prometheus.value(f'sum({durations}_bucket{{le="+Inf"}})'), requests
        )

    def test_limits_that_refuse_have_their_names(self):
        expr = 'sum by (plan, limit) (tollgate_decisions_total{decision="throttled"}) > 0'
        found = {
            (one.labels["plan"], one.labels["limit"]) for one in self.scene.prometheus.query(expr)
        }
        self.assertTrue({("free", "burst"), ("trial", "day")} <= found, found)

    def test_a_breaker_of_a_failed_store_has_one_state_and_is_not_closed(self):
        expr = 'tollgate_circuit_breaker_state{service="usage"} == 1'
        states = {
            (one.labels["instance"], one.labels["state"])
            for one in self.scene.prometheus.query(expr)
        }
        failing = f"127.0.0.1:{self.scene.failing.port}"
        self.assertTrue(states & {(failing, "open"), (failing, "half_open")}, states)
        self.assertEqual(len({instance for instance, _ in states}), len(states))


# The emulator accepts all credentials.
WITHOUT_DATA = ["job_service_type:tollgate_api_rejections:increase5m"]


class Rules(unittest.TestCase):
    def test_every_rule_is_evaluated_without_errors(self):
        prometheus = shared_scene().prometheus
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        self.assertGreater(len(rules), 30)
        self.assertEqual([rule["name"] for rule in rules if rule["health"] != "ok"], [])

    def test_a_recording_rule_counts_a_burst_within_one_scrape_completely(self):
        selector = f'{{plan="{shared_scene().burst_key}"}}'
        prometheus = shared_scene().prometheus
        naive = prometheus.value(f"sum(increase(tollgate_decisions_total{selector}[5m]))")
        self.assertEqual(naive, 0)
        counted = prometheus.value(f"job_plan:tollgate_decisions:increase5m{selector}")
        self.assertEqual(counted, BURST_ALLOWED + BURST_THROTTLED)

    def test_recording_rules_have_data(self):
        prometheus = shared_scene().prometheus
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        recordings = [rule["name"] for rule in rules if rule["type"] == "recording"]
        empty = [name for name in recordings if not prometheus.query(name)]
        self.assertEqual(empty, WITHOUT_DATA)


if __name__ == "__main__":
    unittest.main()
