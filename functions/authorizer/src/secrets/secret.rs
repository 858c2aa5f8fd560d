//! The values of the secrets that a policy refers to.
//!
//! A secret in AWS is read when the policy is loaded, and again every five minutes while the old
//! value is used, so that a rotated secret needs no deployment. Errors name the reference and never
//! the secret.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use policy::{SecretPlace, SecretReference};

use super::secret_reader::{SecretError, SecretReader};

/// From this age on, a secret is read again in the background.
const RELOAD_AGE: SignedDuration = SignedDuration::from_mins(5);
/// From this age on, a request waits for the secret to be read again, so that a replaced secret is
/// not used after a long time without requests. If AWS is unavailable, the old value is used.
const BLOCKING_RELOAD_AGE: SignedDuration = SignedDuration::from_hours(1);
/// From this age on, a value is not used any more.
const MAX_SECRET_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The pause between two reads, successful or not.
const READ_INTERVAL: SignedDuration = SignedDuration::from_secs(10);

/// A secret of a policy.
pub(crate) struct Secret(SecretSource);

enum SecretSource {
    /// A value from the policy or the environment.
    Known(Arc<str>),
    /// A secret in AWS.
    Aws(AwsSecret),
}

struct AwsSecret {
    place: SecretPlace,
    state: Mutex<SecretState>,
    /// Locked during a read.
    turn: tokio::sync::Mutex<()>,
}

/// The last value of a secret, and the times of reads.
#[derive(Default)]
struct SecretState {
    value: Option<Arc<str>>,
    read_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    error: Option<SecretError>,
}

/// The step that the age of a secret requires before it is used.
enum SecretStep {
    /// Use this value.
    Use(Arc<str>),
    /// Use this value, and read it again in the background.
    Reload(Arc<str>),
    /// Read the value and wait for it.
    Read,
    /// Report the last error: it is too early to read again.
    Fail(SecretError),
}

impl Secret {
    /// Creates the secret for a reference. Nothing is read yet.
    pub(crate) fn new(reference: SecretReference) -> Self {
        Self(match reference {
            SecretReference::Known(value) => SecretSource::Known(value),
            SecretReference::Stored(place) => SecretSource::Aws(AwsSecret {
                place,
                state: Mutex::default(),
                turn: tokio::sync::Mutex::default(),
            }),
        })
    }

