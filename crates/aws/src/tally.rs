//! The last outcomes that a closed circuit breaker has seen, and whether they open it.
//!
//! One stall of the other side makes every call fail that is under way. Failures whose calls
//! overlap in time are therefore one failure. Otherwise one stall would open the breaker of a
//! process that makes many calls at once.

use std::time::Instant;

/// So many failures in a row open the breaker.
pub const CONSECUTIVE_FAILURES: u32 = 5;
/// The rate is taken over so many calls; with fewer it opens nothing.
pub const WINDOW_CALLS: u32 = 10;
/// So many failures among the last [`WINDOW_CALLS`] calls open the breaker: 50 %.
pub const FAILURES_IN_WINDOW: u32 = 5;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    in_a_row: u32,
    samples: u32,
    /// One bit an outcome, the newest lowest; set for a failure.
    failures: u32,
    /// When the last failure that was counted ended.
    failed_at: Option<Instant>,
}

impl Tally {
    pub(crate) const EMPTY: Self = Self {
        in_a_row: 0,
        samples: 0,
        failures: 0,
        failed_at: None,
    };

    /// Counts a call, unless it failed and began before the last counted failure ended.
    pub(crate) fn with(self, failed: bool, began: Instant, ended: Instant) -> Self {
        if failed && self.failed_at.is_some_and(|failed_at| began < failed_at) {
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

    pub(crate) const fn trips(self) -> bool {
        let by_rate =
            self.samples == WINDOW_CALLS && self.failures.count_ones() >= FAILURES_IN_WINDOW;
        self.in_a_row >= CONSECUTIVE_FAILURES || by_rate
    }
}
