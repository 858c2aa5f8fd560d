"""Computes monthly costs from unit prices and measurements. docs/operations/costs.md lists their
sources.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from doc_tables.markdown_table import table

HOURS = 730
GB = 1e9

# US dollars in us-east-1, November 2026, without free tiers: per request, per GB, per hour or per
# month.
HTTP_API = 1.00e-6
REST_API = 3.50e-6
LAMBDA_REQUEST = 0.20e-6
LAMBDA_GB_SECOND = 0.0000133334  # arm64
DYNAMODB_WRITE = 0.625e-6
DYNAMODB_READ = 0.125e-6  # 4 KB, strongly consistent. Other reads cost half.
LOGS_IN = 0.50
LOGS_KEPT = 0.03
METRIC = 0.30
ALARM = 0.10
COMPOSITE_ALARM = 0.50
DASHBOARD = 3.00
XRAY_TRACE = 5.00e-6
NAT_HOUR, NAT_GB = 0.045, 0.045
LOAD_BALANCER_HOUR, ALB_UNIT_HOUR, NLB_UNIT_HOUR = 0.0225, 0.008, 0.006
FARGATE_CPU_HOUR, FARGATE_GB_HOUR = 0.03238, 0.00356  # arm64
PUBLIC_ADDRESS_HOUR = 0.005
REDIS_HOUR = 0.016  # cache.t4g.micro

# Measured: writes per request with `make bench` (one caller at random times, 30 % of its rate), and
# bytes of log lines. An aggregate of call records has a fixed part, and a part for each call.
WRITES = 1.12
DECISION_LINE, CALL_AGGREGATE, CALL = 351, 175, 8
# The kinds of calls that an instance makes in a minute: `UpdateItem` and `GetItem`.
CALL_KINDS = 2
# Assumed, because Tollgate has not run in AWS: the duration of a decision with one write, and the
# size of an exchange.
AUTHORIZER_S, AUTHORIZER_GB = 0.008, 0.5
EXCHANGE_BYTES = 2_000
SERIES = 40
# Lambda samples one invocation per second and 5 % of the others for X-Ray.
XRAY_SHARE = 0.05
# After a response, a function waits at most 100 ms for a collector elsewhere (MAX_FLUSH_TIME in
# crates/otlp/src/flush_layer.rs). Assumed: the time to hand data to a layer on the same instance, the
# time by which a layer delays the start of an instance, and the share of requests that start one.
EXPORT_S, HANDOVER_S, COLLECTOR_START_S, STARTS = 0.1, 0.005, 0.2, 0.001
# Measured with `make bench`: store requests per decision on a hot key with `"lease": 16` and 16
# workers.
LEASED_WRITES = 0.064
# The values in an access log line, as the local gateway logs them. All others are logged as `-`.
LINE = {
    "requestId": "JKJaXmPLvHcESHA01=", "extendedRequestId": "JKJaXmPLvHcESHA01=", "requestTimeEpoch": "1795335941239",
    "identity.sourceIp": "203.0.113.217", "domainName": "abcdef1234.execute-api.us-east-1.amazonaws.com",
    "httpMethod": "GET", "routeKey": "ANY /{proxy+}", "protocol": "HTTP/1.1", "status": "200", "responseLength": "471",
    "responseLatency": "21", "integrationLatency": "11", "integrationStatus": "200",
    "authorizer.route": "ANY /{proxy+}", "authorizer.decision": "allowed", "authorizer.reason": "ok",
    "authorizer.auth": "api_key", "authorizer.plan": "free", "authorizer.key_id": "k_0123456789abcdef",
    "authorizer.caller": "key#k_0123456789abcdef", "authorizer.near_limit": "false", "authorizer.over_quota": "false",
    "authorizer.authorizer_ms": "6.269",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Scale:
    """A month's traffic. `reads` is the share of requests that read their key and plan, which are
    cached for 30 s. `instances` of the authorizer work in every minute, which is assumed.
    """

    name: str
    requests: float
    reads: float
    instances: float


SCALES = [
    Scale("idle", 0, 0, 0),
    Scale("1 M requests", 1e6, 1, 1),
    Scale("100 M requests", 100e6, 0.1, 3),
]


def access_line(body: dict[str, Any]) -> int:
    """Returns the size of a line in the stage's format."""
    format_ = body["Resources"]["Stage"]["Properties"]["AccessLogSettings"]["Format"]
    return len(re.sub(r"\$context\.([\w.]+)", lambda it: LINE.get(it[1], "-"), format_))


