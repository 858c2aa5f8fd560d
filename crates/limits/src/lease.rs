//! Leases: an instance buys several calls with one write, and spends them from its memory.
//!
//! A call is then admitted up to the length L of a lease after it was charged. A plan with leases
//! therefore uses only B − ⌈rL⌉ of a burst B. Calls admitted in any time t are charged within
//! t + L, so they are at most B − ⌈rL⌉ + r(t + L), which is at most B + rt.
//!
//! A lease ends at the latest with the first of its quotas' windows, with the sliding window and
//! with the day, so that every call counts in the window in which it is admitted. Calls that are
//! not spent by then are lost.

use crate::bucket::emission_of;
use crate::{Nanos, SECOND, Throttle};

/// The maximum number of calls in a lease.
pub(crate) const MAX_LEASE_CALLS: u32 = 1000;
/// The minimum burst of the buckets of a plan with leases.
pub(crate) const MIN_LEASE_BURST: u64 = 4;
/// The maximum length of a lease.
const MAX_LENGTH: Nanos = SECOND;
/// A lease lasts at most the time in which a bucket fills, divided by this number. The reserve is
/// then at most this part of the burst.
const FILL_TIME_DIVISOR: Nanos = 4;
/// A lease takes at most the calls left, divided by this number. So many instances can then have a
/// lease at the same time.
const REMAINING_DIVISOR: u64 = 16;

/// The terms of a plan's leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTerms {
    /// The maximum number of calls in a lease.
    pub max_calls: u32,
    /// The length of a lease, in nanoseconds.
    pub length: Nanos,
}

/// A counter of one caller's calls to one instance, in the current and the previous window. A window
/// is as long as a lease.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalRate {
    window: Nanos,
    calls: u64,
    previous: u64,
}

impl LeaseTerms {
    /// Returns the terms for a plan with these buckets. `None` if `max_calls` is 0.
    pub fn new<'t>(max_calls: u32, throttles: impl Iterator<Item = &'t Throttle>) -> Option<Self> {
        // A bucket that admits nothing does not shorten leases.
        let throttles = throttles.filter(|throttle| throttle.burst > 0 && throttle.rate > 0.0);
        let limit = |throttle: &Throttle| {
            Some(emission_of(throttle.rate)? * Nanos::from(throttle.burst) / FILL_TIME_DIVISOR)
        };
        let length = throttles.filter_map(limit).fold(MAX_LENGTH, Nanos::min);

        (max_calls > 0).then_some(Self { max_calls, length })
    }

    /// Returns how many calls to buy, given the local calls within the length of a lease. It is half
    /// as many, so that a lease is spent well before it ends, and 1 if few calls are `remaining`.
    pub fn calls(&self, local: u64, remaining: u64) -> u64 {
        u64::from(self.max_calls)
            .min(local / 2)
            .min(remaining / REMAINING_DIVISOR)
            .max(1)
    }
}

impl LocalRate {
    /// Counts a call, and returns an estimate of the calls within the last `length`.
    pub fn count(&mut self, now: Nanos, length: Nanos) -> u64 {
        let window = now.div_euclid(length);
        if window != self.window {
            self.previous = if window == self.window + 1 {
                self.calls
            } else {
                0
            };
            (self.window, self.calls) = (window, 0);
        }

        self.calls += 1;
        let rest = length - now.rem_euclid(length);
        self.calls + u64::try_from(Nanos::from(self.previous) * rest / length).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(max_calls: u32, throttles: &[(f64, u64)]) -> Option<LeaseTerms> {
        let throttles: Vec<Throttle> = throttles
            .iter()
            .map(|(rate, burst)| Throttle {
                rate: *rate,
                burst: *burst,
            })
            .collect();
        LeaseTerms::new(max_calls, throttles.iter())
    }

    #[test]
    fn lease_lasts_one_second_or_a_quarter_of_the_shortest_fill_time() {
        assert_eq!(terms(0, &[(1.0, 100)]), None);
        assert_eq!(terms(8, &[]).unwrap().length, SECOND);
        assert_eq!(terms(8, &[(1.0, 100)]).unwrap().length, SECOND);
        assert_eq!(
            terms(8, &[(1.0, 100), (100.0, 20)]).unwrap().length,
            SECOND / 20
        );
        assert_eq!(terms(8, &[(0.0, 100), (1.0, 0)]).unwrap().length, SECOND);
    }

    #[test]
    fn lease_is_half_the_local_rate_and_one_call_near_the_limit() {
        let terms = terms(16, &[(1.0, 100)]).unwrap();
        for (local, remaining, calls) in [
            (0, 1000, 1),
            (1, 1000, 1),
            (10, 1000, 5),
            (100, 1000, 16),
            (100, 100, 6),
            (100, 31, 1),
            (100, 0, 1),
        ] {
            assert_eq!(terms.calls(local, remaining), calls, "{local} {remaining}");
        }
    }

    #[test]
    fn local_rate_estimates_the_calls_within_the_last_lease() {
        let mut rate = LocalRate::default();
        for call in 0..100 {
            rate.count(SECOND * call / 100, SECOND);
        }
        assert_eq!(rate.count(SECOND, SECOND), 101);
        assert_eq!(rate.count(SECOND * 3 / 2, SECOND), 52);
        assert_eq!(rate.count(SECOND * 9, SECOND), 1);
    }
}
