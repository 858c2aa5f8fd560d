"""The metrics that exist in a stack, with their dimensions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.paths import PROJECT
from template.stack import Stack, text

# The sets of dimensions of each metric, by namespace and name.
Metrics = dict[tuple[str, str], set[frozenset[str]]]

# The metrics of AWS services, from "Monitor CloudWatch metrics for HTTP APIs", "Types of metrics
# for Lambda functions", "DynamoDB metrics and dimensions", "Monitoring usage with CloudWatch
# metrics" (Logs), "Available CloudWatch metrics for Amazon SQS", "CloudWatch usage metrics",
# "CloudWatch metrics for AWS PrivateLink".
AWS = {
    "AWS/ApiGateway": (
        ["4xx", "5xx", "Count", "IntegrationLatency", "Latency", "DataProcessed"],
        [{"ApiId"}],
    ),
    "AWS/Lambda": (
        ["Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"],
        [{"FunctionName"}],
    ),
    "AWS/DynamoDB": (
        [
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        ],
        [{"TableName"}],
    ),
    "AWS/DynamoDB operations": (
        ["SuccessfulRequestLatency", "ThrottledRequests"],
        [{"TableName", "Operation"}],
    ),
    "AWS/Logs": (["IncomingBytes", "IncomingLogEvents"], [{"LogGroupName"}]),
    "AWS/SQS": (["ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"], [{"QueueName"}]),
    "AWS/Usage": (["CallCount"], [{"Service", "Type", "Resource", "Class"}]),
    "AWS/PrivateLinkEndpoints": (
        ["BytesProcessed", "ActiveConnections"],
        [{"VPC Id", "VPC Endpoint Id", "Service Name", "Endpoint Type"}],
    ),
}
SERIES = re.compile(r'form\(\s*"(?P<name>\w+)",\s*\w+,\s*&\[(?P<dimensions>[^\]]*)\]')
GAUGE = re.compile(r'^\s+\("(?P<name>[A-Z]\w+)", ', re.MULTILINE)


def source(path: str) -> str:
    return (PROJECT / path).read_text()


def existing_metrics(stack: Stack) -> Metrics:
    """Returns the metrics of AWS services, of log metric filters, and of the functions."""
    found: Metrics = {}
    for namespace, (names, dimensions) in AWS.items():
        for name in names:
            found[namespace.partition(" ")[0], name] = {frozenset(names) for names in dimensions}

    for properties in stack.of_type("AWS::Logs::MetricFilter").values():
        for metric in properties["MetricTransformations"]:
            names = frozenset(it["Key"] for it in metric.get("Dimensions", []))
            found.setdefault(
                (text(metric["MetricNamespace"]), text(metric["MetricName"])), set()
            ).add(names)

    for function, name, dimensions in published(stack):
        found.setdefault((namespace_of(stack, function), name), set()).add(dimensions)
    return found


def namespace_of(stack: Stack, function: str) -> str:
    """Returns the namespace in which a function publishes."""
    return text(
        stack.resources[function]["Properties"]["Environment"]["Variables"]["METRICS_NAMESPACE"]
    )


def published(stack: Stack) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Reads the metrics of metrics-publisher and alb-sync from their sources. Yields function, name
    and dimensions.
    """
    if "MetricsPublisherFunction" in stack.resources:
        for series in SERIES.finditer(source("functions/metrics-publisher/src/series.rs")):
            yield (
                "MetricsPublisherFunction",
                series["name"],
                frozenset(re.findall(r'"(\w+)"', series["dimensions"])),
            )
    if "AlbSyncFunction" in stack.resources:
        gauges = source("functions/alb-sync/src/gauges.rs")
        if '[["TargetGroup"], []]' not in gauges:
            raise ValueError("the dimensions of alb-sync's gauges have changed")
        for gauge in GAUGE.finditer(gauges):
            yield "AlbSyncFunction", gauge["name"], frozenset({"TargetGroup"})
            yield "AlbSyncFunction", gauge["name"], frozenset()
