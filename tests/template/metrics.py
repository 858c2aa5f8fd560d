"""Which metrics there are, in one position of the template: by namespace and name, the sets of their dimensions."""

from __future__ import annotations

import re

from .document import PROJECT
from .evaluation import Position, Unknown

Emitted = dict[tuple[str, str], set[frozenset[str]]]

# "Monitor CloudWatch metrics for HTTP APIs", "Types of metrics for Lambda functions", "DynamoDB metrics and
# dimensions", "Monitoring usage with CloudWatch metrics" (Logs), "Available CloudWatch metrics for Amazon SQS",
# "CloudWatch usage metrics", "CloudWatch metrics for AWS PrivateLink".
AWS = {
    "AWS/ApiGateway": (["4xx", "5xx", "Count", "IntegrationLatency", "Latency", "DataProcessed"], [{"ApiId"}]),
    "AWS/Lambda": (["Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"], [{"FunctionName"}]),
    "AWS/DynamoDB": (
        ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"],
        [{"TableName"}],
    ),
    "AWS/DynamoDB operations": (["SuccessfulRequestLatency", "ThrottledRequests"], [{"TableName", "Operation"}]),
    "AWS/Logs": (["IncomingBytes", "IncomingLogEvents"], [{"LogGroupName"}]),
    "AWS/SQS": (["ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"], [{"QueueName"}]),
    "AWS/Usage": (["CallCount"], [{"Service", "Type", "Resource", "Class"}]),
    "AWS/PrivateLinkEndpoints": (
        ["BytesProcessed", "ActiveConnections"],
        [{"VPC Id", "VPC Endpoint Id", "Service Name", "Endpoint Type"}],
    ),
}
FORM = re.compile(r'form\(\s*"(?P<name>\w+)",\s*\w+,\s*&\[(?P<dimensions>[^\]]*)\]')
GAUGE = re.compile(r'\("(?P<name>[A-Z]\w+)", (?:Some|known)')


def text(value: object) -> str:
    return value.text if isinstance(value, Unknown) else str(value)


def source(path: str) -> str:
    return (PROJECT / path).read_text()


def emitted(position: Position) -> Emitted:
    """AWS's own, those of log metric filters, and what functions publish."""
    found: Emitted = {}
    for namespace, (names, dimensions) in AWS.items():
        for name in names:
            found[namespace.partition(" ")[0], name] = {frozenset(names) for names in dimensions}
    for properties in position.of_type("AWS::Logs::MetricFilter").values():
        for metric in properties["MetricTransformations"]:
            names = frozenset(it["Key"] for it in metric.get("Dimensions", []))
            found.setdefault((text(metric["MetricNamespace"]), text(metric["MetricName"])), set()).add(names)
    for function, name, dimensions in published(position):
        found.setdefault((namespace_of(position, function), name), set()).add(dimensions)
    return found


def namespace_of(position: Position, function: str) -> str:
    """The namespace that a function publishes in."""
    return text(position.resources[function]["Properties"]["Environment"]["Variables"]["METRICS_NAMESPACE"])


def published(position: Position):
    """The publisher's series and alb-sync's gauges, out of their sources: function, name and dimensions."""
    if "MetricsPublisherFunction" in position.present:
        for form in FORM.finditer(source("functions/metrics-publisher/src/series.rs")):
            yield "MetricsPublisherFunction", form["name"], frozenset(re.findall(r'"(\w+)"', form["dimensions"]))
    if "AlbSyncFunction" in position.present:
        gauges = source("functions/alb-sync/src/gauges.rs")
        if '[["TargetGroup"], []]' not in gauges:
            raise ValueError("alb-sync's gauges have other dimensions")
        for gauge in GAUGE.finditer(gauges):
            yield "AlbSyncFunction", gauge["name"], frozenset({"TargetGroup"})
            yield "AlbSyncFunction", gauge["name"], frozenset()
