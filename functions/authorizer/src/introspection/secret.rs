//! The values of the secrets that a policy refers to.
//!
//! What AWS keeps is read when the policy is loaded, and again every five minutes while the value
//! that is held is used, so that a rotated secret needs no deployment. Errors name the reference
//! and never the secret.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use policy::{SecretPlace, SecretReference};

use super::secret_reader::{SecretError, SecretReader};

/// From this age on, a secret is read again while the old value is used.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// Between two reads, whatever came of the first.
const COOL_DOWN: SignedDuration = SignedDuration::from_secs(10);

/// A secret of a policy.
pub(crate) struct Secret(Origin);

enum Origin {
    /// Written in the policy or read from the environment.
    Known(Arc<str>),
    /// Kept by AWS.
    Kept(Kept),
}

struct Kept {
    place: SecretPlace,
    held: Mutex<Held>,
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Held {
    value: Option<Arc<str>>,
    read: Option<Timestamp>,
    tried: Option<Timestamp>,
    error: Option<SecretError>,
}

/// What to do about a secret's age.
enum Step {
    Use(Arc<str>),
    Renew(Arc<str>),
    Read,
    Fail(SecretError),
}

impl Secret {
    /// The secret that a policy refers to. Nothing is read yet.
    pub(crate) fn new(reference: SecretReference) -> Self {
        match reference {
            SecretReference::Known(value) => Self(Origin::Known(value)),
            SecretReference::Kept(place) => Self(Origin::Kept(Kept {
                place,
                held: Mutex::default(),
                reading: tokio::sync::Mutex::default(),
            })),
        }
    }

    /// Reads the secret with the policy that names it. A reference that AWS refuses is an error of
    /// the policy; if AWS does not answer, that is logged, and the secret is read when it is
    /// needed.
    pub(crate) async fn load(
        self: &Arc<Self>,
        reader: &Arc<SecretReader>,
        now: Timestamp,
    ) -> Result<(), SecretError> {
        match self.value(reader, now).await {
            Err(error) if error.is_transient => {
                tracing::warn!(%error, "cannot read a secret of the policy yet");
                Ok(())
            }
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// The value to use at `now`.
    pub(crate) async fn value(
        self: &Arc<Self>,
        reader: &Arc<SecretReader>,
        now: Timestamp,
    ) -> Result<Arc<str>, SecretError> {
        let kept = match &self.0 {
            Origin::Known(value) => return Ok(Arc::clone(value)),
            Origin::Kept(kept) => kept,
        };
        let step = kept.held().step(now);
        match step {
            Step::Use(value) => Ok(value),
            Step::Renew(value) => {
                let (secret, reader) = (Arc::clone(self), Arc::clone(reader));
                tokio::spawn(async move { secret.reloaded(&reader, now).await });
                Ok(value)
            }
            Step::Read => Box::pin(kept.read(reader, now)).await,
            Step::Fail(error) => Err(error),
        }
    }

    /// Reads the secret again, because it is old or was refused. None if it was read a moment ago,
    /// cannot be read, or is not kept by AWS.
    pub(crate) async fn reloaded(&self, reader: &SecretReader, now: Timestamp) -> Option<Arc<str>> {
        let Origin::Kept(kept) = &self.0 else {
            return None;
        };
        if is_within(kept.held().tried, now, COOL_DOWN) {
            return None;
        }
        let read = Box::pin(kept.read(reader, now)).await;
        if let Err(error) = &read {
            tracing::warn!(%error, "cannot read a secret of the policy again; the last value stays in use");
        }
        read.ok()
    }
}

impl Kept {
    /// One read at a time; whoever waited looks first at what came of it.
    async fn read(&self, reader: &SecretReader, now: Timestamp) -> Result<Arc<str>, SecretError> {
        let _turn = self.reading.lock().await;
        if is_within(self.held().tried, now, COOL_DOWN) {
            match self.held().step(now) {
                Step::Use(value) | Step::Renew(value) => return Ok(value),
                Step::Fail(error) => return Err(error),
                Step::Read => {}
            }
        }

        let outcome = reader.read(&self.place).await.map(Arc::<str>::from);
        let mut held = self.held();
        held.tried = Some(now);
        match &outcome {
            Ok(value) => {
                (held.value, held.read, held.error) = (Some(Arc::clone(value)), Some(now), None)
            }
            Err(error) => held.error = Some(error.clone()),
        }
        drop(held);
        outcome
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn step(&self, now: Timestamp) -> Step {
        let cooling = is_within(self.tried, now, COOL_DOWN);
        match (&self.value, &self.error) {
            (Some(value), _) if cooling || is_within(self.read, now, RENEWED_AFTER) => {
                Step::Use(Arc::clone(value))
            }
            (Some(value), _) => Step::Renew(Arc::clone(value)),
            (None, Some(error)) if cooling => Step::Fail(error.clone()),
            (None, _) => Step::Read,
        }
    }
}

fn is_within(instant: Option<Timestamp>, now: Timestamp, duration: SignedDuration) -> bool {
    instant.is_some_and(|instant| now.duration_since(instant).abs() < duration)
}

/// Leaves out the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secret").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_used_then_renewed_and_a_failure_is_remembered_for_ten_seconds() {
        let at = |seconds: i64| Timestamp::from_second(1_795_348_800 + seconds).unwrap();
        let held = |read, tried| Held {
            value: Some("s".into()),
            read: Some(at(read)),
            tried: Some(at(tried)),
            error: None,
        };
        assert!(matches!(held(0, 0).step(at(299)), Step::Use(_)));
        assert!(matches!(held(0, 0).step(at(300)), Step::Renew(_)));
        assert!(matches!(held(0, 300).step(at(309)), Step::Use(_)));
        assert!(matches!(held(0, 300).step(at(310)), Step::Renew(_)));

        let error = SecretError {
            reference: "ssm:/x".to_owned(),
            problem: "down".to_owned(),
            is_transient: true,
        };
        let failed = Held {
            tried: Some(at(0)),
            error: Some(error),
            ..Held::default()
        };
        assert!(matches!(failed.step(at(9)), Step::Fail(_)));
        assert!(matches!(failed.step(at(10)), Step::Read));
        assert!(matches!(Held::default().step(at(0)), Step::Read));
    }
}
