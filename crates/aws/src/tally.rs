//! The last results of a closed circuit breaker, which decide when it opens.
//!
//! When a service stalls, all calls in progress fail. Failures of calls that overlap in time
//! therefore count once by default. Otherwise one stall would open the breaker of a process that
//! makes many calls at once. The failures of a service whose calls have a limit can count each.

use std::time::Instant;

/// The number of consecutive failures that opens the breaker.
pub const CONSECUTIVE_FAILURES: u32 = 5;
/// The number of calls over which the failure rate is computed. With fewer calls it has no effect.
pub const WINDOW_CALLS: u32 = 10;
/// The number of failures among the last [`WINDOW_CALLS`] calls that opens the breaker (50 %).
pub const FAILURES_IN_WINDOW: u32 = 5;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    in_a_row: u32,
    samples: u32,
    /// One bit per call, set for a failure. The lowest bit is the newest call.
    failures: u32,
    /// The end of the last counted failure.
    failed_at: Option<Instant>,
}

impl Tally {
    pub(crate) const EMPTY: Self = Self {
        in_a_row: 0,
        samples: 0,
        failures: 0,
        failed_at: None,
    };

    /// Returns the tally with one more call. If `began` is given, a failed call that began before the
    /// last counted failure ended is not counted.
    pub(crate) fn with(self, failed: bool, began: Option<Instant>, ended: Instant) -> Self {
        let overlaps = began
            .zip(self.failed_at)
            .is_some_and(|(began, at)| began < at);
        if failed && overlaps {
            return self;
        }

        let samples = self.samples + 1;
        Self {
            in_a_row: if failed { self.in_a_row + 1 } else { 0 },
            samples: if samples < WINDOW_CALLS {
                samples
            } else {
                WINDOW_CALLS
            },
            failures: ((self.failures << 1) | u32::from(failed)) & ((1 << WINDOW_CALLS) - 1),
            failed_at: if failed { Some(ended) } else { self.failed_at },
        }
    }

    /// True if the breaker must open.
    pub(crate) const fn trips(self) -> bool {
        let by_rate =
            self.samples == WINDOW_CALLS && self.failures.count_ones() >= FAILURES_IN_WINDOW;

        self.in_a_row >= CONSECUTIVE_FAILURES || by_rate
    }
}