def function_log_bytes(scale: Scale, writes: float, log_decisions: str) -> float:
    """Returns the size of the authorizer's log, if all requests are allowed."""
    decisions = scale.requests * (DECISION_LINE if log_decisions == "all" else 0)
    calls = scale.requests * (writes + 2 * scale.reads) * CALL
    aggregates = scale.instances * 60 * HOURS * CALL_KINDS * CALL_AGGREGATE
    return decisions + calls + aggregates


def tollgate(
    scale: Scale, body: dict[str, Any], writes: float = WRITES, log_decisions: str = "refusals"
) -> dict[str, float]:
    """Returns the costs by item. `writes` is the number of writes per request."""
    number = scale.requests
    function_log = function_log_bytes(scale, writes, log_decisions) / GB
    access_log = number * access_line(body) / GB
    return {
        "HTTP API, requests": number * HTTP_API,
        "authorizer, requests": number * LAMBDA_REQUEST,
        "authorizer, time": number * AUTHORIZER_S * AUTHORIZER_GB * LAMBDA_GB_SECOND,
        "DynamoDB, writes": number * writes * DYNAMODB_WRITE,
        "DynamoDB, reads": number * scale.reads * DYNAMODB_READ,
        "access log": access_log * (LOGS_IN + LOGS_KEPT),
        "authorizer's log": function_log * (LOGS_IN + LOGS_KEPT),
    }


def monitoring(resources: dict[str, Any], series: int) -> float:
    """Returns the costs of dashboard, alarms and published metrics, which do not depend on traffic."""
    alarms = [
        it["Properties"] for it in resources.values() if it["Type"] == "AWS::CloudWatch::Alarm"
    ]
    alarm_metrics = sum(
        sum("MetricStat" in it for it in alarm.get("Metrics", [])) or 1 for alarm in alarms
    )
    return DASHBOARD + alarm_metrics * ALARM + COMPOSITE_ALARM + series * METRIC


def tracing(scale: Scale) -> dict[str, float]:
    """Returns what `Tracing` adds, at most, to the costs of the authorizer, for each of its values."""
    number, seconds = scale.requests, 3_600 * HOURS
    traces = min(number, seconds) + XRAY_SHARE * max(number - seconds, 0)
    second = AUTHORIZER_GB * LAMBDA_GB_SECOND
    return {
        "`PassThrough` (default)": 0,
        "`Active`": traces * XRAY_TRACE,
        "the ARN of a layer": number * (HANDOVER_S + STARTS * COLLECTOR_START_S) * second,
        "a URL": number * EXPORT_S * second,
    }


def http_api(scale: Scale, body: dict[str, Any]) -> float:
    """An HTTP API without keys or limits, and the same access log."""
    return scale.requests * (HTTP_API + access_line(body) / GB * (LOGS_IN + LOGS_KEPT))


def rest_api_with_tollgate(scale: Scale, body: dict[str, Any]) -> float:
    """A REST API with the same authorizer and the same access log. Its VPC link costs nothing."""
    parts = tollgate(scale, body)
    return sum(parts.values()) - parts["HTTP API, requests"] + scale.requests * REST_API


def rest_api(scale: Scale, body: dict[str, Any]) -> float:
    """A REST API with its own usage plans, and the same access log."""
    return scale.requests * (REST_API + access_line(body) / GB * (LOGS_IN + LOGS_KEPT))


