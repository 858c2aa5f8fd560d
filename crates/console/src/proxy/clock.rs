//! The time that lifetimes of codes and sessions are measured with.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// An instant on two clocks. The monotonic clock stops while a machine sleeps, and the wall clock can
/// be set back. The longer of both durations counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The instant on the monotonic clock.
    pub monotonic: Instant,
    /// The instant on the wall clock.
    pub wall: SystemTime,
}

impl Moment {
    /// Returns the current instant.
    #[must_use]
    pub fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Returns the time since an earlier instant.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        monotonic.max(wall)
    }
}

/// A source of the current instant.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// Returns a clock that reads the instant from a function.
    #[must_use]
    pub fn of(now: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(super) fn now(&self) -> Moment {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::of(Moment::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_of_the_machine_counts_and_a_clock_that_is_set_back_does_not_extend() {
        let begin = Moment::now();
        let minute = Duration::from_secs(60);
        let after_sleep = Moment {
            wall: begin.wall + minute,
            ..begin
        };
        assert_eq!(after_sleep.since(begin), minute);

        let set_back = Moment {
            monotonic: begin.monotonic + minute,
            wall: begin.wall - minute,
        };
        assert_eq!(set_back.since(begin), minute);
    }
}
