//! The page of figures, from memory or from metrics.

use http::Uri;
use jiff::Timestamp;
use serde::Serialize;

use crate::missing::Missing;
use crate::problem::Problem;
use crate::query::Query;

/// The time before now that an overview covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Range {
    #[serde(rename = "15m")]
    QuarterHour,
    #[serde(rename = "3h")]
    ThreeHours,
    #[serde(rename = "1d")]
    Day,
    #[serde(rename = "7d")]
    Week,
}

impl Range {
    /// Reads the query of an address. The default is 15 minutes.
    ///
    /// # Errors
    /// [`Problem`] if a parameter is unknown, repeated or invalid.
    pub(crate) fn read(uri: &Uri) -> Result<Self, Problem> {
        let mut query = Query::read(uri, &["range"])?;
        match query.take("range").as_deref() {
            None | Some("15m") => Ok(Self::QuarterHour),
            Some("3h") => Ok(Self::ThreeHours),
            Some("1d") => Ok(Self::Day),
            Some("7d") => Ok(Self::Week),
            Some(_) => Err(Problem::bad_request(
                "`range` is invalid, expected one of 15m, 3h, 1d, 7d.",
            )),
        }
    }
}

/// Figures of requests in a span of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// All requests to the API.
    pub(crate) requests: u64,
    /// Responses with 429. `None` if they are not counted, as for the two others.
    pub(crate) throttled: Option<u64>,
    /// Responses with 401.
    pub(crate) unauthorized: Option<u64>,
    /// Responses with 403.
    pub(crate) forbidden: Option<u64>,
    /// Responses with 5xx.
    pub(crate) server_errors: u64,
    /// The median time to respond, in milliseconds. `None` without requests, as for the others.
    pub(crate) p50_ms: Option<f64>,
    /// The 95th percentile.
    pub(crate) p95_ms: Option<f64>,
    /// The 99th percentile.
    pub(crate) p99_ms: Option<f64>,
}

/// Figures of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    /// The begin of the step.
    pub(crate) at: Timestamp,
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

/// The decisions on the requests of one plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PlanDecisions {
    /// The plan. `none` for requests without one, and `other` for all further plans together, as in
    /// the metrics.
    pub(crate) plan: String,
    pub(crate) allowed: u64,
    pub(crate) throttled: u64,
    pub(crate) unavailable: u64,
    pub(crate) degraded: u64,
}

/// The state of the circuit breaker of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BreakerStatus {
    /// The name of the service.
    pub(crate) service: String,
    pub(crate) state: BreakerState,
    /// The time of the last change.
    pub(crate) changed_at: Timestamp,
}

/// The state of a circuit breaker. A half-open one is open: it only admits probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerState {
    Closed,
    Open,
}

/// A part of the figures that could not be read. Its zeros and empty lists mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unknown {
    /// The fields `requests` and `server_errors` of all figures.
    Traffic,
    /// The decisions by plan.
    Decisions,
    /// The states of the circuit breakers.
    Breakers,
}

/// The figures of a range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Overview {
    pub(crate) range: Range,
    /// The duration of a step in seconds.
    pub(crate) step_s: u32,
    /// The begin of the first step.
    pub(crate) from: Timestamp,
    /// The end of the last step, which may be in progress.
    pub(crate) to: Timestamp,
    /// The time at which the figures were read.
    pub(crate) updated_at: Timestamp,
    /// The time since which the source counts, if it began within the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counted_since: Option<Timestamp>,
    /// All steps in order, also those without requests.
    pub(crate) points: Vec<Point>,
    pub(crate) totals: Figures,
    /// The plans with the most requests first.
    pub(crate) decisions: Vec<PlanDecisions>,
    /// The breakers that changed their state since the start. All others are closed.
    pub(crate) breakers: Vec<BreakerStatus>,
    /// The parts that could not be read. Absent if all were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unknown: Vec<Unknown>,
    pub(crate) missing: Vec<Missing>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(query: &str) -> Result<Range, Problem> {
        Range::read(&format!("/overview{query}").parse().unwrap())
    }

    #[test]
    fn ranges_have_names() {
        assert_eq!(range(""), Ok(Range::QuarterHour));
        for (name, expected) in [
            ("15m", Range::QuarterHour),
            ("3h", Range::ThreeHours),
            ("1d", Range::Day),
            ("7d", Range::Week),
        ] {
            assert_eq!(range(&format!("?range={name}")), Ok(expected));
            assert_eq!(serde_json::to_value(expected).unwrap(), name);
        }
        assert!(range("?range=1h").is_err() && range("?range=").is_err());
    }

    #[test]
    fn percentiles_without_requests_are_null() {
        let figures = serde_json::to_value(Figures::default()).unwrap();
        assert_eq!(figures["p99_ms"], serde_json::Value::Null);
        assert_eq!(figures["requests"], 0);
    }
}
