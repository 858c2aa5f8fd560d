//! A token bucket, implemented by the generic cell rate algorithm (GCRA, ITU-T I.371).
//!
//! The state of a bucket is one instant, the theoretical arrival time `tat` at which the bucket
//! will be full again. Let E be the emission interval, the time one token takes. A call of cost c
//! is admitted if `max(tat, now) + cE` is at most `now + burst · E`. In any time t, the bucket
//! therefore admits at most burst + rate · t.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Nanos, SECOND, Throttle};

/// A token bucket of a plan. Its state is part of a caller's [`Usage`](crate::Usage).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The id of the bucket's state, less than [`Bucket::IDS`]. A bucket with another rate or burst
    /// has another id. Otherwise, if a rate rises from one per minute to 100 per second, the old
    /// `tat` would block the caller for minutes.
    pub id: u64,
    /// The name in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// The number of tokens in a full bucket.
    pub burst: u64,
    /// The time in which an empty bucket fills, in seconds, at least 1. It is the window in
    /// `RateLimit-Policy`.
    pub window_s: u64,
    /// The time one token takes, rounded up so that the rate is never exceeded. `None` for a rate
    /// of 0.
    emission: Option<Nanos>,
}

impl Bucket {
    /// The number of ids. In base 36 they have seven digits, because every byte of an attribute
    /// name is billed. Two of the 17 buckets of a plan have the same id with a probability of 1 in
    /// 500 million.
    pub const IDS: u64 = 36_u64.pow(7);

    /// Returns a bucket. `scope` distinguishes the buckets of a caller: it is empty for the plan's
    /// bucket, and the route key for a route's. The burst is reduced by the tokens that return
    /// within `reserve`.
    pub fn new(scope: &str, name: &str, throttle: &Throttle, reserve: Nanos) -> Self {
        let emission = emission_of(throttle.rate);
        let reserved = emission.map_or(0, |emission| (reserve + emission - 1) / emission);
        let burst = throttle
            .burst
            .saturating_sub(u64::try_from(reserved).unwrap_or(u64::MAX));

        Self {
            id: bucket_id(scope, emission, burst),
            name: name.into(),
            burst,
            window_s: window_s(emission, burst),
            emission,
        }
    }

    /// Returns the emission interval, or `None` if a call of this cost can never be admitted.
    pub fn emission_for(&self, cost: u64) -> Option<Nanos> {
        self.emission
            .filter(|_| self.burst > 0 && cost <= self.burst)
    }

    /// Returns one of `instances` equal shares of the bucket. Rate and burst are divided, but the
    /// burst is at least 1, because a share of a small burst would otherwise admit nothing.
    pub fn share(&self, instances: u32) -> Self {
        let burst = (self.burst / u64::from(instances)).max(self.burst.min(1));
        let emission = self
            .emission
            .map(|emission| emission * Nanos::from(instances));

        Self {
            burst,
            emission,
            window_s: window_s(emission, burst),
            ..self.clone()
        }
    }

    /// Returns the time in which an empty bucket fills.
    pub fn depth(&self, emission: Nanos) -> Nanos {
        emission * Nanos::from(self.burst)
    }

    /// Takes `cost` tokens and returns the new `tat`.
    ///
    /// # Errors
    /// The time to wait if there are too few tokens.
    pub fn take(
        &self,
        emission: Nanos,
        tat: Option<Nanos>,
        cost: u64,
        now: Nanos,
    ) -> Result<Nanos, Nanos> {
        let next = tat.unwrap_or(now).max(now) + emission * Nanos::from(cost);
        let latest = now + self.depth(emission);

        if next <= latest {
            Ok(next)
        } else {
            Err(next - latest)
        }
    }

    /// Returns the number of whole tokens left, and the time until there is one more. The time is
    /// `None` if the bucket is full.
    pub fn level(&self, emission: Nanos, tat: Nanos, now: Nanos) -> (u64, Option<Nanos>) {
        let free = now + self.depth(emission) - tat.max(now);
        let (tokens, part) = match (u64::try_from(free), u64::try_from(emission)) {
            // A 64-bit division is several times as fast, and nearly always sufficient.
            (Ok(free), Ok(emission)) => (free / emission, Nanos::from(free % emission)),
            _ => (
                u64::try_from(free / emission).unwrap_or(0),
                free.rem_euclid(emission),
            ),
        };

        (tokens, (tat > now).then(|| emission - part))
    }
}

fn bucket_id(scope: &str, emission: Option<Nanos>, burst: u64) -> u64 {
    let mut digest = Sha256::new();
    digest.update(emission.unwrap_or(0).to_be_bytes());
    digest.update(burst.to_be_bytes());
    digest.update(scope.as_bytes());

    digest
        .finalize()
        .iter()
        .take(8)
        .fold(0, |id, byte| id << 8 | u64::from(*byte))
        % Bucket::IDS
}

fn window_s(emission: Option<Nanos>, burst: u64) -> u64 {
    crate::whole_seconds(emission.unwrap_or(0) * Nanos::from(burst))
}

