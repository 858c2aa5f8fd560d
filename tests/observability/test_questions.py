"""The five questions of docs/guides/prometheus.md: each documented query answers its question."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from documents import markdown
from harness.paths import EVALUATOR, PROJECT
from harness.processes import wait_until
from observability.prometheus import Sample
from observability.scene import shared_scene
from observability.tools import promtool, require_prometheus
from observability.traffic import BURST_THROTTLED

GUIDE = PROJECT / "docs" / "guides" / "prometheus.md"
QUESTIONS = (
    "Who is throttled?",
    "Since when?",
    "By which limit?",
    "Who changed it?",
    "Is the backend or the gateway slow?",
)
# The address of Prometheus in the guide.
ADDRESS = "http://127.0.0.1:9090"
COMMAND_TIMEOUT_S = 30
# The query evaluates a point of time every 15 seconds.
STEP_S = 15
STEP_TIMEOUT_S = 40


def setUpModule() -> None:
    require_prometheus()


def section(heading: str) -> str:
    """Returns the text below a heading of the guide."""
    parts = re.split(rf"^### {re.escape(heading)}$", GUIDE.read_text(), flags=re.MULTILINE)
    if len(parts) != 2:
        raise ValueError(f"{GUIDE.name}: expected one section `{heading}`")
    return re.split(r"^##", parts[1], maxsplit=1, flags=re.MULTILINE)[0]


def code(heading: str, language: str) -> str:
    """Returns the only block of a language in a section."""
    (block,) = markdown.blocks(section(heading), language)
    return block


def since_when() -> list[str]:
    """Returns the two queries of the second question: by caller, and by limit."""
    by_caller, by_limit = markdown.blocks(section(QUESTIONS[1]), "promql")
    return [by_caller, by_limit]


def shell_output(script: str, environment: dict[str, str]) -> str:
    """Runs a block of the guide, which must succeed."""
    result = subprocess.run(
        ["sh", "-euc", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=True,
    )
    return result.stdout


class Guide(unittest.TestCase):
    def test_it_has_the_five_questions_in_order(self):
        headings = re.findall(r"^### (.+\?)$", GUIDE.read_text(), re.MULTILINE)
        self.assertEqual(tuple(headings), QUESTIONS)
        deployed = (PROJECT / "docs" / "operations" / "observing.md").read_text()
        self.assertEqual(tuple(re.findall(r"^### (.+\?)$", deployed, re.MULTILINE)), QUESTIONS)

    def test_its_command_asks_prometheus(self):
        (command,) = [
            block for block in markdown.blocks(GUIDE.read_text(), "sh") if ADDRESS in block
        ]
        address = f"http://127.0.0.1:{shared_scene().prometheus.port}"
        output = shell_output(command.replace(ADDRESS, address), dict(os.environ))
        self.assertIn('{status="200"} => ', output)

    def test_every_query_of_the_guide_returns_data(self):
        for query in markdown.blocks(GUIDE.read_text(), "promql"):
            with self.subTest(query):
                self.assertNotEqual(shared_scene().prometheus.query(query), [])


class Answers(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = shared_scene()

    def query(self, question: str) -> list[Sample]:
        return self.scene.prometheus.query(code(question, "promql"))

    def pairs(self, question: str, first: str, second: str) -> set[tuple[str, str]]:
        """Returns two labels of each result, without the bursts that a scrape split."""
        return {
            (one.labels[first], one.labels[second])
            for one in self.query(question)
            if one.labels["plan"] not in self.scene.split_bursts
        }

    def test_throttled_callers_are_named_with_their_plans(self):
        found = self.pairs(QUESTIONS[0], "caller", "plan")
        burst = (f"key#{self.scene.burst_key}", self.scene.burst_key)
        self.assertEqual(found, {("key#free-key", "free"), ("key#trial-key", "trial"), burst})

    def test_a_burst_within_one_scrape_counts_completely(self):
        caller = f"key#{self.scene.burst_key}"
        counter = f'tollgate_caller_decisions_total{{caller="{caller}",decision="throttled"}}'
        self.assertEqual(self.scene.prometheus.value(f"increase({counter}[15m])"), 0)

        counts = {one.labels["caller"]: one.value for one in self.query(QUESTIONS[0])}
        self.assertEqual(counts[caller], BURST_THROTTLED)
        limits = {one.labels["plan"]: one for one in self.query(QUESTIONS[2])}
        burst = limits[self.scene.burst_key]
        self.assertEqual((burst.labels["limit"], burst.value), ("burst", BURST_THROTTLED))

    def test_throttling_began_during_the_load(self):
        begins = wait_until(self.begins_of_throttled_callers, STEP_TIMEOUT_S, "the query has data")
        for begin in begins:
            self.assertLess(self.scene.began, begin)
            self.assertLess(begin, self.scene.ended + STEP_S)

    def begins_of_throttled_callers(self) -> list[float]:
        """Returns the results for throttled callers and limits, or none while one is missing."""
        by_caller, by_limit = map(self.scene.prometheus.query, since_when())
        begins = {one.labels["caller"]: one.value for one in by_caller}
        begins |= {(one.labels["plan"], one.labels["limit"]): one.value for one in by_limit}

        burst = f"key#{self.scene.burst_key}"
        expected = {"key#free-key", "key#trial-key", burst, ("free", "burst"), ("trial", "day")}
        return [begins[one] for one in expected] if expected <= set(begins) else []

    def test_the_limits_that_refused_are_named(self):
        found = self.pairs(QUESTIONS[2], "plan", "limit")
        burst = (self.scene.burst_key, "burst")
        self.assertEqual(found, {("free", "burst"), ("trial", "day"), burst})

    def test_the_command_names_who_changed_the_plan(self):
        environment = {
            **os.environ,
            "PATH": f"{EVALUATOR.parent}:{os.environ['PATH']}",
            "TOLLGATE_URL": f"http://127.0.0.1:{self.scene.gateway.port}",
        }
        output = shell_output(code(QUESTIONS[3], "sh"), environment)
        (change,) = [line for line in output.splitlines() if "plan.put" in line]
        for word in ("free", "local"):
            self.assertIn(word, change)

    def test_the_slow_part_of_a_route_is_the_larger_one(self):
        p95 = {
            one.labels["part"]: one.value
            for one in self.query(QUESTIONS[4])
            if one.labels["route"] == "ANY /slow/{proxy+}"
        }
        self.assertEqual(set(p95), {"backend", "gateway"})
        self.assertGreater(p95["backend"], p95["gateway"])


class SinceWhen(unittest.TestCase):
    """Hours of samples, which promtool generates."""

    def begin(self, values: str, minutes: int) -> float | None:
        """Returns the result of the query after some minutes. `values` are those of each minute."""
        begins = {self.result(query, values, minutes) for query in since_when()}
        (begin,) = begins
        return begin

    def result(self, query: str, values: str, minutes: int) -> float | None:
        """Returns the result of one of the two queries."""
        metric = next(iter(re.findall(r"\btollgate_\w+", query)))
        labels = 'caller="key#a", plan="free", limit="burst", decision="throttled"'
        series = {"series": f"{metric}{{{labels}}}", "values": values}
        # A wrong expectation makes promtool print the result.
        case = {
            "expr": query,
            "eval_time": f"{minutes}m",
            "exp_samples": [{"labels": "{}", "value": -1}],
        }
        test = {"interval": "1m", "input_series": [series], "promql_expr_test": [case]}

        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "test.yml")
            file.write_text(json.dumps({"rule_files": [], "tests": [test]}))
            output = promtool("test", "rules", file).stdout
        found = re.search(r"got:\s*\{[^}]*\} (\S+)", output)
        return float(found[1]) / 60 if found else None

    def test_begin_is_the_last_time_without_throttling(self):
        # Calm for 60 minutes, then throttled once per minute.
        self.assertAlmostEqual(self.begin("5x60 6+1x60", 90), 60, delta=1)

    def test_an_earlier_episode_does_not_count(self):
        # Throttled for 10 minutes, calm for 60, throttled again.
        self.assertAlmostEqual(self.begin("0+1x10 10x60 11+1x60", 100), 71, delta=1)

    def test_a_caller_that_was_always_throttled_begins_with_its_first_request(self):
        self.assertAlmostEqual(self.begin("_x30 1+1x60", 80), 31, delta=1)

    def test_a_first_burst_within_one_scrape_begins_with_it(self):
        self.assertAlmostEqual(self.begin("_x60 36x30", 64), 61, delta=1)

    def test_a_first_burst_is_over_after_five_minutes(self):
        self.assertAlmostEqual(self.begin("_x60 36x30", 80), 80, delta=1)

    def test_a_caller_that_is_not_throttled_now_begins_now(self):
        self.assertAlmostEqual(self.begin("0+1x30 30x60", 80), 80, delta=1)

    def test_a_restart_of_the_gateway_does_not_begin_an_episode(self):
        self.assertAlmostEqual(self.begin("5x20 6+1x20 0+1x40", 70), 20, delta=1)


if __name__ == "__main__":
    unittest.main()