    /// Reads the secret while its policy is loaded. If AWS is unavailable, that is logged, `None` is
    /// returned, and the secret is read when it is needed.
    ///
    /// # Errors
    /// [`SecretError`] if AWS refuses the reference.
    pub(crate) async fn load(
        self: &Arc<Self>,
        reader: &Arc<SecretReader>,
        now: Timestamp,
    ) -> Result<Option<Arc<str>>, SecretError> {
        match self.value(reader, now).await {
            Err(error) if error.is_transient => {
                tracing::warn!(%error, "cannot read a secret of the policy yet");
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    /// Returns the value to use at `now`.
    pub(crate) async fn value(
        self: &Arc<Self>,
        reader: &Arc<SecretReader>,
        now: Timestamp,
    ) -> Result<Arc<str>, SecretError> {
        let stored = match &self.0 {
            SecretSource::Known(value) => return Ok(Arc::clone(value)),
            SecretSource::Aws(stored) => stored,
        };

        let step = stored.state().step(now);
        match step {
            SecretStep::Use(value) => Ok(value),
            SecretStep::Reload(value) => {
                let (secret, reader) = (Arc::clone(self), Arc::clone(reader));
                tokio::spawn(async move { secret.reload(&reader, now).await });
                Ok(value)
            }
            SecretStep::Read => Box::pin(stored.read(reader, now)).await,
            SecretStep::Fail(error) => Err(error),
        }
    }

    /// Returns the value to use at `now`, if it is known without waiting. If it is old or unknown, it
    /// is read in the background.
    pub(crate) fn known_value(
        self: &Arc<Self>,
        reader: &Arc<SecretReader>,
        now: Timestamp,
    ) -> Option<Arc<str>> {
        let stored = match &self.0 {
            SecretSource::Known(value) => return Some(Arc::clone(value)),
            SecretSource::Aws(stored) => stored,
        };

        let step = stored.state().step(now);
        match step {
            SecretStep::Use(value) => Some(value),
            SecretStep::Fail(_) => None,
            SecretStep::Reload(_) | SecretStep::Read => {
                let known = stored.state().usable(now).cloned();
                let (secret, reader) = (Arc::clone(self), Arc::clone(reader));
                tokio::spawn(async move { secret.reload(&reader, now).await });
                known
            }
        }
    }

    /// Reads the secret again, because it is old or was refused. Returns `None` if it was read a
    /// moment ago, cannot be read, or is not in AWS.
    pub(crate) async fn reload(&self, reader: &SecretReader, now: Timestamp) -> Option<Arc<str>> {
        let SecretSource::Aws(stored) = &self.0 else {
            return None;
        };
        if is_within(stored.state().tried_at, now, READ_INTERVAL) {
            return None;
        }

        let result = Box::pin(stored.read(reader, now)).await;
        if let Err(error) = &result {
            tracing::warn!(%error, "cannot read a secret of the policy, and there is no value to use");
        }
        result.ok()
    }
}

impl AwsSecret {
    /// Reads the secret, unless another caller did so while this one waited for its turn.
    async fn read(&self, reader: &SecretReader, now: Timestamp) -> Result<Arc<str>, SecretError> {
        let _turn = self.turn.lock().await;
        if is_within(self.state().tried_at, now, READ_INTERVAL) {
            match self.state().step(now) {
                SecretStep::Use(value) | SecretStep::Reload(value) => return Ok(value),
                SecretStep::Fail(error) => return Err(error),
                SecretStep::Read => {}
            }
        }

        let result = reader.read(&self.place).await.map(Arc::<str>::from);
        let mut state = self.state();
        state.record_read(&result, now);
        match (result, state.usable(now)) {
            (Err(error), Some(value)) => {
                tracing::warn!(%error, "cannot read a secret of the policy again; the last value stays in use");
                Ok(Arc::clone(value))
            }
            (result, _) => result,
        }
    }

    fn state(&self) -> MutexGuard<'_, SecretState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretState {
    /// Returns what to do at `now`.
    fn step(&self, now: Timestamp) -> SecretStep {
        let is_too_early = is_within(self.tried_at, now, READ_INTERVAL);
        match (self.usable(now), &self.error) {
            (Some(value), _) if is_too_early || is_within(self.read_at, now, RELOAD_AGE) => {
                SecretStep::Use(Arc::clone(value))
            }
            (Some(value), _) if is_within(self.read_at, now, BLOCKING_RELOAD_AGE) => {
                SecretStep::Reload(Arc::clone(value))
            }
            (None, Some(error)) if is_too_early => SecretStep::Fail(error.clone()),
            _ => SecretStep::Read,
        }
    }

    /// Returns the value, unless it is too old.
    fn usable(&self, now: Timestamp) -> Option<&Arc<str>> {
        let is_usable = is_within(self.read_at, now, MAX_SECRET_AGE);
        self.value.as_ref().filter(|_| is_usable)
    }

    /// Records a read. After a failure, the last value stays in use until it is too old.
    fn record_read(&mut self, result: &Result<Arc<str>, SecretError>, now: Timestamp) {
        self.tried_at = Some(now);
        match result {
            Ok(value) => {
                self.value = Some(Arc::clone(value));
                self.read_at = Some(now);
                self.error = None;
            }
            Err(error) => self.error = Some(error.clone()),
        }
    }
}

fn is_within(instant: Option<Timestamp>, now: Timestamp, duration: SignedDuration) -> bool {
    instant.is_some_and(|instant| now.duration_since(instant).abs() < duration)
}

/// Omits the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secret").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_reloaded_after_5_minutes_and_retried_after_10_seconds() {
        let at = |seconds: i64| Timestamp::from_second(1_795_348_800 + seconds).unwrap();
        let state = |read, tried| SecretState {
            value: Some("s".into()),
            read_at: Some(at(read)),
            tried_at: Some(at(tried)),
            error: None,
        };
        assert!(matches!(state(0, 0).step(at(299)), SecretStep::Use(_)));
        assert!(matches!(state(0, 0).step(at(300)), SecretStep::Reload(_)));
        assert!(matches!(state(0, 300).step(at(309)), SecretStep::Use(_)));
        assert!(matches!(state(0, 300).step(at(310)), SecretStep::Reload(_)));
        assert!(matches!(state(0, 0).step(at(3_599)), SecretStep::Reload(_)));
        assert!(matches!(state(0, 0).step(at(3_600)), SecretStep::Read));
        assert!(matches!(
            state(0, 3_600).step(at(3_609)),
            SecretStep::Use(_)
        ));
        assert!(matches!(
            state(0, 86_395).step(at(86_400)),
            SecretStep::Read
        ));

        let error = SecretError {
            reference: "ssm:/x".to_owned(),
            problem: "down".to_owned(),
            is_transient: true,
        };
        let failed = SecretState {
            tried_at: Some(at(0)),
            error: Some(error),
            ..SecretState::default()
        };
        assert!(matches!(failed.step(at(9)), SecretStep::Fail(_)));
        assert!(matches!(failed.step(at(10)), SecretStep::Read));
        assert!(matches!(
            SecretState::default().step(at(0)),
            SecretStep::Read
        ));
    }
}
