//! A sliding-window counter: an approximate limit on the calls in any window of a given width.
//!
//! Time is divided into windows of equal width. The usage in the last width is estimated as the
//! count of the current window, plus a part of the count of the previous one: the share of it that
//! the last width still overlaps. The estimate assumes that calls arrive evenly. If they do not,
//! almost twice the limit can pass within one width (at worst 199 calls with a limit of 100).
//!
//! The two counts are in two slots, one for windows of even number and one for odd. A slot is a
//! single number: the first instant of its window in nanoseconds, plus the count. The number of a
//! later window is always greater, whatever the counts. A single comparison therefore shows whether
//! a window is over, and an instance with a slow clock cannot reset a later window.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::bucket::Bucket;
use crate::{Nanos, SECOND, Usage};

/// The maximum width of a sliding window, in seconds: one day.
pub(crate) const MAX_WINDOW_S: u64 = 86_400;
/// The time after which no slot is needed any more, whatever the width of its window.
pub const SLOT_LIFETIME: Nanos = 2 * (MAX_WINDOW_S as Nanos) * SECOND;

/// A sliding window of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlidingWindow {
    /// The name in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// The number of calls per window, less than the nanoseconds of the window.
    pub limit: u64,
    /// The width, in seconds.
    pub window_s: u64,
    /// The ids of the slots, similar to [`Bucket::id`]. They depend on the width, but not on the
    /// limit.
    pub slots: [u64; 2],
}

/// A caller's usage of a sliding window at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first instant of the current window.
    pub start: Nanos,
    /// The current instant, or `start` if other instances are already in a later window.
    pub now: Nanos,
    /// The count of the current window.
    pub current: Nanos,
    /// The count of the previous window.
    pub previous: Nanos,
}

impl SlidingWindow {
    /// Returns a window that admits `limit` calls in `window_s` seconds.
    pub fn new(limit: u64, window_s: u64) -> Self {
        let slots = [0_u64, 1].map(|parity| {
            let hash = Sha256::digest(format!("sliding {window_s} {parity}").as_bytes());
            hash.iter()
                .take(8)
                .fold(0, |id, byte| id << 8 | u64::from(*byte))
                % Bucket::IDS
        });

        Self {
            name: "window".into(),
            limit,
            window_s,
            slots,
        }
    }

    /// Returns one of `instances` equal shares of the window. It is at least 1, unless the limit is
    /// 0.
    pub fn share(&self, instances: u32) -> Self {
        Self {
            limit: (self.limit / u64::from(instances)).max(self.limit.min(1)),
            ..self.clone()
        }
    }

    /// Returns the width of the window.
    pub fn width(&self) -> Nanos {
        Nanos::from(self.window_s) * SECOND
    }

    /// Returns the id of the slot of the window that begins at `start`, and the id of the other one.
    pub fn slots_at(&self, start: Nanos) -> (u64, u64) {
        let [even, odd] = self.slots;
        if (start / self.width()).rem_euclid(2) == 0 {
            (even, odd)
        } else {
            (odd, even)
        }
    }

    /// Returns the first instant of the window that `instant` is in.
    pub fn start_of(&self, instant: Nanos) -> Nanos {
        instant.div_euclid(self.width()) * self.width()
    }

    /// Returns a caller's position at `now`, or in the latest window that `usage` has a slot of.
    pub fn position(&self, usage: &Usage, now: Nanos) -> Position {
        let values = self.slots.iter().filter_map(|slot| usage.slot(*slot));
        let start = values
            .map(|value| self.start_of(value))
            .fold(self.start_of(now), Nanos::max);

        let (slot, other) = self.slots_at(start);
        let count = |slot, start| usage.slot(slot).map_or(0, |value| value - start);
        let valid = |count: Nanos| {
            if (0..self.width()).contains(&count) {
                count
            } else {
                0
            }
        };

        Position {
            start,
            now: now.max(start),
            current: valid(count(slot, start)),
            previous: valid(count(other, start - self.width())),
        }
    }

    /// Returns the largest value of the current slot with which a call of `cost` is admitted. It is
    /// less than `start` if no value is.
    pub fn latest(&self, position: &Position, cost: u64) -> Nanos {
        position.start + self.room(position) - Nanos::from(cost)
    }

    /// Returns the time until a call of `cost` is admitted. It is 0 if the call is admitted now.
    pub fn wait(&self, position: &Position, cost: u64) -> Nanos {
        let (limit, cost) = (Nanos::from(self.limit), Nanos::from(cost));
        if position.current + cost <= self.room(position) {
            return 0;
        }

        let (end, room) = (
            position.start + self.width(),
            limit - cost - position.current,
        );
        let instant = if room >= 0 {
            end - room * self.width() / position.previous.max(1)
        } else {
            // The call has to wait until the current window has become the previous one.
            end.max(end + self.width() - (limit - cost) * self.width() / position.current.max(1))
        };

        (instant - position.now).max(1)
    }

