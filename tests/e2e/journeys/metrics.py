"""Access logs, the functions' own call records, and other services' records, as metrics with the right counts."""

import datetime
import json
import re
import time
import uuid

from ..processes import until
from ..world import NAMESPACE
from .journey import Journey


class Metrics(Journey):
    def test_lines_of_the_access_log_written_in_the_gateways_stead_are_counted(self) -> None:
        route, plan = f"GET /{uuid.uuid4().hex}", f"plan-{uuid.uuid4().hex[:12]}"
        shared = {"authorizer.route": route, "authorizer.plan": plan, "authorizer.authorizer_ms": "3"}
        allowed = shared | {"status": "200", "responseLatency": "40", "authorizer.decision": "allowed"}
        throttled = shared | {"status": "429", "responseLatency": "4", "authorizer.decision": "throttled"}
        self.write_access_log([self.line(allowed)] * 3 + [self.line(throttled)] * 2)
        self.counts("Requests", {"Route": route, "StatusClass": "2xx"}, 3)
        self.counts("Requests", {"Route": route, "StatusClass": "4xx"}, 2)
        self.counts("Decisions", {"Plan": plan, "Decision": "allowed"}, 3)
        self.counts("Decisions", {"Plan": plan, "Decision": "throttled"}, 2)
        self.counts("Latency", {"Route": route}, 5, "SampleCount")
        self.counts("AuthorizerLatency", {"Route": route}, 15)

    def test_call_records_in_a_functions_own_log_reach_the_publisher_and_add_up(self) -> None:
        key = self.world.key(self.world.plan())["key"]
        charges = {"Service": "dynamodb", "Operation": "UpdateItem", "Status": "Success"}
        before = self.settled("ApiCallCount", charges)
        for _ in range(7):
            self.assertEqual(self.world.request("GET", "/orders", key).status, 200)
        self.counts("ApiCallCount", charges, before + 7)

    def test_records_of_other_services_are_taken_from_the_queue(self) -> None:
        service = f"billing-{uuid.uuid4().hex[:8]}"
        record = {"service": service, "operation": "Charge", "duration_ms": 20, "success": True}
        failed = record | {"success": False, "error_type": "timeout"}
        queue = self.world.emulator.client("sqs")
        for body in (record, {"records": [record, failed]}):
            queue.send_message(QueueUrl=self.world.outputs["MetricsQueueUrl"], MessageBody=json.dumps(body))
        self.counts("ApiCallCount", {"Service": service, "Operation": "Charge", "Status": "Success"}, 2)
        self.counts("ApiErrorCount", {"Service": service, "ErrorType": "timeout"}, 1)

    def test_a_wrong_record_is_named_and_costs_no_other(self) -> None:
        service = f"billing-{uuid.uuid4().hex[:8]}"
        record = {"service": service, "operation": "Charge", "duration_ms": 20, "success": True}
        records = [record, {"service": service}, record]
        answer, erred = self.world.invoke("MetricsPublisherFunction", {"records": records})
        self.assertFalse(erred, answer)
        self.assertEqual((answer["accepted"], [entry["index"] for entry in answer["rejected"]]), (2, [1]))
        self.counts("ApiCallCount", {"Service": service, "Operation": "Charge", "Status": "Success"}, 2)

    def line(self, context: dict[str, str]) -> str:
        """A line in the stage's own format. What the context does not have is a hyphen, as at AWS."""
        api = self.world.emulator.client("apigatewayv2")
        settings = api.get_stage(ApiId=self.world.resources["Api"], StageName="$default")["AccessLogSettings"]
        # The copy of the template speaks the emulator's dialect.
        form = settings["Format"].replace("authorizer.lambda.", "authorizer.")
        known = {"requestTimeEpoch": str(int(time.time() * 1000)), "routeKey": "ANY /{proxy+}", **context}
        return re.sub(r"\$context\.([A-Za-z_.]+)", lambda match: known.get(match[1], "-"), form)

    def write_access_log(self, lines: list[str]) -> None:
        logs, group = self.world.emulator.client("logs"), self.world.resources["AccessLogGroup"]
        stream, now = uuid.uuid4().hex, int(time.time() * 1000)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": now, "message": line} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def counts(self, metric: str, dimensions: dict[str, str], expected: float, statistic: str = "Sum") -> None:
        until(lambda: self.read(metric, dimensions, statistic) >= expected, f"{expected} of {metric} {dimensions}")
        self.assertEqual(self.settled(metric, dimensions, statistic), expected)

    def settled(self, metric: str, dimensions: dict[str, str], statistic: str = "Sum") -> float:
        """What the metric stands at once it stands still: what is under way has arrived by then."""
        readings = [-1.0, -2.0]
        while readings[-1] != readings[-2]:
            time.sleep(0.7)
            readings.append(self.read(metric, dimensions, statistic))
        return readings[-1]

    def read(self, metric: str, dimensions: dict[str, str], statistic: str) -> float:
        now, hour = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(hours=1)
        points = self.world.emulator.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE, MetricName=metric, StartTime=now - hour, EndTime=now + hour, Period=3600,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()], Statistics=[statistic],
        )["Datapoints"]
        return sum(point[statistic] for point in points)
