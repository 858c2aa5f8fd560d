//! Estimates of quantiles from a histogram.

use telemetry::{DURATION_BOUNDS_S, Histogram};

/// Returns an estimate of a quantile in seconds, by linear interpolation in its bucket, as
/// Prometheus' `histogram_quantile` does. `None` without durations. A quantile beyond the last
/// bound is that bound.
#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate needs no more than 52 bits"
)]
pub(super) fn quantile(histogram: &Histogram, part: f64) -> Option<f64> {
    let count = histogram.count();
    if count == 0 {
        return None;
    }

    let rank = part * count as f64;
    let (mut below, mut lower_s) = (0, 0.0);
    for (upper_s, in_bucket) in DURATION_BOUNDS_S.into_iter().zip(histogram.counts()) {
        let cumulative = below + in_bucket;
        if *in_bucket > 0 && cumulative as f64 >= rank {
            let share = (rank - below as f64) / *in_bucket as f64;
            return Some(lower_s + (upper_s - lower_s) * share.clamp(0.0, 1.0));
        }
        (below, lower_s) = (cumulative, upper_s);
    }
    Some(lower_s)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn histogram(durations_us: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        for duration in durations_us {
            histogram.record(Duration::from_micros(duration), None);
        }
        histogram
    }

    #[test]
    fn quantile_is_interpolated_in_its_bucket() {
        // Between the bounds of 100 ms and 250 ms.
        let histogram = histogram(std::iter::repeat_n(200_000, 100));
        for (part, expected) in [(0.0, 0.1), (0.5, 0.175), (0.9, 0.235), (1.0, 0.25)] {
            let found = quantile(&histogram, part).unwrap();
            assert!((found - expected).abs() < 1e-9, "{part}: {found}");
        }
    }

    #[test]
    fn rare_slow_requests_appear_in_high_quantiles_only() {
        let fast = std::iter::repeat_n(3_000, 9_980);
        let histogram = histogram(fast.chain(std::iter::repeat_n(700_000, 20)));
        assert!(quantile(&histogram, 0.99).unwrap() < 0.005);
        assert!(quantile(&histogram, 0.999).unwrap() > 0.5);
    }

    #[test]
    fn quantile_beyond_the_last_bound_is_that_bound() {
        assert_eq!(quantile(&histogram([45_000_000]), 0.5), Some(30.0));
        assert_eq!(quantile(&histogram([]), 0.5), None);
    }
}
