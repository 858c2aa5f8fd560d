//! The metrics, their dimensions and their series.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};

use crate::own_dimensions;

/// The maximum number of dimensions of a metric. Dimensions of the sender's own are one of them.
const MAX_DIMENSIONS: usize = 4;
/// The dimension value of series that exceed the maximum per day.
pub const OTHER: &str = "other";

/// A metric with one of its sets of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// The duration of calls.
    CallDuration,
    /// The duration of calls per endpoint.
    CallDurationByEndpoint,
    /// The number of calls by success.
    CallCount,
    /// The number of failed calls by kind of failure.
    CallErrors,
    /// The duration of calls by dimensions of the sender's own.
    CallDurationByDimensions,
    /// The number of calls by success and by dimensions of the sender's own.
    CallCountByDimensions,
    /// The number of failed calls by kind of failure and by dimensions of the sender's own.
    CallErrorsByDimensions,
    /// A metric of a sender in the embedded metric format. Its first two values are its name and
    /// its unit, see [`Series::name`] and [`Series::unit`].
    Embedded,
    /// The number of requests by status class.
    Requests,
    /// The response time of the API.
    Latency,
    /// The response time of the backend.
    IntegrationLatency,
    /// The response time of the authorizer.
    AuthorizerLatency,
    /// The number of the authorizer's decisions.
    Decisions,
    /// The number of requests of callers whose usage reached their plan's `near_limit`.
    NearLimit,
    /// The number of requests beyond a quota that allows overage.
    OverQuota,
    /// The number of requests that a plan in shadow mode would have denied.
    ShadowDenied,
    /// The number of requests that a candidate of the policy was evaluated for, by result.
    CandidateDecisions,
    /// The number of times that a circuit breaker opened.
    BreakerOpen,
    /// 1 if a service's endpoint is reachable, or else 0.
    EndpointReachable,
    /// 1 if a service's name resolves to private addresses, 0 if it resolves to public ones.
    EndpointPrivate,
    /// The duration of the TCP connection to a service.
    EndpointConnect,
    /// The duration of the TLS handshake with a service.
    EndpointTls,
    /// The number of invalid records, and of records whose data CloudWatch refused.
    RejectedRecords,
    /// The number of series that were counted as `other`.
    OverflowedSeries,
    /// The number of deliveries that were not counted, because an earlier attempt claimed them.
    RepeatedDeliveries,
    /// The number of records that are not repeated although some of their data may not have been
    /// counted.
    LostRecords,
    /// The number of values of embedded metrics that were not published, because the maximum of
    /// series was reached.
    OverflowedValues,
}

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of events.
    Count,
    /// Milliseconds.
    Milliseconds,
}

/// The properties of a metric.
struct Form {
    name: &'static str,
    unit: Unit,
    dimensions: &'static [&'static str],
    /// The number of leading dimensions with unbounded values, such as routes. The others have a
    /// few fixed values.
    unbounded: usize,
}

