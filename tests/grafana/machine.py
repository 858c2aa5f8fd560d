"""The rows of dependencies, saturation and alb-sync."""

from grafana.panels import Panel, Query, Step
from grafana.queries import GATEWAY, quantile, rate

FAILED = f'{GATEWAY}, status="error"'
INSTANCE = "{{instance}}"
MAX_CONNECTIONS = 4096
# The value of the state set that is 1, as a number for each state.
BREAKER_STATES = (("0", "closed", "green"), ("1", "half open", "orange"), ("2", "open", "red"))
SYNC_STATES = (("0", "failed", "red"), ("1", "succeeded", "green"))


def gauge(metric: str) -> str:
    return f"{metric}{{{GATEWAY}}}"


def breaker(state: str) -> str:
    return (
        f'max by (instance, service) (tollgate_circuit_breaker_state{{{GATEWAY}, state="{state}"}})'
    )


def per_gateway(title: str, description: str, metric: str, **options: object) -> Panel:
    """Returns a panel with a line for each gateway."""
    return Panel(title, description, [Query(gauge(metric), INSTANCE)], **options)


DEPENDENCIES = [
    Panel(
        "Circuit breakers",
        "An open breaker rejects calls for 30 s, then admits one probe at a time.",
        [Query(f"2 * {breaker('open')} + {breaker('half_open')}", "{{service}} of {{instance}}")],
        kind="state-timeline",
        mappings=BREAKER_STATES,
        section="tollgatebreakeropen",
    ),
    Panel(
        "Calls",
        "Calls to other services per second, by service and operation.",
        [
            Query(
                rate("tollgate_api_calls_total", GATEWAY, "service, operation"),
                "{{service}} {{operation}}",
            )
        ],
        unit="reqps",
        stacked=True,
    ),
    Panel(
        "Failed calls",
        "Failed calls per second, by service and type of error.",
        [
            Query(
                rate("tollgate_api_errors_total", GATEWAY, "service, error_type"),
                "{{service}} {{error_type}}",
            )
        ],
        unit="reqps",
        stacked=True,
        section="tollgateapierrors",
    ),
    Panel(
        "Share of failed calls",
        "Share of the calls to each service that failed.",
        [
            Query(
                f"{rate('tollgate_api_calls_total', FAILED, 'service')}"
                f" / {rate('tollgate_api_calls_total', GATEWAY, 'service')}",
                "{{service}}",
            )
        ],
        unit="percentunit",
        steps=(Step("red", 0.05),),
        section="tollgateapierrors",
    ),
    Panel(
        "p99 of calls",
        "99 % of the calls were faster, including their retries.",
        [
            Query(
                quantile("tollgate_api_call_duration_seconds", 0.99, GATEWAY, "service, operation"),
                "{{service}} {{operation}}",
            )
        ],
        unit="s",
    ),
    Panel(
        "Calls by endpoint",
        "Calls per second through a VPC endpoint (`vpce`) and through the public endpoint.",
        [
            Query(
                rate("tollgate_api_call_duration_seconds_count", GATEWAY, "service, endpoint"),
                "{{service}} {{endpoint}}",
            )
        ],
        unit="reqps",
    ),
]

SATURATION = [
    per_gateway(
        "Requests in flight",
        "Requests without a complete response.",
        "tollgate_http_requests_in_flight",
        steps=(Step("red", 1000),),
        section="tollgaterequestspileup",
    ),
    per_gateway(
        "Connections",
        f"Open connections of clients. A gateway accepts at most {MAX_CONNECTIONS}; further ones wait.",
        "tollgate_connections",
        steps=(Step("red", 0.8 * MAX_CONNECTIONS),),
        section="tollgateconnectionsnearlimit",
    ),
    Panel(
        "CPU",
        "CPU seconds per second: 1 is one busy core.",
        [Query(f"rate({gauge('process_cpu_seconds_total')}[$__rate_interval])", INSTANCE)],
    ),
    per_gateway(
        "Memory", "Resident memory of the process.", "process_resident_memory_bytes", unit="bytes"
    ),
    Panel(
        "Open files",
        "Share of the file descriptors that the process may open.",
        [Query(f"{gauge('process_open_fds')} / {gauge('process_max_fds')}", INSTANCE)],
        unit="percentunit",
        maximum=1,
        steps=(Step("red", 0.8),),
        section="tollgatefilesnearlimit",
    ),
    Panel(
        "Uptime",
        "Time since the start of the process.",
        [Query(f"time() - {gauge('process_start_time_seconds')}", INSTANCE)],
        unit="s",
        section="tollgaterestarts",
    ),
    Panel(
        "Versions",
        "The version of each gateway.",
        [Query(gauge("tollgate_build_info"), "{{instance}}: {{version}}")],
        kind="table",
    ),
    Panel(
        "Dropped telemetry",
        "Spans and metrics per second that were not sent to the collector, by reason.",
        [
            Query(
                rate("tollgate_otlp_dropped_total", GATEWAY, "signal, reason"),
                "{{signal}}: {{reason}}",
            )
        ],
        section="tollgatetelemetrydropped",
    ),
    Panel(
        "Records and series that are not counted",
        "Invalid records per second, and series that are counted as `other`.",
        [
            Query(rate("tollgate_rejected_records_total"), "rejected records"),
            Query(f"sum({gauge('tollgate_overflowed_series')})", "series counted as other"),
        ],
        section="tollgateseriesoverflow",
    ),
]

SYNC = [
    Panel(
        "alb-sync: last run",
        "The result of the last run for each target group.",
        [Query(gauge("tollgate_sync_succeeded"), "{{target_group}}")],
        kind="state-timeline",
        mappings=SYNC_STATES,
        section="tollgatesyncfailed",
    ),
    Panel(
        "alb-sync: addresses",
        "Addresses that DNS returned, and targets of the group.",
        [
            Query(gauge("tollgate_resolved_addresses"), "{{target_group}} resolved"),
            Query(gauge("tollgate_registered_targets"), "{{target_group}} registered"),
        ],
    ),
    Panel(
        "alb-sync: pending targets",
        "Targets that DNS no longer returns and that are not deregistered yet.",
        [Query(gauge("tollgate_pending_targets"), "{{target_group}}")],
    ),
]
