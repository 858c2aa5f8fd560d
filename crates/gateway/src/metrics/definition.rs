//! The metric families: their names, labels, units and meaning.

/// The kind of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number of events, which only increases.
    Counter,
    /// A value that increases and decreases.
    Gauge,
    /// Durations in buckets.
    Histogram,
    /// Labels whose value is always 1.
    Info,
}

/// A metric family.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name in the text format. A counter ends in `_total`.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The names of the labels. Beyond the limit on series, the value of the first one is `other`.
    pub labels: &'static [&'static str],
    /// A sentence that explains the family.
    pub help: &'static str,
}

impl Definition {
    /// Returns the name without the suffix that only samples have, as OpenMetrics names a family.
    #[must_use]
    pub fn family_name(&self) -> &'static str {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }

    /// Returns the unit, with which the name ends. `None` if the family has no unit.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        ["seconds", "bytes"]
            .into_iter()
            .find(|unit| self.family_name().ends_with(unit))
    }
}

const fn family(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Definition {
    Definition {
        name,
        kind,
        labels,
        help,
    }
}

use Kind::{Counter, Gauge, Histogram, Info};

pub(super) static HTTP_REQUESTS: Definition = family(
    "tollgate_http_requests_total",
    Counter,
    &["route", "method", "status", "source"],
    "Requests to the API, by route, method, status and the source of the response.",
);
pub(super) static HTTP_REQUEST_DURATION: Definition = family(
    "tollgate_http_request_duration_seconds",
    Histogram,
    &["route", "method", "status"],
    "Time from the request to the end of the response.",
);
pub(super) static UPSTREAM_DURATION: Definition = family(
    "tollgate_upstream_duration_seconds",
    Histogram,
    &["route"],
    "Time until the backend or the function began its response, or failed.",
);
pub(super) static AUTHORIZER_DURATION: Definition = family(
    "tollgate_authorizer_duration_seconds",
    Histogram,
    &["route"],
    "Time that the authorizer took.",
);
pub(super) static GATEWAY_DURATION: Definition = family(
    "tollgate_gateway_duration_seconds",
    Histogram,
    &["route"],
    "Time from the request to the beginning of the response, without the time of the upstream.",
);
pub(super) static DECISIONS: Definition = family(
    "tollgate_decisions_total",
    Counter,
    &["plan", "decision", "limit"],
    "Decisions of the authorizer, by plan and by the limits that refused the request.",
);
pub(super) static REFUSALS: Definition = family(
    "tollgate_refusals_total",
    Counter,
    &["reason"],
    "Requests that were refused with 401, 403, 429 or 503, by reason.",
);
pub(super) static CALLER_DECISIONS: Definition = family(
    "tollgate_caller_decisions_total",
    Counter,
    &["caller", "plan", "decision"],
    "Decisions of the authorizer, by the caller that is charged.",
);
pub(super) static NEAR_LIMIT: Definition = family(
    "tollgate_near_limit_total",
    Counter,
    &["plan"],
    "Requests of callers that were near one of their plan's limits.",
);
pub(super) static OVER_QUOTA: Definition = family(
    "tollgate_over_quota_total",
    Counter,
    &["plan"],
    "Requests beyond a quota that allows overage.",
);
pub(super) static SHADOW_DENIED: Definition = family(
    "tollgate_shadow_denied_total",
    Counter,
    &["plan", "limit"],
    "Requests that a plan in shadow mode would have refused.",
);
pub(super) static REQUESTS_IN_FLIGHT: Definition = family(
    "tollgate_http_requests_in_flight",
    Gauge,
    &[],
    "Requests to the API whose response has not ended yet.",
);
pub(super) static CONNECTIONS: Definition = family(
    "tollgate_connections",
    Gauge,
    &[],
    "Open connections of clients, idle ones included.",
);
pub(super) static BREAKER_STATE: Definition = family(
    "tollgate_circuit_breaker_state",
    Gauge,
    &["service", "state"],
    "1 for the state of a service's circuit breaker, 0 for its other states.",
);
pub(super) static API_CALL_DURATION: Definition = family(
    "tollgate_api_call_duration_seconds",
    Histogram,
    &["service", "operation", "endpoint"],
    "Time that calls to other services took, retries included.",
);
pub(super) static API_CALLS: Definition = family(
    "tollgate_api_calls_total",
    Counter,
    &["service", "operation", "status"],
    "Calls to other services, by success.",
);
pub(super) static API_ERRORS: Definition = family(
    "tollgate_api_errors_total",
    Counter,
    &["service", "error_type"],
    "Failed calls to other services, by type of error.",
);
pub(super) static RESOLVED_ADDRESSES: Definition = family(
    "tollgate_resolved_addresses",
    Gauge,
    &["target_group"],
    "Addresses that a target group's names resolved to in the last run of alb-sync.",
);
pub(super) static REGISTERED_TARGETS: Definition = family(
    "tollgate_registered_targets",
    Gauge,
    &["target_group"],
    "Targets that were registered in a target group at the end of the last run of alb-sync.",
);
pub(super) static PENDING_TARGETS: Definition = family(
    "tollgate_pending_targets",
    Gauge,
    &["target_group"],
    "Targets that alb-sync no longer finds by name and has not deregistered yet.",
);
pub(super) static SYNC_SUCCEEDED: Definition = family(
    "tollgate_sync_succeeded",
    Gauge,
    &["target_group"],
    "1 if the last run of alb-sync could reconcile the target group, 0 otherwise.",
);
pub(super) static REJECTED_RECORDS: Definition = family(
    "tollgate_rejected_records_total",
    Counter,
    &[],
    "Lines of the record log that could not be counted.",
);
pub(super) static OVERFLOWED_SERIES: Definition = family(
    "tollgate_overflowed_series",
    Gauge,
    &[],
    "Series that are counted as other, because their family has too many.",
);
pub(super) static BUILD_INFO: Definition = family(
    "tollgate_build_info",
    Info,
    &["version"],
    "The version of the local gateway.",
);
pub(super) static PROCESS_CPU: Definition = family(
    "process_cpu_seconds_total",
    Counter,
    &[],
    "Total CPU time of the process.",
);
pub(super) static PROCESS_RESIDENT_MEMORY: Definition = family(
    "process_resident_memory_bytes",
    Gauge,
    &[],
    "Resident memory of the process.",
);
pub(super) static PROCESS_VIRTUAL_MEMORY: Definition = family(
    "process_virtual_memory_bytes",
    Gauge,
    &[],
    "Virtual memory of the process.",
);
pub(super) static PROCESS_OPEN_FDS: Definition = family(
    "process_open_fds",
    Gauge,
    &[],
    "Open file descriptors of the process.",
);
pub(super) static PROCESS_MAX_FDS: Definition = family(
    "process_max_fds",
    Gauge,
    &[],
    "Limit on the open file descriptors of the process.",
);
pub(super) static PROCESS_START_TIME: Definition = family(
    "process_start_time_seconds",
    Gauge,
    &[],
    "Start of the process in seconds since the Unix epoch.",
);
pub(super) static PROCESS_THREADS: Definition =
    family("process_threads", Gauge, &[], "Threads of the process.");