impl Metric {
    const fn form(self) -> Form {
        const fn form(
            name: &'static str,
            unit: Unit,
            dimensions: &'static [&'static str],
            unbounded: usize,
        ) -> Form {
            Form {
                name,
                unit,
                dimensions,
                unbounded,
            }
        }
        use Unit::{Count, Milliseconds};
        match self {
            Self::CallDuration => form(
                "ApiCallDuration",
                Milliseconds,
                &["Service", "Operation"],
                2,
            ),
            Self::CallDurationByEndpoint => form(
                "ApiCallDuration",
                Milliseconds,
                &["Service", "Operation", "Endpoint"],
                2,
            ),
            Self::CallCount => form(
                "ApiCallCount",
                Count,
                &["Service", "Operation", "Status"],
                2,
            ),
            Self::CallErrors => form("ApiErrorCount", Count, &["Service", "ErrorType"], 1),
            Self::CallDurationByDimensions => form(
                "ApiCallDuration",
                Milliseconds,
                &["Dimensions", "Service", "Operation"],
                3,
            ),
            Self::CallCountByDimensions => form(
                "ApiCallCount",
                Count,
                &["Dimensions", "Service", "Operation", "Status"],
                3,
            ),
            Self::CallErrorsByDimensions => form(
                "ApiErrorCount",
                Count,
                &["Dimensions", "Service", "ErrorType"],
                2,
            ),
            Self::Embedded => form("", Count, &["Name", "Unit", "Dimensions"], 3),
            Self::Requests => form("Requests", Count, &["Route", "StatusClass"], 1),
            Self::Latency => form("Latency", Milliseconds, &["Route"], 1),
            Self::IntegrationLatency => form("IntegrationLatency", Milliseconds, &["Route"], 1),
            Self::AuthorizerLatency => form("AuthorizerLatency", Milliseconds, &["Route"], 1),
            Self::Decisions => form("Decisions", Count, &["Plan", "Decision"], 1),
            Self::NearLimit => form("NearLimit", Count, &["Plan"], 1),
            Self::OverQuota => form("OverQuota", Count, &["Plan"], 1),
            Self::ShadowDenied => form("ShadowDenied", Count, &["Plan"], 1),
            Self::CandidateDecisions => form("CandidateDecisions", Count, &["Result"], 0),
            Self::BreakerOpen => form("BreakerOpen", Count, &["Service"], 1),
            Self::EndpointReachable => form("EndpointReachable", Count, &["Service"], 1),
            Self::EndpointPrivate => form("EndpointPrivate", Count, &["Service"], 1),
            Self::EndpointConnect => form("EndpointConnect", Milliseconds, &["Service"], 1),
            Self::EndpointTls => form("EndpointTls", Milliseconds, &["Service"], 1),
            Self::RejectedRecords => form("RejectedRecords", Count, &[], 0),
            Self::OverflowedSeries => form("OverflowedSeries", Count, &[], 0),
            Self::RepeatedDeliveries => form("RepeatedDeliveries", Count, &[], 0),
            Self::LostRecords => form("LostRecords", Count, &[], 0),
            Self::OverflowedValues => form("OverflowedValues", Count, &[], 0),
        }
    }

    /// Returns the name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.form().name
    }

    /// Returns the unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.form().unit
    }

    /// Returns the names of the dimensions. `Dimensions` is the place of those of the
    /// sender's own.
    #[must_use]
    pub const fn dimensions(self) -> &'static [&'static str] {
        self.form().dimensions
    }
}

/// A metric with a value for each of its dimensions. `Series<&str>` looks up a series without
/// allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series<T = Box<str>> {
    /// The metric.
    pub metric: Metric,
    /// In the order of [`Metric::dimensions`]. Further values are empty.
    values: [T; MAX_DIMENSIONS],
}

impl<T: AsRef<str>> Series<T> {
    /// Returns the values of the metric's dimensions.
    fn values(&self) -> impl Iterator<Item = &str> {
        self.values
            .iter()
            .take(self.metric.dimensions().len())
            .map(AsRef::as_ref)
    }

    /// Returns the name of the metric in CloudWatch.
    pub fn name(&self) -> &str {
        match self.metric {
            Metric::Embedded => self.values[0].as_ref(),
            metric => metric.name(),
        }
    }

    /// Returns the name of the unit in CloudWatch.
    pub fn unit(&self) -> &str {
        match (self.metric, self.metric.unit()) {
            (Metric::Embedded, _) => self.values[1].as_ref(),
            (_, Unit::Count) => "Count",
            (_, Unit::Milliseconds) => "Milliseconds",
        }
    }

    /// Returns the names and values of the dimensions, including the sender's own.
    pub fn dimensions(&self) -> impl Iterator<Item = (&str, &str)> {
        let skipped = if self.metric == Metric::Embedded {
            2
        } else {
            0
        };
        let fixed = self.metric.dimensions().iter().copied().zip(self.values());
        fixed
            .skip(skipped)
            .flat_map(|(name, value)| own_dimensions::expand(name, value))
    }

    /// Returns whether two series are equal, whatever the types of their values.
    pub(crate) fn equals(&self, other: &Series<impl AsRef<str>>) -> bool {
        self.metric == other.metric && self.values().eq(other.values())
    }
}

