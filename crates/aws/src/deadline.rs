//! Deadlines.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::timeouts::INTEGRATION_TIMEOUT;

/// The instant by which a response is due. It is passed to every call, so that no call outlives its
/// caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline that is `budget` after `now`.
    #[must_use]
    pub fn after(now: Instant, budget: Duration) -> Self {
        Self(now.checked_add(budget).unwrap_or(now))
    }

    /// Returns the deadline of a Lambda invocation (`Lambda-Runtime-Deadline-Ms`, in milliseconds
    /// since the Unix epoch). It is at most [`INTEGRATION_TIMEOUT`] ahead, because no client waits
    /// longer.
    #[must_use]
    pub fn of_invocation(deadline_ms: u64, wall: SystemTime, now: Instant) -> Self {
        let end = Duration::from_millis(deadline_ms);
        let begin = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::after(now, end.saturating_sub(begin).min(INTEGRATION_TIMEOUT))
    }

    /// Returns the earlier of this deadline and `budget` after `now`.
    #[must_use]
    pub fn at_most(self, now: Instant, budget: Duration) -> Self {
        self.min(Self::after(now, budget))
    }

    /// Returns the remaining time. Zero after the deadline.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Returns the instant.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocation_deadline_is_relative_to_the_wall_clock() {
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
    fn invocation_deadline_is_at_most_the_integration_timeout() {
        let now = Instant::now();
        let deadline = Deadline::of_invocation(u64::MAX, UNIX_EPOCH, now);
        assert_eq!(deadline.remaining(now), INTEGRATION_TIMEOUT);
    }

    #[test]
    fn passed_deadline_has_no_time_left() {
        let now = Instant::now();
        let deadline = Deadline::of_invocation(0, UNIX_EPOCH + Duration::from_secs(9), now);
        assert_eq!(deadline.remaining(now), Duration::ZERO);
    }

    #[test]
    fn earlier_deadline_wins() {
        let now = Instant::now();
        let deadline = Deadline::after(now, Duration::from_secs(5));

        assert_eq!(
            deadline.at_most(now, Duration::from_secs(1)).remaining(now),
            Duration::from_secs(1)
        );
        assert_eq!(deadline.at_most(now, Duration::from_secs(9)), deadline);
    }
}
