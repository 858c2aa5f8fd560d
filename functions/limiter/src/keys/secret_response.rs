//! The response with a new secret, to the creation and to the rotation of a key.

use axum::response::Response;
use jiff::Timestamp;
use registry::{
    AdminError, Keep, KeyHash, KeyRecord, NewSecret, Once, Refusal, Version, VersionedDocument,
};

use super::RESOURCE;
use super::key::{Key, KeyWithSecret};
use super::secret::new_secret;
use crate::idempotency::{self, Idempotency};
use crate::problem::Problem;
use crate::request::AdminRequest;

/// Builds the response with a new secret. If the request has an `Idempotency-Key`, the store keeps
/// the response together with the change.
pub(super) struct SecretResponse<'r> {
    /// `None` if only the hash of the secret is known.
    secret: Option<String>,
    /// The hash of the secret.
    pub(super) hash: KeyHash,
    /// The last four characters of the secret.
    pub(super) hint: Option<String>,
    now: Timestamp,
    idempotency: Option<&'r Idempotency>,
}

impl<'r> SecretResponse<'r> {
    /// Creates a secret with this prefix, unless the request has the hash of one.
    ///
    /// # Errors
    /// 500 if the random number generator fails.
    pub(super) fn new(
        hash: Option<KeyHash>,
        prefix: Option<&str>,
        now: Timestamp,
        idempotency: Option<&'r Idempotency>,
    ) -> Result<Self, Problem> {
        let (secret, hash) = match hash {
            Some(hash) => (None, hash),
            None => {
                let secret = new_secret(prefix)?;
                let hash = KeyHash::of(&secret).map_err(|error| Problem::fault(&error))?;
                (Some(secret), hash)
            }
        };

        Ok(Self {
            hint: secret.as_deref().and_then(registry::hint),
            secret,
            hash,
            now,
            idempotency,
        })
    }

    /// Returns the secret for a rotation.
    pub(super) fn new_secret(&self) -> NewSecret {
        NewSecret {
            hint: self.hint.clone(),
            ..NewSecret::from(self.hash)
        }
    }

    /// Returns the body for a key.
    ///
    /// # Errors
    /// 500 if it cannot be serialized.
    pub(super) fn body(&self, record: &KeyRecord) -> Result<Vec<u8>, Problem> {
        self.json(record).map_err(|error| Problem::fault(&error))
    }

    fn json(&self, record: &KeyRecord) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&KeyWithSecret {
            key: self.secret.clone(),
            shown: Key::of(record.clone(), self.now),
        })
    }
}

impl Keep for SecretResponse<'_> {
    fn keep(&self, stored: &VersionedDocument<KeyRecord>) -> Result<Option<Once>, AdminError> {
        let Some(idempotency) = self.idempotency else {
            return Ok(None);
        };

        let body = self
            .json(&stored.document)
            .map_err(|_| AdminError::Unsealed)?;
        idempotency
            .seal(&body, &stored.version, self.now)
            .map(Some)
            .ok_or(AdminError::Unsealed)
    }
}

/// Builds a response from its body and the version of what it shows.
pub(super) type Respond = fn(Vec<u8>, Option<&Version>) -> Result<Response, Problem>;

/// Returns the response to an earlier request with the same `Idempotency-Key`, if there was one.
///
/// # Errors
/// 422 if the earlier request was a different one, or the store's failure.
pub(super) async fn replay(
    request: &AdminRequest,
    idempotency: Option<&Idempotency>,
    respond: Respond,
) -> Result<Option<Response>, Problem> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let stored = idempotency.replay(&request.admin(), request.now).await?;
    let Some(stored) = stored else {
        return Ok(None);
    };

    let mut response = respond(stored.body, stored.version.as_ref())?;
    idempotency::mark_as_replayed(&mut response);
    Ok(Some(response))
}

/// Returns the response to a request with the same `Idempotency-Key` that won a race.
///
/// # Errors
/// 409 if that request is still being processed.
pub(super) async fn replay_winner(
    request: &AdminRequest,
    idempotency: Option<&Idempotency>,
    respond: Respond,
) -> Result<Response, Problem> {
    replay(request, idempotency, respond)
        .await?
        .ok_or_else(|| Problem::of_read(Refusal::Repeated.into(), RESOURCE))
}
