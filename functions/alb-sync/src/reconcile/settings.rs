//! The settings of departures.

/// When and how fast targets leave that no name resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The number of missed intervals after which a target leaves.
    pub misses: u32,
    /// The length of an interval in milliseconds.
    pub interval_ms: i64,
    /// The maximum share of a group's targets that leave per interval, in percent. At least one
    /// target may always leave.
    pub max_percent: u32,
    /// True if targets leave that alb-sync neither registered nor saw in DNS.
    pub remove_untracked: bool,
}

impl Settings {
    /// Returns whether an interval has passed since an instant, both in milliseconds since 1970.
    ///
    /// Nine tenths of an interval are enough, because schedules are not exact. An instant more than
    /// an interval ahead comes from a fast clock and counts as passed.
    pub(crate) fn has_interval_passed(&self, since: Option<i64>, now: i64) -> bool {
        let Some(since) = since else { return true };
        let elapsed = now.saturating_sub(since);

        elapsed >= self.interval_ms / 10 * 9 || elapsed < -self.interval_ms
    }
}