    /// Returns the number of calls left.
    pub fn remaining(&self, position: &Position) -> u64 {
        u64::try_from(self.room(position) - position.current).unwrap_or(0)
    }

    /// Returns the time until there is one more call. `None` if the whole limit is left.
    pub fn next(&self, position: &Position) -> Option<Nanos> {
        let remaining = self.remaining(position);
        (remaining < self.limit).then(|| self.wait(position, remaining + 1))
    }

    /// Returns the limit less the weighted count of the previous window, which is rounded up.
    fn room(&self, position: &Position) -> Nanos {
        let rest = position.start + self.width() - position.now;
        let weighted = (position.previous * rest + self.width() - 1) / self.width();
        Nanos::from(self.limit) - weighted
    }
}

impl Position {
    /// Returns the position after a charge of `cost`.
    pub fn after(self, cost: u64) -> Self {
        Self {
            current: self.current + Nanos::from(cost),
            ..self
        }
    }

    /// Returns the position before a charge of `units`.
    pub fn without(self, units: Nanos) -> Self {
        Self {
            current: (self.current - units).max(0),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position(window: &SlidingWindow, now: Nanos, current: Nanos, previous: Nanos) -> Position {
        Position {
            start: window.start_of(now),
            now,
            current,
            previous,
        }
    }

    #[test]
    fn previous_window_counts_by_its_overlap_rounded_up() {
        let window = SlidingWindow::new(100, 10);
        for (now_s, remaining) in [(0, 0), (1, 10), (5, 50), (9, 90)] {
            assert_eq!(
                window.remaining(&position(&window, now_s * SECOND, 0, 100)),
                remaining,
                "{now_s} s"
            );
        }

        assert_eq!(window.remaining(&position(&window, SECOND + 1, 0, 100)), 10);
        assert_eq!(window.remaining(&position(&window, 0, 100, 100)), 0);
    }

    #[test]
    fn slot_contains_window_and_count_and_a_later_window_advances_the_clock() {
        let window = SlidingWindow::new(100, 10);
        let (even, odd) = window.slots_at(40 * SECOND);
        let usage =
            Usage::default().with_slots(vec![(even, 40 * SECOND + 7), (odd, 30 * SECOND + 5)]);
        let at = |now_s: Nanos| window.position(&usage, now_s * SECOND);

        assert_eq!(
            at(45),
            Position {
                start: 40 * SECOND,
                now: 45 * SECOND,
                current: 7,
                previous: 5
            }
        );
        assert_eq!(
            at(52),
            Position {
                start: 50 * SECOND,
                now: 52 * SECOND,
                current: 0,
                previous: 7
            }
        );
        assert_eq!(
            at(60),
            Position {
                start: 60 * SECOND,
                now: 60 * SECOND,
                current: 0,
                previous: 0
            }
        );
        assert_eq!(
            at(39),
            Position {
                start: 40 * SECOND,
                now: 40 * SECOND,
                current: 7,
                previous: 5
            }
        );
    }

    #[test]
    fn slots_depend_on_the_width_but_not_on_the_limit() {
        assert_eq!(
            SlidingWindow::new(1, 10).slots,
            SlidingWindow::new(2, 10).slots
        );
        assert_ne!(
            SlidingWindow::new(1, 10).slots,
            SlidingWindow::new(1, 11).slots
        );
    }

    proptest! {
        /// Without other calls, a call is admitted after the wait and not a nanosecond earlier.
        #[test]
        fn wait_is_exact(
            limit in 1_u64..200, window_s in 1_u64..100, offset in 0_u64..100_000_000_000, current in 0_u64..300,
            previous in 0_u64..300, cost in 1_u64..200,
        ) {
            let window = SlidingWindow::new(limit, window_s);
            prop_assume!(cost <= limit);
            let now = Nanos::from(offset);
            let start = window.start_of(now);
            let (slot, other) = window.slots_at(start);
            let slots = vec![(slot, start + Nanos::from(current)), (other, start - window.width() + Nanos::from(previous))];
            let usage = Usage::default().with_slots(slots);

            let wait = window.wait(&window.position(&usage, now), cost);
            let fits = |instant| window.wait(&window.position(&usage, instant), cost) == 0;
            prop_assert!(fits(now + wait));
            prop_assert!(wait == 0 || !fits(now + wait - 1));
        }

        #[test]
        fn remaining_calls_are_admitted_and_one_more_is_not(limit in 1_u64..200, offset in 0_u64..10_000_000_000, current in 0_i64..300, previous in 0_i64..300) {
            let window = SlidingWindow::new(limit, 10);
            let position = position(&window, offset.into(), current.into(), previous.into());
            let remaining = window.remaining(&position);

            prop_assert!(remaining == 0 || window.wait(&position, remaining) == 0);
            prop_assert!(window.wait(&position, remaining + 1) > 0);
        }
    }
}
