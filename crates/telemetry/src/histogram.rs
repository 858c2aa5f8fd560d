//! Durations in the buckets of a Prometheus or OpenTelemetry histogram.

use std::time::{Duration, SystemTime};

/// The upper bounds of the buckets in seconds, from 0.5 ms to 30 s, which is the longest that an
/// HTTP API waits for an integration. One more bucket has no upper bound.
pub const DURATION_BOUNDS_S: [f64; 16] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0,
    30.0,
];

/// The number of buckets.
const BUCKETS: usize = DURATION_BOUNDS_S.len() + 1;

/// A measurement of a recorded trace, which explains its bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// The trace id: 32 lower-case hex digits.
    pub trace_id: String,
    /// The span id: 16 lower-case hex digits.
    pub span_id: String,
    /// The measured duration in seconds.
    pub seconds: f64,
    /// The time of the measurement.
    pub at: SystemTime,
}

/// The durations of a series, with their exact sum and the last exemplar of each bucket.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    sum: Duration,
    exemplars: [Option<Box<Exemplar>>; BUCKETS],
}

impl Histogram {
    /// Adds a duration. `exemplar` names the trace that it was measured in, if the trace is
    /// recorded: its trace id and span id.
    pub fn record(&mut self, duration: Duration, exemplar: Option<(&str, &str)>) {
        let seconds = duration.as_secs_f64();
        let bucket = DURATION_BOUNDS_S.partition_point(|bound| *bound < seconds);

        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(duration);
        if let Some((trace_id, span_id)) = exemplar {
            self.exemplars[bucket] = Some(Box::new(Exemplar {
                trace_id: trace_id.to_owned(),
                span_id: span_id.to_owned(),
                seconds,
                at: SystemTime::now(),
            }));
        }
    }

    /// Returns the number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the exact sum of all durations.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// Returns the number of durations in each bucket. The last one has no upper bound.
    #[must_use]
    pub const fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Returns the last exemplar of each bucket.
    pub fn exemplars(&self) -> impl ExactSizeIterator<Item = Option<&Exemplar>> {
        self.exemplars.iter().map(Option::as_deref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_the_last_bucket_has_none() {
        let mut histogram = Histogram::default();
        for micros in [0, 500, 501, 1_000, 30_000_000, 30_000_001] {
            histogram.record(Duration::from_micros(micros), None);
        }

        let mut expected = [0; BUCKETS];
        (expected[0], expected[1]) = (2, 2);
        (expected[BUCKETS - 2], expected[BUCKETS - 1]) = (1, 1);
        assert_eq!(histogram.counts(), expected);
        assert_eq!(histogram.count(), 6);
    }

    #[test]
    fn sum_is_exact_and_never_falls() {
        let mut histogram = Histogram::default();
        let mut sum = Duration::ZERO;
        for millis in [1_030, 958, 1, 0, 1_200_000] {
            histogram.record(Duration::from_millis(millis), None);
            sum += Duration::from_millis(millis);
            assert_eq!(histogram.sum(), sum);
        }
    }

    #[test]
    fn each_bucket_has_its_last_exemplar() {
        let mut histogram = Histogram::default();
        for (millis, span_id) in [(3, "a"), (4, "b"), (700, "c")] {
            histogram.record(Duration::from_millis(millis), Some(("trace", span_id)));
        }
        histogram.record(Duration::from_millis(4), None);

        let spans: Vec<_> = histogram
            .exemplars()
            .flatten()
            .map(|exemplar| (exemplar.span_id.as_str(), exemplar.seconds))
            .collect();
        assert_eq!(spans, [("b", 0.004), ("c", 0.7)]);
    }
}
