//! Token buckets of API Gateway as token buckets of Tollgate.

use super::account::Throttle;
use super::limits::Bucket;
use crate::{Findings, Origin};

/// The rates and bursts that a plan can have, besides a rate of 0.
const MIN_RATE: f64 = 1e-6;
const MAX_RATE: f64 = 1e6;
const MAX_BURST: f64 = 1e8;
/// The lowest rate and burst with which API Gateway limits an account, in small regions.
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>.
const ACCOUNT_RATE: f64 = 2_500.0;
const ACCOUNT_BURST: f64 = 1_250.0;

/// Returns the bucket of a throttle. `None` if it has neither a rate nor a burst. A missing half is
/// at most what every account allows, so that it is never laxer.
pub(super) fn bucket(
    throttle: Throttle,
    origin: &Origin,
    findings: &mut Findings,
) -> Option<Bucket> {
    let (rate, burst) = match (throttle.rate_limit, throttle.burst_limit) {
        (None, None) => return None,
        (Some(rate), Some(burst)) => (rate, burst),
        (Some(rate), None) => {
            let burst = rate.ceil().clamp(0.0, ACCOUNT_BURST);
            let text = format!(
                "it has no `burstLimit`, so that the account's applies; the burst is {burst}"
            );
            findings.stricter(origin, text);
            (rate, burst)
        }
        (None, Some(burst)) => {
            let rate = burst.clamp(0.0, ACCOUNT_RATE);
            let text =
                format!("it has no `rateLimit`, so that the account's applies; the rate is {rate}");
            findings.stricter(origin, text);
            (rate, burst)
        }
    };

    let bucket = bounded(rate, burst, origin, findings);
    if bucket.is_closed() {
        let text = format!(
            "a rate or burst of 0 or below admits no call (`rateLimit` {rate}, `burstLimit` {burst})"
        );
        findings.warning(origin, text);
    }
    Some(bucket)
}

/// Returns the closest valid bucket that is not laxer.
fn bounded(rate: f64, burst: f64, origin: &Origin, findings: &mut Findings) -> Bucket {
    let valid_rate = match rate.min(MAX_RATE) {
        rate if rate < MIN_RATE => 0.0,
        rate => rate,
    };
    let valid_burst = burst.clamp(0.0, MAX_BURST).floor();
    if (rate, burst) != (valid_rate, valid_burst) {
        let text = format!(
            "the rate {rate} and burst {burst} become {valid_rate} and {valid_burst}, because a rate is 0 or \
             0.000001 to 1000000, and a burst is a whole number up to 100000000"
        );
        findings.stricter(origin, text);
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the burst was bounded"
    )]
    Bucket {
        rate: valid_rate,
        burst: valid_burst as u64,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Outcome;

    fn converted(rate: Option<f64>, burst: Option<f64>) -> (Option<(f64, u64)>, Vec<Outcome>) {
        let mut findings = Findings::default();
        let throttle = Throttle {
            rate_limit: rate,
            burst_limit: burst,
        };
        let bucket = bucket(throttle, &Origin::default(), &mut findings);
        let outcomes = findings.into_report().findings.into_iter();
        let outcomes = outcomes.map(|finding| finding.outcome).collect();
        (bucket.map(|bucket| (bucket.rate, bucket.burst)), outcomes)
    }

    #[test]
    fn no_bucket_is_laxer() {
        use Outcome::{Stricter, Warning};
        for (rate, burst, expected, outcomes) in [
            (Some(0.5), Some(5.0), Some((0.5, 5)), vec![]),
            (None, None, None, vec![]),
            (Some(100.5), None, Some((100.5, 101)), vec![Stricter]),
            (Some(9_000.0), None, Some((9_000.0, 1_250)), vec![Stricter]),
            (None, Some(20.0), Some((20.0, 20)), vec![Stricter]),
            (None, Some(5_000.0), Some((2_500.0, 5_000)), vec![Stricter]),
            (
                Some(2e6),
                Some(2e8),
                Some((1e6, 100_000_000)),
                vec![Stricter],
            ),
            (
                Some(1e-7),
                Some(1.0),
                Some((0.0, 1)),
                vec![Stricter, Warning],
            ),
            (Some(0.0), Some(0.0), Some((0.0, 0)), vec![Warning]),
            (
                Some(-1.0),
                Some(-1.0),
                Some((0.0, 0)),
                vec![Stricter, Warning],
            ),
        ] {
            assert_eq!(
                converted(rate, burst),
                (expected, outcomes),
                "{rate:?} {burst:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_bucket_admits_at_most_what_api_gateway_admits(
            rate in proptest::option::of(prop_oneof![-1e3..1e9, -1e-5..1e-5]),
            burst in proptest::option::of(-1e3..1e12),
        ) {
            let (bucket, _) = converted(rate, burst);
            prop_assert_eq!(bucket.is_some(), rate.is_some() || burst.is_some());
            let Some((new_rate, new_burst)) = bucket else {
                return Ok(());
            };
            prop_assert!(new_rate <= rate.unwrap_or(ACCOUNT_RATE).max(0.0));
            #[expect(clippy::cast_precision_loss, reason = "a burst is at most 100,000,000")]
            let new_burst = new_burst as f64;
            prop_assert!(new_burst <= burst.unwrap_or(ACCOUNT_BURST).max(0.0));
        }
    }
}