/// Returns the time one token takes at a rate per second, rounded up. `None` for a rate of 0.
pub(crate) fn emission_of(rate: f64) -> Option<Nanos> {
    // The rate of a valid plan is from 1e-6 to 1e6. The maximum is for invalid plans, which are
    // built too, so that every mistake is found.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the quotient is at most 1e15"
    )]
    (rate > 0.0).then(|| (SECOND as f64 / rate.max(1e-6)).ceil() as Nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket(rate: f64, burst: u64) -> (Bucket, Nanos) {
        let bucket = Bucket::new("", "burst", &Throttle { rate, burst }, 0);
        let emission = bucket.emission_for(0).unwrap_or(1);
        (bucket, emission)
    }

    #[test]
    fn burst_is_admitted_at_once_then_one_call_per_second() {
        let (bucket, emission) = bucket(1.0, 5);
        let mut tat = None;
        for _ in 0..5 {
            tat = Some(bucket.take(emission, tat, 1, 0).unwrap());
        }

        assert_eq!(bucket.take(emission, tat, 1, 0), Err(SECOND));
        assert_eq!(bucket.take(emission, tat, 1, SECOND - 1), Err(1));
        assert!(bucket.take(emission, tat, 1, SECOND).is_ok());
    }

    #[test]
    fn idle_bucket_does_not_exceed_its_burst() {
        let (bucket, emission) = bucket(1.0, 5);
        let hour = 3600 * SECOND;
        let mut tat = Some(SECOND);
        for _ in 0..5 {
            tat = Some(bucket.take(emission, tat, 1, hour).unwrap());
        }

        assert!(bucket.take(emission, tat, 1, hour).is_err());
    }

    #[test]
    fn refused_call_takes_nothing_and_returns_the_wait() {
        let (bucket, emission) = bucket(1.0, 5);
        let tat = bucket.take(emission, None, 1, 0).unwrap();
        assert_eq!(bucket.level(emission, tat, 0).0, 4);
        assert_eq!(bucket.take(emission, Some(tat), 5, 0), Err(SECOND));
        assert_eq!(bucket.level(emission, tat, 0).0, 4);
    }

    #[test]
    fn time_until_the_next_token_is_exact() {
        let (bucket, emission) = bucket(1.0, 5);
        let tat = bucket.take(emission, None, 2, 0).unwrap();
        let next_token = |now| bucket.level(emission, tat, now).1;
        assert_eq!(next_token(0), Some(SECOND));
        assert_eq!(next_token(SECOND / 4), Some(SECOND * 3 / 4));
        assert_eq!(next_token(2 * SECOND), None);
    }

    #[test]
    fn cost_above_the_burst_and_a_limit_of_0_are_never_admitted() {
        for (rate, burst, cost) in [(1.0, 5, 6), (1.0, 0, 0), (0.0, 5, 1)] {
            let (bucket, _) = bucket(rate, burst);
            assert_eq!(bucket.emission_for(cost), None, "{rate} {burst}");
        }
    }

    #[test]
    fn shares_add_up_to_the_bucket_and_have_at_least_one_call_each() {
        let whole = bucket(10.0, 25).0;
        let share = whole.share(10);
        assert_eq!((share.burst, share.emission_for(1)), (2, Some(SECOND)));
        assert_eq!(bucket(10.0, 5).0.share(10).burst, 1);
        assert_eq!(bucket(10.0, 0).0.share(10).burst, 0);
        assert_eq!(whole.share(1), whole);
    }

    #[test]
    fn burst_is_reduced_by_the_reserve_rounded_up() {
        let throttle = Throttle {
            rate: 100.0,
            burst: 50,
        };
        let burst = |reserve| Bucket::new("", "burst", &throttle, reserve).burst;

        assert_eq!(
            [0, 1, SECOND / 10, SECOND / 10 + 1, SECOND].map(burst),
            [50, 49, 40, 39, 0]
        );
    }

    #[test]
    fn buckets_of_other_rates_bursts_or_routes_have_other_ids() {
        let id = |scope, rate, burst| Bucket::new(scope, "burst", &Throttle { rate, burst }, 0).id;
        let first = id("", 1.0, 5);

        for (scope, rate, burst) in [("", 2.0, 5), ("", 1.0, 6), ("GET /a", 1.0, 5)] {
            assert_ne!(id(scope, rate, burst), first, "{scope} {rate} {burst}");
        }
    }

    proptest! {
        /// Checks the bound burst + rate · t over every interval of a random history.
        #[test]
        fn no_interval_admits_more_than_burst_plus_rate(
            rate in 0.5f64..200.0, burst in 1u64..20,
            steps in proptest::collection::vec((0i128..100_000_000, 0u64..4), 1..200),
        ) {
            let (bucket, emission) = bucket(rate, burst);
            let (mut now, mut tat, mut admitted) = (0, None, Vec::new());
            for (step, cost) in steps {
                now += step;
                if let Ok(next) = bucket.take(emission, tat, cost, now) {
                    tat = Some(next);
                    admitted.push((now, i128::from(cost)));
                }
            }

            for (index, (start, _)) in admitted.iter().enumerate() {
                let mut total = 0;
                for (instant, cost) in &admitted[index..] {
                    total += cost;
                    // The bound in emission intervals, so that rounding does not loosen it.
                    prop_assert!(total * emission <= i128::from(burst) * emission + (instant - start));
                }
            }
        }

        #[test]
        fn remaining_calls_are_admitted_and_one_more_is_not(
            rate in 0.5f64..200.0, burst in 1u64..20, taken in 0u64..20, wait in 0i128..1_000_000_000,
        ) {
            prop_assume!(taken <= burst);
            let (bucket, emission) = bucket(rate, burst);
            let tat = bucket.take(emission, None, taken, 0).unwrap();
            let left = bucket.level(emission, tat, wait).0;

            prop_assert!(bucket.take(emission, Some(tat), left, wait).is_ok());
            prop_assert!(bucket.take(emission, Some(tat), left + 1, wait).is_err());
        }
    }
}