def kong(scale: Scale, body: dict[str, Any]) -> float:
    """Two tasks with 1 vCPU and 2 GB, a public ALB, Redis for shared counters, and the same access
    log.
    """
    tasks = 2 * (FARGATE_CPU_HOUR + 2 * FARGATE_GB_HOUR)
    units = scale.requests * EXCHANGE_BYTES / GB / HOURS
    balancer = LOAD_BALANCER_HOUR + units * ALB_UNIT_HOUR + 2 * PUBLIC_ADDRESS_HOUR
    log = scale.requests * access_line(body) / GB * (LOGS_IN + LOGS_KEPT)
    return HOURS * (tasks + balancer + REDIS_HOUR) + log


def nat(scale: Scale) -> float:
    """NAT gateways in two zones, with 1 KB of calls to AWS per request."""
    return 2 * NAT_HOUR * HOURS + scale.requests * 1_000 / GB * NAT_GB


def nlb(scale: Scale) -> float:
    """An NLB and alb-sync, which runs half a second per minute and publishes four gauges for one
    group and for all.
    """
    runs = (
        60
        * HOURS
        * (LAMBDA_REQUEST + 0.5 * 0.128 * LAMBDA_GB_SECOND + DYNAMODB_WRITE + 1_000 / GB * LOGS_IN)
    )
    return (
        HOURS * LOAD_BALANCER_HOUR
        + scale.requests * EXCHANGE_BYTES / GB * NLB_UNIT_HOUR
        + runs
        + 8 * METRIC
    )


def dollars(amount: float) -> str:
    return f"{amount:,.2f}"


def in_dollars(head: list[str], rows: dict[str, list[float]]) -> str:
    cells = [[name, *map(dollars, amounts)] for name, amounts in rows.items()]
    return table(["US dollars per month", *head], cells, right=3)


def tables(body: dict[str, Any], nested: dict[str, Any]) -> dict[str, str]:
    """Returns the tables: Tollgate's costs by item, a comparison with alternatives, and a summary
    of it. `nested` is the template of the alarms.
    """
    parts = [tollgate(scale, body) for scale in SCALES]
    rows = [[name, *(dollars(part[name]) for part in parts)] for name in parts[0]]
    sums = [sum(part.values()) for part in parts]
    rows.append(["**total**", *(f"**{dollars(amount)}**" for amount in sums)])
    others = {
        "an HTTP API alone, without keys or limits": [http_api(scale, body) for scale in SCALES],
        "Tollgate, as above": sums,
        "with `LogDecisions=all`": [
            sum(tollgate(scale, body, log_decisions="all").values()) for scale in SCALES
        ],
        'with `"lease": 16`, if all callers are busy': [
            sum(tollgate(scale, body, LEASED_WRITES).values()) for scale in SCALES
        ],
        f"with dashboard, all alarms and {SERIES} series of metrics": [
            it + monitoring(body["Resources"] | nested["Resources"], SERIES) for it in sums
        ],
        "with an NLB and alb-sync in the path": [
            total + nlb(scale) for total, scale in zip(sums, SCALES)
        ],
        "REST API with Tollgate, as in examples/rest-api.yaml": [
            rest_api_with_tollgate(scale, body) for scale in SCALES
        ],
        "REST API with usage plans": [rest_api(scale, body) for scale in SCALES],
        "Kong, two tasks on Fargate": [kong(scale, body) for scale in SCALES],
        "a NAT gateway in two zones, which Tollgate does not need": [nat(scale) for scale in SCALES],
    }
    head = [scale.name for scale in SCALES]
    short = [
        name
        for name in others
        if name.startswith(("an HTTP API", "Tollgate", "REST API with usage", "Kong"))
    ]
    return {
        "summary": in_dollars(head, {name.split(",")[0]: others[name] for name in short}),
        "parts": table(["US dollars per month", *head], rows, right=3),
        "others": in_dollars(head, others),
        "tracing": in_dollars(
            head, {name: [tracing(scale)[name] for scale in SCALES] for name in tracing(SCALES[0])}
        ),
    }
