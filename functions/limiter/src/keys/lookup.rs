//! Finds the key of a secret, for example of one that has leaked.

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use registry::{KeyHash, SecretState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::key::Key;
use super::{RESOURCE, hash};
use crate::error_responses::{Reads, Writes};
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::document::{Document, RequestDocument};
use crate::response;
use crate::schema::mistakes::Mistakes;

/// The secret to find. Its hash is sent, so that the secret stays where it was found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyLookup {
    /// The SHA-256 of the secret, as 64 hexadecimal digits.
    #[schema(pattern = "^[0-9A-Fa-f]{64}$")]
    hash: String,
}

/// The key of a secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundKey {
    #[serde(flatten)]
    key: Key,
    /// The state of the secret. The key itself may be disabled or expired.
    secret: SecretStateName,
}

/// The state of a secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SecretStateName {
    /// The present secret of the key.
    Present,
    /// A secret from before a rotation, whose grace period is not over.
    Earlier,
    /// A secret that no longer works.
    Ended,
}

impl RequestDocument for KeyLookup {
    const SCHEMA: &'static str = "KeyLookup";

    fn mistakes(&self, _: &Mistakes, _: Timestamp) -> Vec<Mistake> {
        hash::mistake(&self.hash).into_iter().collect()
    }
}

/// Find the key of a secret
///
/// Finds a key by the SHA-256 of its present secret, or of an earlier one. The secrets of deleted
/// keys are not found. Nothing is changed.
#[utoipa::path(post, path = "/_tollgate/v1/keys/lookup", operation_id = "lookUpKey", tag = "keys",
    request_body = KeyLookup,
    responses((status = 200, description = "The key", body = FoundKey, headers(("ETag" = String))), Reads, Writes))]
pub(crate) async fn look_up(
    request: AdminRequest,
    document: Document<KeyLookup>,
) -> Result<Response, Problem> {
    let hash: KeyHash = hash::read(&document.value.hash)?;
    let (stored, state) = request
        .admin()
        .key_of_secret(&hash, request.now)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;

    let body = FoundKey {
        key: Key::of(stored.document, request.now),
        secret: match state {
            SecretState::Present => SecretStateName::Present,
            SecretState::Earlier => SecretStateName::Earlier,
            SecretState::Ended => SecretStateName::Ended,
        },
    };
    Ok(response::versioned(StatusCode::OK, &stored.version, &body))
}
