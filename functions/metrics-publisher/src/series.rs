//! What is counted and measured: the metrics, their dimensions, and the series that these span.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};

/// The most dimensions that a metric has.
const DIMENSIONS: usize = 3;
/// Stands for every name that no series of its own was left for.
pub const OTHER: &str = "other";

/// A metric with one of its dimension sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// How long calls took.
    CallDuration,
    /// The same, apart by the way they went.
    CallDurationByEndpoint,
    /// Calls by success.
    CallCount,
    /// Failed calls by kind.
    CallErrors,
    /// Requests by class of status.
    Requests,
    /// How long the API took to answer.
    Latency,
    /// How long the backend took.
    IntegrationLatency,
    /// How long the authorizer took.
    AuthorizerLatency,
    /// Decisions of the authorizer.
    Decisions,
    /// Requests of callers whose use of a limit reached their plan's `near_limit`.
    NearLimit,
    /// Requests that a plan in shadow mode would have refused.
    ShadowDenied,
    /// Times that a circuit breaker opened.
    BreakerOpen,
    /// 1 if a service's endpoint could be connected to, 0 otherwise.
    EndpointReachable,
    /// 1 if a service's name leads into the network, 0 if it leads to public addresses.
    EndpointPrivate,
    /// How long a TCP connection to a service took.
    EndpointConnect,
    /// How long TLS took on top of it.
    EndpointTls,
    /// Records that could not be counted, and those whose data CloudWatch refused.
    RejectedRecords,
    /// Series that were counted as `other`.
    OverflowedSeries,
}

/// A metric's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Times.
    Count,
    /// Milliseconds.
    Milliseconds,
}

/// What a metric is called, and what it is split by.
struct Form {
    name: &'static str,
    unit: Unit,
    dimensions: &'static [&'static str],
    /// So many of the first dimensions hold names that somebody else chose; the others are of a few
    /// values.
    free: usize,
}

impl Metric {
    const fn form(self) -> Form {
        const fn form(
            name: &'static str,
            unit: Unit,
            dimensions: &'static [&'static str],
            free: usize,
        ) -> Form {
            Form {
                name,
                unit,
                dimensions,
                free,
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
            Self::Requests => form("Requests", Count, &["Route", "StatusClass"], 1),
            Self::Latency => form("Latency", Milliseconds, &["Route"], 1),
            Self::IntegrationLatency => form("IntegrationLatency", Milliseconds, &["Route"], 1),
            Self::AuthorizerLatency => form("AuthorizerLatency", Milliseconds, &["Route"], 1),
            Self::Decisions => form("Decisions", Count, &["Plan", "Decision"], 1),
            Self::NearLimit => form("NearLimit", Count, &["Plan"], 1),
            Self::ShadowDenied => form("ShadowDenied", Count, &["Plan"], 1),
            Self::BreakerOpen => form("BreakerOpen", Count, &["Service"], 1),
            Self::EndpointReachable => form("EndpointReachable", Count, &["Service"], 1),
            Self::EndpointPrivate => form("EndpointPrivate", Count, &["Service"], 1),
            Self::EndpointConnect => form("EndpointConnect", Milliseconds, &["Service"], 1),
            Self::EndpointTls => form("EndpointTls", Milliseconds, &["Service"], 1),
            Self::RejectedRecords => form("RejectedRecords", Count, &[], 0),
            Self::OverflowedSeries => form("OverflowedSeries", Count, &[], 0),
        }
    }

    /// Its name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.form().name
    }

    /// Its unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.form().unit
    }

    /// The names of its dimensions.
    #[must_use]
    pub const fn dimensions(self) -> &'static [&'static str] {
        self.form().dimensions
    }
}

/// One series: a metric, and a value for each of its dimensions. `Series<&str>` looks one up
/// without owning it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series<T = Box<str>> {
    /// The metric.
    pub metric: Metric,
    /// In the order of [`Metric::dimensions`]; empty behind them.
    values: [T; DIMENSIONS],
}

impl<T: AsRef<str>> Series<T> {
    /// As many as its metric has dimensions.
    fn used(&self) -> impl Iterator<Item = &str> {
        self.values
            .iter()
            .take(self.metric.dimensions().len())
            .map(AsRef::as_ref)
    }

    /// Whether it is the same series as another one, which may be owned in another way.
    pub(crate) fn is(&self, other: &Series<impl AsRef<str>>) -> bool {
        self.metric == other.metric && self.used().eq(other.used())
    }
}

/// `ApiErrorCount(Service=billing, ErrorType=timeout)`.
impl<T: AsRef<str>> fmt::Display for Series<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dimensions = self.metric.dimensions().iter().zip(self.used());
        let dimensions: Vec<_> = dimensions
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        write!(
            formatter,
            "{}({})",
            self.metric.name(),
            dimensions.join(", ")
        )
    }
}

/// What is not used is not hashed: a line looks up several series.
impl<T: AsRef<str>> Hash for Series<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.metric.hash(hasher);
        self.used().for_each(|value| value.hash(hasher));
    }
}

impl<'a> Series<&'a str> {
    /// The series of `metric` with these values of its dimensions.
    #[must_use]
    pub fn new<const N: usize>(metric: Metric, values: [&'a str; N]) -> Self {
        const { assert!(N <= DIMENSIONS) };
        debug_assert_eq!(N, metric.dimensions().len());
        let mut all = [""; DIMENSIONS];
        all[..N].copy_from_slice(&values);
        Self {
            metric,
            values: all,
        }
    }

    /// The same, owned.
    #[must_use]
    pub fn to_owned(self) -> Series {
        Series {
            metric: self.metric,
            values: self.values.map(Box::from),
        }
    }
}

impl Series {
    /// Names and values of its dimensions.
    pub fn dimensions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.metric.dimensions().iter().copied().zip(self.used())
    }

    /// The same series, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Series<&str> {
        Series {
            metric: self.metric,
            values: self.values.each_ref().map(AsRef::as_ref),
        }
    }

    /// The series that takes this one's values once there is no place for it: its names are
    /// `other`, what has a few values only stays as it is.
    #[must_use]
    pub fn overflow(&self) -> Series<&str> {
        let mut values = self.borrowed().values;
        values[..self.metric.form().free].fill(OTHER);
        Series {
            metric: self.metric,
            values,
        }
    }

    /// Whether it is one of those that others overflow into, and so needs no place.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.overflow() == self.borrowed()
    }

    /// A number by which instances know it from each other's: 64 bits of SHA-256, the same in every
    /// release.
    #[must_use]
    pub fn id(&self) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.metric.name());
        for (name, value) in self.dimensions() {
            // No value holds a control character, so these keep parts apart.
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
