//! One token bucket, kept as the single instant of the generic cell rate algorithm (GCRA, ITU-T
//! I.371).
//!
//! A bucket of `burst` tokens that refills at `rate` a second is its theoretical arrival time
//! `tat`: the instant at which it will be full again. A call of cost c is admitted while `max(tat,
//! now) + cE` is no further ahead than `now + burst · E`, with E the time one token takes. What is
//! admitted within any time t is therefore at most burst + rate · t.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Nanos, SECOND, Throttle};

/// A rate and a burst, ready for arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Names the bucket's state, below [`Bucket::IDS`]. Another rate or burst is another bucket: a
    /// `tat` of one call a minute would lock its caller out of a hundred a second for minutes.
    pub id: u64,
    /// The policy's name in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// Tokens when full.
    pub burst: u64,
    /// Seconds that the whole burst takes to come back, at least one: the window of
    /// `RateLimit-Policy`.
    pub window_s: u64,
    /// The time one token takes, rounded up, so that the rate is never exceeded. `None` for a rate
    /// of 0.
    emission: Option<Nanos>,
}

impl Bucket {
    /// How many ids there are: what seven digits of base 36 hold, because each byte of a name is
    /// paid for in every item. That two of a plan's 17 buckets have one id is a chance of 1 to 500
    /// million.
    pub const IDS: u64 = 36_u64.pow(7);

    /// `scope` tells the buckets of one caller apart: a plan's own, and one a route. What comes
    /// back in `reserve` is set aside from the burst.
    pub fn new(scope: &str, name: &str, throttle: &Throttle, reserve: Nanos) -> Self {
        let emission = emission_of(throttle.rate);
        let aside = emission.map_or(0, |emission| (reserve + emission - 1) / emission);
        let burst = throttle
            .burst
            .saturating_sub(u64::try_from(aside).unwrap_or(u64::MAX));
        let mut digest = Sha256::new();
        digest.update(emission.unwrap_or(0).to_be_bytes());
        digest.update(burst.to_be_bytes());
        digest.update(scope.as_bytes());
        let id = digest
            .finalize()
            .iter()
            .take(8)
            .fold(0, |id, byte| id << 8 | u64::from(*byte))
            % Self::IDS;
        Self {
            id,
            name: name.into(),
            burst,
            window_s: window_s(emission, burst),
            emission,
        }
    }

    /// The emission interval, unless a call of this cost can never be admitted.
    pub fn emission_for(&self, cost: u64) -> Option<Nanos> {
        self.emission
            .filter(|_| self.burst > 0 && cost <= self.burst)
    }

    /// One of `instances` equal shares of this bucket: the rate divided, the burst too, but never
    /// below one call, or a small burst would admit nothing at all.
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

    /// The time an empty bucket takes to fill.
    pub fn depth(&self, emission: Nanos) -> Nanos {
        emission * Nanos::from(self.burst)
    }

    /// The new `tat` once `cost` has been taken, or how long to wait until it can be.
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

    /// Whole tokens left.
    pub fn remaining(&self, emission: Nanos, tat: Nanos, now: Nanos) -> u64 {
        let free = now + self.depth(emission) - tat.max(now);
        match (u64::try_from(free), u64::try_from(emission)) {
            // 64 bits divide several times as fast, and nearly always do.
            (Ok(free), Ok(emission)) => free / emission,
            _ => u64::try_from(free / emission).unwrap_or(0),
        }
    }

