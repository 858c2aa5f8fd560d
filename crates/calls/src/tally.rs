//! The last outcomes that a closed circuit breaker has seen, and whether they open it.

/// So many failures in a row open the breaker.
pub const CONSECUTIVE_FAILURES: u32 = 5;
/// The rate is taken over so many calls; with fewer it opens nothing.
pub const WINDOW: u32 = 10;
/// So many failures among the last [`WINDOW`] calls open the breaker: 50 %.
pub const FAILURES_IN_WINDOW: u32 = 5;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    in_a_row: u32,
    samples: u32,
    /// One bit an outcome, the newest lowest; set for a failure.
    failures: u32,
}

impl Tally {
    pub(crate) const EMPTY: Self = Self { in_a_row: 0, samples: 0, failures: 0 };

    pub(crate) const fn with(self, failed: bool) -> Self {
        let samples = self.samples + 1;
        Self {
            in_a_row: if failed { self.in_a_row + 1 } else { 0 },
            samples: if samples < WINDOW { samples } else { WINDOW },
            failures: ((self.failures << 1) | failed as u32) & ((1 << WINDOW) - 1),
        }
    }

    pub(crate) const fn trips(self) -> bool {
        let by_rate = self.samples == WINDOW && self.failures.count_ones() >= FAILURES_IN_WINDOW;
        self.in_a_row >= CONSECUTIVE_FAILURES || by_rate
    }
}
