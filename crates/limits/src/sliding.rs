//! A sliding-window counter: so many calls in any so many seconds, approximately.
//!
//! Time is cut into windows of equal width. What a caller has used in the last width is estimated
//! as the present window's count and that part of the previous one's by which that window still
//! overlaps, as if its calls had come evenly. They may not have: within a true window up to nearly
//! twice the limit can pass (199 of 100 at the worst).
//!
//! The two counts are two slots, for the windows of even and of odd number. A slot is one number:
//! its window's first instant in nanoseconds, plus the count. A later window's number is greater
//! whatever was counted, so one comparison tells a window that is over from the present one, and a
//! slow clock never sets a later window back.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::bucket::Bucket;
use crate::{Nanos, SECOND, Usage};

/// The maximum width of a sliding window, in seconds: one day.
pub(crate) const MAX_WINDOW_S: u64 = 86_400;
/// The time after which no slot is needed any more, whatever the width of its window.
pub const SLOT_LIFETIME: Nanos = 2 * (MAX_WINDOW_S as Nanos) * SECOND;

/// A limit and a width, ready for arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlidingWindow {
    /// The policy's name in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// Calls in a window; fewer than it has nanoseconds.
    pub limit: u64,
    /// Seconds.
    pub window_s: u64,
    /// Name the slots, as [`Bucket::id`] names a bucket. Another limit is the same counter, another
    /// width is not.
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

    /// One of `instances` equal shares of it, at least one call where it is not 0.
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

    /// The slot of the window that begins at `start`, and the other one.
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
        let seen = self.slots.iter().filter_map(|slot| usage.slot(*slot));
        let start = seen
            .map(|value| self.start_of(value))
            .fold(self.start_of(now), Nanos::max);
        let (slot, other) = self.slots_at(start);
        let count = |slot, start| usage.slot(slot).map_or(0, |value| value - start);
        let within = |count: Nanos| {
            if (0..self.width()).contains(&count) {
                count
            } else {
                0
            }
        };
        Position {
            start,
            now: now.max(start),
            current: within(count(slot, start)),
            previous: within(count(other, start - self.width())),
        }
    }

    /// What may be in the present window's slot at most, so that a call of `cost` still fits: below
    /// `start` where none does.
    pub fn latest(&self, position: &Position, cost: u64) -> Nanos {
        position.start + self.room(position) - Nanos::from(cost)
    }

    /// How long to wait until a call of `cost` fits; 0 where it does.
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
            // Only once the present window is the previous one.
            end.max(end + self.width() - (limit - cost) * self.width() / position.current.max(1))
        };
        (instant - position.now).max(1)
    }

    /// Calls left.
    pub fn remaining(&self, position: &Position) -> u64 {
        u64::try_from(self.room(position) - position.current).unwrap_or(0)
    }

    /// Time until there is one call more, or `None` where all are there.
    pub fn next(&self, position: &Position) -> Option<Nanos> {
        let remaining = self.remaining(position);
        (remaining < self.limit).then(|| self.wait(position, remaining + 1))
    }

    /// The limit less what the previous window still counts for, rounded up.
    fn room(&self, position: &Position) -> Nanos {
        let rest = position.start + self.width() - position.now;
        let weighted = (position.previous * rest + self.width() - 1) / self.width();
        Nanos::from(self.limit) - weighted
    }
}

impl Position {
    /// The same once a call of `cost` has been charged.
    pub fn after(self, cost: u64) -> Self {
        Self {
            current: self.current + Nanos::from(cost),
            ..self
        }
    }

    /// The same without `units` that were charged.
    pub fn less(self, units: Nanos) -> Self {
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
    fn the_previous_window_counts_by_its_overlap_rounded_up() {
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
    fn a_slot_tells_its_window_and_its_count_and_a_later_one_moves_the_clock_on() {
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
    fn another_width_is_another_counter_and_another_limit_is_not() {
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
        /// After the wait, and not a nanosecond before, a call fits; nobody else calling.
        #[test]
        fn the_wait_is_exact(
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

        /// What has been told as remaining fits, and one more does not.
        #[test]
        fn what_remains_fits(limit in 1_u64..200, offset in 0_u64..10_000_000_000, current in 0_i64..300, previous in 0_i64..300) {
            let window = SlidingWindow::new(limit, 10);
            let position = position(&window, offset.into(), current.into(), previous.into());
            let remaining = window.remaining(&position);
            prop_assert!(remaining == 0 || window.wait(&position, remaining) == 0);
            prop_assert!(window.wait(&position, remaining + 1) > 0);
        }
    }
}
