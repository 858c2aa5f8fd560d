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

/// Defines the families, each as a constant, and the list of all of them.
macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) static $constant: Definition = Definition {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*

        #[cfg(test)]
        pub(super) static ALL: &[&Definition] = &[$(&$constant),*];
    };
}

families! {
    HTTP_REQUESTS = Counter "tollgate_http_requests_total" ["route", "method", "status", "source"]
        "Requests to the API, by route, method, status and the source of the response.";
    HTTP_REQUEST_DURATION = Histogram "tollgate_http_request_duration_seconds"
        ["route", "method", "status"]
        "Time from the request to the end of the response.";
    INCOMPLETE_RESPONSES = Counter "tollgate_incomplete_responses_total" ["route", "reason"]
        "Responses whose body ended early, after their status had been sent.";
    UPSTREAM_DURATION = Histogram "tollgate_upstream_duration_seconds" ["route"]
        "Time until the backend or the function began its response, or failed.";
    AUTHORIZER_DURATION = Histogram "tollgate_authorizer_duration_seconds" ["route"]
        "Time that the authorizer took.";
    GATEWAY_DURATION = Histogram "tollgate_gateway_duration_seconds" ["route"]
        "Time until the beginning of the response, without the times of the upstream and of the client.";
    DECISIONS = Counter "tollgate_decisions_total" ["plan", "decision", "limit"]
        "Decisions of the authorizer, by plan and by the limit that refused the request.";
    REFUSALS = Counter "tollgate_refusals_total" ["reason"]
        "Requests that were refused with 401, 403, 429 or 503, by reason.";
    CALLER_DECISIONS = Counter "tollgate_caller_decisions_total" ["caller", "plan", "decision"]
        "Decisions of the authorizer, by the caller that is charged.";
    NEAR_LIMIT = Counter "tollgate_near_limit_total" ["plan"]
        "Requests of callers that were near one of their plan's limits.";
    OVER_QUOTA = Counter "tollgate_over_quota_total" ["plan"]
        "Requests beyond a quota that allows overage.";
    SHADOW_DENIED = Counter "tollgate_shadow_denied_total" ["plan", "limit"]
        "Requests that a plan in shadow mode would have refused.";
    REQUESTS_IN_FLIGHT = Gauge "tollgate_http_requests_in_flight" []
        "Requests to the API whose response has not ended yet.";
    CONNECTIONS = Gauge "tollgate_connections" []
        "Open connections of clients, idle ones included.";
    BREAKER_STATE = Gauge "tollgate_circuit_breaker_state" ["service", "state"]
        "1 for the state of a service's circuit breaker, 0 for its other states.";
    API_CALL_DURATION = Histogram "tollgate_api_call_duration_seconds"
        ["service", "operation", "endpoint"]
        "Time that calls to other services took, retries included.";
    API_CALLS = Counter "tollgate_api_calls_total" ["service", "operation", "status"]
        "Calls to other services, by success.";
    API_ERRORS = Counter "tollgate_api_errors_total" ["service", "error_type"]
        "Failed calls to other services, by type of error.";
    COMPOSED_RESPONSES = Counter "tollgate_composed_responses_total" ["route", "result"]
        "Responses of compositions, by result: complete, partial or failed.";
    COMPOSITION_PARTS = Counter "tollgate_composition_parts_total" ["route", "part", "result"]
        "Parts of composed responses, by result: ok, or the reason why the part is missing.";
    RESOLVED_ADDRESSES = Gauge "tollgate_resolved_addresses" ["target_group"]
        "Addresses that a target group's names resolved to in the last run of alb-sync.";
    REGISTERED_TARGETS = Gauge "tollgate_registered_targets" ["target_group"]
        "Targets that were registered in a target group at the end of the last run of alb-sync.";
    PENDING_TARGETS = Gauge "tollgate_pending_targets" ["target_group"]
        "Targets that alb-sync no longer finds by name and has not deregistered yet.";
    SYNC_SUCCEEDED = Gauge "tollgate_sync_succeeded" ["target_group"]
        "1 if the last run of alb-sync could reconcile the target group, 0 otherwise.";
    REJECTED_RECORDS = Counter "tollgate_rejected_records_total" []
        "Lines of the record log that could not be counted.";
    OTLP_DROPPED = Counter "tollgate_otlp_dropped_total" ["signal", "reason"]
        "Spans and data points that could not be exported over OTLP, by signal and reason.";
    OVERFLOWED_SERIES = Gauge "tollgate_overflowed_series" []
        "Series that are counted as other, because their family has too many.";
    BUILD_INFO = Info "tollgate_build_info" ["version"]
        "The version of the local gateway.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "Total CPU time of the process.";
    PROCESS_RESIDENT_MEMORY = Gauge "process_resident_memory_bytes" []
        "Resident memory of the process.";
    PROCESS_VIRTUAL_MEMORY = Gauge "process_virtual_memory_bytes" []
        "Virtual memory of the process.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" []
        "Open file descriptors of the process.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" []
        "Limit on the open file descriptors of the process.";
    PROCESS_START_TIME = Gauge "process_start_time_seconds" []
        "Start of the process in seconds since the Unix epoch.";
    PROCESS_THREADS = Gauge "process_threads" []
        "Threads of the process.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_end_with_their_unit_and_kind() {
        let names: BTreeSet<_> = ALL.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), ALL.len());
        for definition in ALL {
            let name = definition.name;
            assert_eq!(
                name.ends_with("_total"),
                definition.kind == Kind::Counter,
                "{name}"
            );
            assert_eq!(
                name.ends_with("_info"),
                definition.kind == Kind::Info,
                "{name}"
            );
            assert!(definition.help.ends_with('.'), "{name}");
        }
        assert_eq!(
            (HTTP_REQUESTS.family_name(), HTTP_REQUESTS.unit()),
            ("tollgate_http_requests", None)
        );
        assert_eq!(
            (PROCESS_CPU.family_name(), PROCESS_CPU.unit()),
            ("process_cpu_seconds", Some("seconds"))
        );
    }

    #[test]
    fn the_reference_describes_every_family() {
        let page = include_str!("../../../../docs/reference/local-metrics.md");
        let rows = page
            .lines()
            .filter(|line| line.starts_with("| `tollgate_") || line.starts_with("| `process_"));
        let described: BTreeSet<_> = rows
            .map(|row| row.split(" | ").take(3).collect::<Vec<_>>().join(" | "))
            .collect();

        let expected = ALL.iter().map(|definition| {
            let kind = format!("{:?}", definition.kind).to_lowercase();
            let labels: Vec<_> = definition
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect();
            let labels = if labels.is_empty() {
                "none".to_owned()
            } else {
                labels.join(", ")
            };
            format!("| `{}` | {kind} | {labels}", definition.name)
        });
        assert_eq!(described, expected.collect());
    }
}
