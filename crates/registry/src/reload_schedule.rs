//! The schedule by which a document of the registry is reloaded.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::MutexGuard;

/// From this age on, the document is reloaded in the background.
const BACKGROUND_RELOAD_AGE: SignedDuration = SignedDuration::from_mins(5);
/// From this age on, requests wait for the reload. A document gets this old if there were no
/// requests for a long time, or if the store did not respond.
const BLOCKING_RELOAD_AGE: SignedDuration = SignedDuration::from_mins(15);
/// The pause after a failed reload.
const RETRY_INTERVAL: SignedDuration = SignedDuration::from_secs(30);

/// The schedule by which a document of the registry is reloaded while requests are served.
///
/// ```
/// use jiff::Timestamp;
/// use registry::{ReloadSchedule, ReloadStep};
///
/// let schedule = ReloadSchedule::default();
/// let now = Timestamp::now();
/// assert_eq!(schedule.step(now), ReloadStep::Wait);
///
/// schedule.begin(now);
/// schedule.finish(now);
/// assert_eq!(schedule.step(now), ReloadStep::Use);
/// ```
#[derive(Debug, Default)]
pub struct ReloadSchedule {
    times: Mutex<ReloadTimes>,
    turn: tokio::sync::Mutex<()>,
}

/// The times of reloads.
#[derive(Clone, Copy, Debug, Default)]
struct ReloadTimes {
    loaded_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

/// The step that the age of a document requires before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadStep {
    /// Nothing: the document is recent.
    Use,
    /// A reload in the background.
    ReloadInBackground,
    /// A reload that the request waits for.
    Wait,
}

impl ReloadSchedule {
    /// Returns what to do at `now`.
    #[must_use]
    pub fn step(&self, now: Timestamp) -> ReloadStep {
        self.with_times(|times| times.step(now))
    }

    /// Waits until no other reload is in progress, and keeps others out as long as the guard
    /// exists.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Records that a reload begins at `now`.
    pub fn begin(&self, now: Timestamp) {
        self.with_times(|times| times.tried_at = Some(now));
    }

    /// Records that the reload that began at `now` has loaded the document.
    pub fn finish(&self, now: Timestamp) {
        self.with_times(|times| {
            times.loaded_at = Some(now);
            times.tried_at = Some(now);
        });
    }

    fn with_times<T>(&self, run: impl FnOnce(&mut ReloadTimes) -> T) -> T {
        run(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ReloadTimes {
    /// Returns what to do at `now`. Ages are absolute, so that a clock that is set back does not
    /// make the document recent again.
    fn step(self, now: Timestamp) -> ReloadStep {
        let age_of = |instant: Timestamp| now.duration_since(instant).abs();
        if self
            .tried_at
            .is_some_and(|tried_at| age_of(tried_at) < RETRY_INTERVAL)
        {
            return ReloadStep::Use;
        }

        match self.loaded_at.map(age_of) {
            Some(age) if age < BACKGROUND_RELOAD_AGE => ReloadStep::Use,
            Some(age) if age < BLOCKING_RELOAD_AGE => ReloadStep::ReloadInBackground,
            _ => ReloadStep::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_348_800 + seconds).unwrap()
    }

    fn times(loaded_at: Option<i64>, tried_at: i64) -> ReloadTimes {
        ReloadTimes {
            loaded_at: loaded_at.map(at),
            tried_at: Some(at(tried_at)),
        }
    }

    #[test]
    fn document_is_used_then_reloaded_in_background_then_waited_for() {
        for (now, expected) in [
            (0, ReloadStep::Use),
            (299, ReloadStep::Use),
            (300, ReloadStep::ReloadInBackground),
            (899, ReloadStep::ReloadInBackground),
            (900, ReloadStep::Wait),
            (-400, ReloadStep::ReloadInBackground),
        ] {
            assert_eq!(times(Some(0), 0).step(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn failed_reload_is_retried_after_30_seconds() {
        for (now, expected) in [
            (300, ReloadStep::Use),
            (329, ReloadStep::Use),
            (330, ReloadStep::ReloadInBackground),
        ] {
            assert_eq!(times(Some(0), 300).step(at(now)), expected, "{now}");
        }

        assert_eq!(times(None, 0).step(at(10)), ReloadStep::Use);
        assert_eq!(times(None, 0).step(at(30)), ReloadStep::Wait);
        assert_eq!(ReloadTimes::default().step(at(0)), ReloadStep::Wait);
    }
}
