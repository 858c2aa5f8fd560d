//! The instant by which an answer must be there.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::timeouts::INTEGRATION_TIMEOUT;

/// The instant by which an answer must be there. Passed down, so that nothing outlives its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// `budget` from `now` on.
    #[must_use]
    pub fn after(now: Instant, budget: Duration) -> Self {
        Self(now.checked_add(budget).unwrap_or(now))
    }

    /// The deadline of a Lambda invocation, whose context gives it in milliseconds since the epoch
    /// (`Lambda-Runtime-Deadline-Ms`). It is at most [`INTEGRATION_TIMEOUT`] ahead, because no client waits
    /// longer.
    #[must_use]
    pub fn of_invocation(deadline_ms: u64, wall: SystemTime, now: Instant) -> Self {
        let end = Duration::from_millis(deadline_ms);
        let begin = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::after(now, end.saturating_sub(begin).min(INTEGRATION_TIMEOUT))
    }

    /// This deadline, or `budget` from `now` on if that comes first.
    #[must_use]
    pub fn at_most(self, now: Instant, budget: Duration) -> Self {
        self.min(Self::after(now, budget))
    }

    /// The time left; zero once it has passed.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// The instant itself.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocations_deadline_is_what_the_wall_clock_has_left() {
        let now = Instant::now();
        let wall = UNIX_EPOCH + Duration::from_secs(1_000);
        let deadline = Deadline::of_invocation(1_003_000, wall, now);
        assert_eq!(deadline.remaining(now), Duration::from_secs(3));
        assert_eq!(
            deadline.remaining(now + Duration::from_secs(4)),
            Duration::ZERO
        );
    }

    #[test]
    fn an_invocations_deadline_is_never_later_than_the_integrations() {
        let now = Instant::now();
        let deadline = Deadline::of_invocation(u64::MAX, UNIX_EPOCH, now);
        assert_eq!(deadline.remaining(now), INTEGRATION_TIMEOUT);
    }

    #[test]
    fn a_deadline_in_the_past_leaves_nothing() {
        let now = Instant::now();
        let deadline = Deadline::of_invocation(0, UNIX_EPOCH + Duration::from_secs(9), now);
        assert_eq!(deadline.remaining(now), Duration::ZERO);
    }

    #[test]
    fn the_earlier_of_two_deadlines_counts() {
        let now = Instant::now();
        let deadline = Deadline::after(now, Duration::from_secs(5));
        assert_eq!(
            deadline.at_most(now, Duration::from_secs(1)).remaining(now),
            Duration::from_secs(1)
        );
        assert_eq!(deadline.at_most(now, Duration::from_secs(9)), deadline);
    }
}