/// Formats a series as `ApiErrorCount(Service=billing, ErrorType=timeout)`.
impl<T: AsRef<str>> fmt::Display for Series<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dimensions: Vec<_> = self
            .dimensions()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        write!(formatter, "{}({})", self.name(), dimensions.join(", "))
    }
}

/// Hashes only the values in use, because each line looks up several series.
impl<T: AsRef<str>> Hash for Series<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.metric.hash(hasher);
        self.values().for_each(|value| value.hash(hasher));
    }
}

impl<'a> Series<&'a str> {
    /// Creates the series of `metric` with the values of its dimensions.
    #[must_use]
    pub fn new<const N: usize>(metric: Metric, values: [&'a str; N]) -> Self {
        const { assert!(N <= MAX_DIMENSIONS) };
        debug_assert_eq!(N, metric.dimensions().len());
        let mut all = [""; MAX_DIMENSIONS];
        all[..N].copy_from_slice(&values);
        Self {
            metric,
            values: all,
        }
    }

    /// Returns an owned copy.
    #[must_use]
    pub fn to_owned(self) -> Series {
        Series {
            metric: self.metric,
            values: self.values.map(Box::from),
        }
    }
}

impl Series {
    /// Returns a borrowed copy.
    #[must_use]
    pub fn borrowed(&self) -> Series<&str> {
        Series {
            metric: self.metric,
            values: self.values.each_ref().map(AsRef::as_ref),
        }
    }

    /// Returns the series that receives the values if the day's maximum is reached. Its unbounded
    /// dimensions are `other`, and the fixed ones keep their values. Embedded metrics have only
    /// their number of values in common, which [`Metric::OverflowedValues`] counts.
    #[must_use]
    pub fn overflow(&self) -> Series<&str> {
        if self.metric == Metric::Embedded {
            return Series::new(Metric::OverflowedValues, []);
        }
        let mut values = self.borrowed().values;
        values[..self.metric.form().unbounded].fill(OTHER);
        Series {
            metric: self.metric,
            values,
        }
    }

    /// Returns whether the series is an overflow series, which does not count towards the maximum.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.overflow() == self.borrowed()
    }

    /// Returns the id that all instances share: 64 bits of SHA-256, the same in every release.
    #[must_use]
    pub fn id(&self) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.name());
        for (name, value) in self.dimensions() {
            // Values have no control characters, so these separate the parts unambiguously.
            for part in ["\n", name, "\t", value] {
                hash.update(part);
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest[..8]
            .iter()
            .fold(0, |id, byte| id << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_keeps_what_has_a_few_values_only() {
        let series = Series::new(Metric::CallCount, ["billing", "Charge", "Error"]).to_owned();
        assert_eq!(
            series.overflow(),
            Series::new(Metric::CallCount, [OTHER, OTHER, "Error"])
        );
        assert!(!series.is_overflow() && series.overflow().to_owned().is_overflow());
        let plain = Series::new(Metric::RejectedRecords, []).to_owned();
        assert!(plain.is_overflow(), "a series without names needs no place");
    }

    #[test]
    fn dimensions_of_the_sender_are_listed_and_overflow_as_one() {
        let own = "tenant\tacme\nzone\tb";
        let values = [own, "billing", "Charge", "Error"];
        let series = Series::new(Metric::CallCountByDimensions, values).to_owned();
        assert_eq!(
            series.to_string(),
            "ApiCallCount(tenant=acme, zone=b, Service=billing, Operation=Charge, Status=Error)"
        );
        assert_eq!(
            series.overflow().to_string(),
            "ApiCallCount(Dimensions=other, Service=other, Operation=other, Status=Error)"
        );
        assert!(series.overflow().to_owned().is_overflow());
    }

    #[test]
    fn an_id_tells_series_apart_and_never_changes() {
        let id = |metric, values: [&str; 1]| Series::new(metric, values).to_owned().id();
        assert_ne!(
            id(Metric::Latency, ["GET /a"]),
            id(Metric::Latency, ["GET /b"])
        );
        assert_ne!(
            id(Metric::Latency, ["GET /a"]),
            id(Metric::IntegrationLatency, ["GET /a"])
        );
        assert_eq!(id(Metric::Latency, ["GET /orders"]), 0x5f40_852f_72fc_121c);
    }
}