    /// Time until there is one whole token more, or `None` where the bucket is full.
    pub fn next_token(&self, emission: Nanos, tat: Nanos, now: Nanos) -> Option<Nanos> {
        if tat <= now {
            return None;
        }
        let free = now + self.depth(emission) - tat;
        let part = match (u64::try_from(free), u64::try_from(emission)) {
            (Ok(free), Ok(emission)) => Nanos::from(free % emission),
            _ => free.rem_euclid(emission),
        };
        Some(emission - part)
    }
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
    fn a_burst_is_admitted_at_once_and_then_one_a_second() {
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
    fn an_idle_hour_earns_no_more_than_the_burst() {
        let (bucket, emission) = bucket(1.0, 5);
        let hour = 3600 * SECOND;
        let mut tat = Some(SECOND);
        for _ in 0..5 {
            tat = Some(bucket.take(emission, tat, 1, hour).unwrap());
        }
        assert!(bucket.take(emission, tat, 1, hour).is_err());
    }

    #[test]
    fn a_refused_cost_leaves_what_was_there_and_says_when_it_fits() {
        let (bucket, emission) = bucket(1.0, 5);
        let tat = bucket.take(emission, None, 1, 0).unwrap();
        assert_eq!(bucket.remaining(emission, tat, 0), 4);
        assert_eq!(bucket.take(emission, Some(tat), 5, 0), Err(SECOND));
        assert_eq!(bucket.remaining(emission, tat, 0), 4);
    }

    #[test]
    fn the_next_token_is_told_to_the_nanosecond() {
        let (bucket, emission) = bucket(1.0, 5);
        let tat = bucket.take(emission, None, 2, 0).unwrap();
        assert_eq!(bucket.next_token(emission, tat, 0), Some(SECOND));
        assert_eq!(
            bucket.next_token(emission, tat, SECOND / 4),
            Some(SECOND * 3 / 4)
        );
        assert_eq!(bucket.next_token(emission, tat, 2 * SECOND), None);
    }

    #[test]
    fn a_cost_above_the_burst_or_a_limit_of_zero_never_fits() {
        assert_eq!(bucket(1.0, 5).0.emission_for(6), None);
        assert_eq!(
            Bucket::new(
                "",
                "burst",
                &Throttle {
                    rate: 1.0,
                    burst: 0
                },
                0
            )
            .emission_for(0),
            None
        );
        assert_eq!(
            Bucket::new(
                "",
                "burst",
                &Throttle {
                    rate: 0.0,
                    burst: 5
                },
                0
            )
            .emission_for(1),
            None
        );
    }

    #[test]
    fn shares_together_are_no_more_than_the_whole_while_each_has_a_call() {
        let whole = bucket(10.0, 25).0;
        let share = whole.share(10);
        assert_eq!((share.burst, share.emission_for(1)), (2, Some(SECOND)));
        assert_eq!(bucket(10.0, 5).0.share(10).burst, 1);
        assert_eq!(bucket(10.0, 0).0.share(10).burst, 0);
        assert_eq!(whole.share(1), whole);
    }

    #[test]
    fn what_comes_back_in_the_reserve_is_set_aside_rounded_up() {
        let bucket = |reserve| {
            Bucket::new(
                "",
                "burst",
                &Throttle {
                    rate: 100.0,
                    burst: 50,
                },
                reserve,
            )
            .burst
        };
        assert_eq!(
            [0, 1, SECOND / 10, SECOND / 10 + 1, SECOND].map(bucket),
            [50, 49, 40, 39, 0]
        );
    }

    #[test]
    fn another_rate_burst_or_route_is_another_bucket() {
        let plain = Bucket::new(
            "",
            "burst",
            &Throttle {
                rate: 1.0,
                burst: 5,
            },
            0,
        )
        .id;
        for other in [("", 2.0, 5), ("", 1.0, 6), ("GET /a", 1.0, 5)] {
            assert_ne!(
                Bucket::new(
                    other.0,
                    "burst",
                    &Throttle {
                        rate: other.1,
                        burst: other.2
                    },
                    0
                )
                .id,
                plain
            );
        }
    }

    proptest! {
        /// The bound that gives the algorithm its worth, over every window of a random history.
        #[test]
        fn no_window_admits_more_than_burst_and_rate_allow(
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
                    // burst + rate·t, in units of emission intervals so that nothing is rounded in
                    // our favour
                    prop_assert!(total * emission <= i128::from(burst) * emission + (instant - start));
                }
            }
        }

        #[test]
        fn what_remains_can_be_taken_and_one_more_cannot(
            rate in 0.5f64..200.0, burst in 1u64..20, taken in 0u64..20, wait in 0i128..1_000_000_000,
        ) {
            prop_assume!(taken <= burst);
            let (bucket, emission) = bucket(rate, burst);
            let tat = bucket.take(emission, None, taken, 0).unwrap();
            let left = bucket.remaining(emission, tat, wait);
            prop_assert!(bucket.take(emission, Some(tat), left, wait).is_ok());
            prop_assert!(bucket.take(emission, Some(tat), left + 1, wait).is_err());
        }
    }
}
