//! Leases: several calls' worth bought with one write, and spent here.
//!
//! What is admitted is then later than what was charged, by a lease's length L at most. A plan that
//! leases therefore uses B − ⌈rL⌉ of a burst B: within any time t at most that and r(t + L) are
//! charged for what is admitted in it, which is B + rt. A lease ends with the first of its quotas'
//! windows, with the sliding window and with the day, so that each count holds what was admitted in
//! its own time. What is not spent by then is stranded: nothing is returned.

use crate::bucket::emission_of;
use crate::{Nanos, SECOND, Throttle};

/// The maximum number of calls in a lease.
pub(crate) const MAX_LEASE_CALLS: u32 = 1000;
/// The minimum burst of the buckets of a plan with leases.
pub(crate) const MIN_LEASE_BURST: u64 = 4;
/// The longest lease.
const LONGEST: Nanos = SECOND;
/// The part of what a bucket takes to fill that a lease may last, so that no more of the burst is
/// set aside.
const PART_OF_DEPTH: Nanos = 4;
/// A lease takes such a part of what is left at most: as if so many instances held one at once.
const PART_OF_REMAINDER: u64 = 16;

/// A plan's leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTerms {
    /// The most calls that one lease is for.
    pub most: u32,
    /// How long one lasts, in nanoseconds.
    pub length: Nanos,
}

/// How often one instance is called for one caller: the present and the previous lease's length.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalRate {
    window: Nanos,
    calls: u64,
    previous: u64,
}

impl LeaseTerms {
    /// `None` where a plan does not lease.
    pub fn new<'t>(most: u32, throttles: impl Iterator<Item = &'t Throttle>) -> Option<Self> {
        // A bucket that admits nothing has nothing to lease.
        let throttles = throttles.filter(|throttle| throttle.burst > 0 && throttle.rate > 0.0);
        let depth = |throttle: &Throttle| {
            Some(emission_of(throttle.rate)? * Nanos::from(throttle.burst) / PART_OF_DEPTH)
        };
        let length = throttles.filter_map(depth).fold(LONGEST, Nanos::min);
        (most > 0).then_some(Self { most, length })
    }

    /// How many calls to buy, having been called so often in a lease's length: half as many, so
    /// that a lease is spent well before its end; and one near the end of a limit, of which
    /// `remaining` calls are left.
    pub fn calls(&self, local: u64, remaining: u64) -> u64 {
        u64::from(self.most)
            .min(local / 2)
            .min(remaining / PART_OF_REMAINDER)
            .max(1)
    }
}

impl LocalRate {
    /// Counts a call, and says how many there were within the last `length`, by an estimate.
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

    fn terms(most: u32, throttles: &[(f64, u64)]) -> Option<LeaseTerms> {
        let throttles: Vec<Throttle> = throttles
            .iter()
            .map(|(rate, burst)| Throttle {
                rate: *rate,
                burst: *burst,
            })
            .collect();
        LeaseTerms::new(most, throttles.iter())
    }

    #[test]
    fn a_lease_lasts_a_second_or_a_quarter_of_what_the_smallest_bucket_takes_to_fill() {
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
    fn a_lease_follows_the_local_rate_and_falls_to_one_near_the_end() {
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
    fn the_local_rate_is_that_of_the_last_lease() {
        let mut rate = LocalRate::default();
        for call in 0..100 {
            rate.count(SECOND * call / 100, SECOND);
        }
        assert_eq!(rate.count(SECOND, SECOND), 101);
        assert_eq!(rate.count(SECOND * 3 / 2, SECOND), 52);
        assert_eq!(rate.count(SECOND * 9, SECOND), 1);
    }
}
