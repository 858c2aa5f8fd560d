//! The schedule by which a policy of the registry is reloaded.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use policy::PolicyName;

/// From this age on, the policy is reloaded in the background.
const BACKGROUND_RELOAD_AGE: SignedDuration = SignedDuration::from_mins(5);
/// From this age on, requests wait for the reload. A policy gets this old if there were no requests
/// for a long time, or if the store did not respond.
const BLOCKING_RELOAD_AGE: SignedDuration = SignedDuration::from_mins(15);
/// The pause after a failed reload.
const RETRY_INTERVAL: SignedDuration = SignedDuration::from_secs(30);

/// A policy in the registry, with the state of its reloads.
pub(crate) struct PolicyReload {
    pub(crate) source: PolicyName,
    state: Mutex<ReloadState>,
    /// Locked during a reload, so that there is one at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// The text that was loaded last, and the times of reloads.
#[derive(Default)]
pub(crate) struct ReloadState {
    pub(crate) text: String,
    /// The text of the candidate, if there is one.
    pub(crate) candidate: Option<String>,
    pub(crate) loaded_at: Option<Timestamp>,
    pub(crate) tried_at: Option<Timestamp>,
}

/// The step that the age of a policy requires before it is used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReloadStep {
    /// Nothing: the policy is recent.
    Use,
    /// A reload in the background.
    ReloadInBackground,
    /// A reload that the request waits for.
    Wait,
}

impl PolicyReload {
    pub(crate) fn new(source: PolicyName) -> Self {
        Self {
            source,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, ReloadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReloadState {
    /// Returns what to do at `now`. Ages are absolute, so that a clock that is set back does not
    /// make the policy recent again.
    pub(crate) fn step(&self, now: Timestamp) -> ReloadStep {
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

    fn state(loaded_at: Option<i64>, tried_at: i64) -> ReloadState {
        ReloadState {
            text: String::new(),
            candidate: None,
            loaded_at: loaded_at.map(at),
            tried_at: Some(at(tried_at)),
        }
    }

    #[test]
    fn policy_is_used_then_reloaded_in_background_then_waited_for() {
        for (now, expected) in [
            (0, ReloadStep::Use),
            (299, ReloadStep::Use),
            (300, ReloadStep::ReloadInBackground),
            (899, ReloadStep::ReloadInBackground),
            (900, ReloadStep::Wait),
            (-400, ReloadStep::ReloadInBackground),
        ] {
            assert_eq!(state(Some(0), 0).step(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn failed_reload_is_retried_after_30_seconds() {
        for (now, expected) in [
            (300, ReloadStep::Use),
            (329, ReloadStep::Use),
            (330, ReloadStep::ReloadInBackground),
        ] {
            assert_eq!(state(Some(0), 300).step(at(now)), expected, "{now}");
        }

        assert_eq!(state(None, 0).step(at(10)), ReloadStep::Use);
        assert_eq!(state(None, 0).step(at(30)), ReloadStep::Wait);
        assert_eq!(ReloadState::default().step(at(0)), ReloadStep::Wait);
    }
}
