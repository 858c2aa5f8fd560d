"""Metrics from the access log, from the functions' call records, and from records of other
services.
"""

import datetime
import json
import re
import time
import uuid

from e2e.cases.case import StackCase
from e2e.cases.compositions import CHARGED
from e2e.deployment import NAMESPACE
from harness.processes import wait_until

# metrics-publisher subscribes to them.
FUNCTION_LOG_GROUPS = (
    "AuthorizerLogGroup",
    "LimiterLogGroup",
    "ComposerLogGroup",
    "AlbSyncLogGroup",
)


class Metrics(StackCase):
    def test_access_log_lines_are_counted(self) -> None:
        # The emulator writes no access log, so the test does.
        route, plan = f"GET /{uuid.uuid4().hex}", f"plan-{uuid.uuid4().hex[:12]}"
        shared = {
            "authorizer.route": route,
            "authorizer.plan": plan,
            "authorizer.authorizer_ms": "3",
        }
        allowed = shared | {
            "status": "200",
            "responseLatency": "40",
            "authorizer.decision": "allowed",
        }
        throttled = shared | {
            "status": "429",
            "responseLatency": "4",
            "authorizer.decision": "throttled",
        }
        self.write_access_log(
            [self.access_log_line(allowed)] * 3 + [self.access_log_line(throttled)] * 2
        )

        self.assert_metric("Requests", {"Route": route, "StatusClass": "2xx"}, 3)
        self.assert_metric("Requests", {"Route": route, "StatusClass": "4xx"}, 2)
        self.assert_metric("Decisions", {"Plan": plan, "Decision": "allowed"}, 3)
        self.assert_metric("Decisions", {"Plan": plan, "Decision": "throttled"}, 2)
        self.assert_metric("Latency", {"Route": route}, 5, "SampleCount")
        self.assert_metric("AuthorizerLatency", {"Route": route}, 15)

    def test_call_records_in_the_logs_of_functions_are_counted(self) -> None:
        key = self.deployment.create_key(self.deployment.create_plan(), subject="alice")["key"]
        before = self.logged_charges()
        paths = ["/orders"] * 7 + [CHARGED]
        for path in paths:
            self.assertEqual(self.deployment.request("GET", path, key).status, 200, path)

        # The first request after the minute writes the call records of the minute.
        time.sleep(60 - time.time() % 60)
        self.assertEqual(self.deployment.request("GET", CHARGED, key).status, 200)
        for group, calls in (("AuthorizerLogGroup", len(paths)), ("ComposerLogGroup", 1)):
            expected = before[group] + calls
            wait_until(
                lambda: self.logged_charges()[group] >= expected, 20, f"{calls} records in {group}"
            )
        self.assert_logged_charges_are_counted()

    def test_records_of_other_services_are_read_from_the_queue(self) -> None:
        service = f"billing-{uuid.uuid4().hex[:8]}"
        record = {"service": service, "operation": "Charge", "duration_ms": 20, "success": True}
        failed = record | {"success": False, "error_type": "timeout"}
        queue = self.deployment.emulator.client("sqs")
        for body in (record, {"records": [record, failed]}):
            queue.send_message(
                QueueUrl=self.deployment.outputs["MetricsQueueUrl"], MessageBody=json.dumps(body)
            )
        self.assert_metric(
            "ApiCallCount", {"Service": service, "Operation": "Charge", "Status": "Success"}, 2
        )
        self.assert_metric("ApiErrorCount", {"Service": service, "ErrorType": "timeout"}, 1)

    def test_invalid_record_is_reported_and_the_others_are_counted(self) -> None:
        service = f"billing-{uuid.uuid4().hex[:8]}"
        record = {"service": service, "operation": "Charge", "duration_ms": 20, "success": True}
        records = [record, {"service": service}, record]
        response, failed = self.deployment.invoke("MetricsPublisherFunction", {"records": records})
        self.assertFalse(failed, response)
        self.assertEqual(
            (response["accepted"], [entry["index"] for entry in response["rejected"]]), (2, [1])
        )
        self.assert_metric(
            "ApiCallCount", {"Service": service, "Operation": "Charge", "Status": "Success"}, 2
        )

    def assert_logged_charges_are_counted(self) -> None:
        """Compares again while they differ, because an instance that ends writes its records."""
        dimensions = {"Service": "dynamodb", "Operation": "UpdateItem", "Status": "Success"}

        def compare() -> bool:
            logged = sum(self.logged_charges().values())
            self.assertEqual(self.stable_value("ApiCallCount", dimensions), logged)
            return True

        wait_until(compare, 30, "the metric counts the logged calls")

    def logged_charges(self) -> dict[str, int]:
        """Returns the numbers of successful `UpdateItem` calls in the subscribed logs."""
        return {
            group: self.charges_in(self.deployment.resources[group])
            for group in FUNCTION_LOG_GROUPS
            if group in self.deployment.resources
        }

    def charges_in(self, log_group: str) -> int:
        logs = self.deployment.emulator.client("logs").get_paginator("filter_log_events")
        return sum(
            sum(call["counts"])
            for page in logs.paginate(logGroupName=log_group, filterPattern="api_calls")
            for event in page["events"]
            if event["message"].startswith('{"api_calls":')
            for call in json.loads(event["message"])["api_calls"]
            if call["operation"] == "UpdateItem" and call["success"]
        )

    def access_log_line(self, context: dict[str, str]) -> str:
        """Returns a line in the stage's format. As in AWS, a missing variable is a hyphen."""
        api = self.deployment.emulator.client("apigatewayv2")
        settings = api.get_stage(ApiId=self.deployment.resources["Api"], StageName="$default")[
            "AccessLogSettings"
        ]
        # The adapted template has the emulator's names of variables.
        format_ = settings["Format"].replace("authorizer.lambda.", "authorizer.")
        values = {
            "requestTimeEpoch": str(int(time.time() * 1000)),
            "routeKey": "ANY /{proxy+}",
            **context,
        }
        return re.sub(r"\$context\.([A-Za-z_.]+)", lambda match: values.get(match[1], "-"), format_)

    def write_access_log(self, lines: list[str]) -> None:
        logs, group = (
            self.deployment.emulator.client("logs"),
            self.deployment.resources["AccessLogGroup"],
        )
        stream, now = uuid.uuid4().hex, int(time.time() * 1000)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": now, "message": line} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def assert_metric(
        self, metric: str, dimensions: dict[str, str], expected: float, statistic: str = "Sum"
    ) -> None:
        wait_until(
            lambda: self.read(metric, dimensions, statistic) >= expected,
            20,
            f"{expected} of {metric} {dimensions}",
        )
        self.assertEqual(self.stable_value(metric, dimensions, statistic), expected)

    def stable_value(
        self, metric: str, dimensions: dict[str, str], statistic: str = "Sum"
    ) -> float:
        """Returns the value of the metric when two readings in a row are equal."""
        readings = [-1.0, -2.0]
        while readings[-1] != readings[-2]:
            time.sleep(0.7)
            readings.append(self.read(metric, dimensions, statistic))
        return readings[-1]

    def read(self, metric: str, dimensions: dict[str, str], statistic: str) -> float:
        now, hour = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(hours=1)
        points = self.deployment.emulator.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            StartTime=now - hour,
            EndTime=now + hour,
            Period=3600,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            Statistics=[statistic],
        )["Datapoints"]
        return sum(point[statistic] for point in points)
