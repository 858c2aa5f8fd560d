//! Rotation: a new secret for a key.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use registry::{AdminError, ApiKey, KeyRecord, NewSecret, Refusal, Version};
use serde::Deserialize;
use utoipa::ToSchema;

use super::key::KeyWithSecret;
use super::secret_response::{SecretResponse, replay, replay_winner};
use super::{RESOURCE, hash};
use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::idempotency::Idempotency;
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::document::{Document, RequestDocument};
use crate::request::precondition::Precondition;
use crate::response;
use crate::schema::mistakes::Mistakes;

/// One day.
const DEFAULT_GRACE_S: u32 = 86_400;

/// The rotation of a key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The time for which the previous secret continues to work, in seconds: at most 90 days.
    /// Default: one day. 0 revokes all earlier secrets at once.
    #[schema(value_type = u32, required = false, maximum = 7_776_000)]
    grace_s: Option<u32>,
    /// The prefix of the new secret, and of those after it. Default: the prefix of the key.
    #[schema(pattern = "^[A-Za-z0-9_]{0,31}_$", example = "acme_live_")]
    prefix: Option<String>,
    /// The SHA-256 of the new secret, as 64 hexadecimal digits. Without it, the response has a
    /// generated secret.
    #[schema(pattern = "^[0-9A-Fa-f]{64}$")]
    hash: Option<String>,
}

impl RequestDocument for Rotation {
    const SCHEMA: &'static str = "Rotation";
    const IS_OPTIONAL: bool = true;

    fn mistakes(&self, _: &Mistakes, now: Timestamp) -> Vec<Mistake> {
        let key = ApiKey::new("key".to_owned(), "plan".to_owned());
        let mut record = KeyRecord::new(key, now);
        record.prefix.clone_from(&self.prefix);
        let mut mistakes = super::mistakes(&record);
        mistakes.extend(self.hash.as_deref().and_then(hash::mistake));
        mistakes
    }
}

/// Rotate a key
///
/// Gives the key a new secret. Its id and its usage stay the same. The response contains the
/// secret, which is not shown again, unless the request has a `hash`. With an `Idempotency-Key`, a repeated request gets the same
/// response for 24 hours.
#[utoipa::path(post, path = "/_tollgate/v1/keys/{key_id}/rotate", operation_id = "rotateKey", tag = "keys",
    params(("key_id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header, min_length = 22, max_length = 255,
            description = "Random: a UUID of version 4, at least 32 hexadecimal digits that include a letter, or at least 22 characters of base64url that include upper case, lower case and a digit")),
    request_body = Option<Rotation>,
    responses((status = 200, description = "The key has a new secret", body = KeyWithSecret, headers(("ETag" = String))),
        Reads, Writes))]
pub(crate) async fn rotate(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path(key_id): Path<String>,
    document: Document<Rotation>,
) -> Result<Response, Problem> {
    let operation = format!("POST /keys/{key_id}/rotate");
    let idempotency = Idempotency::of_secret_request(&request.headers, &operation, &document.text)?;
    if let Some(response) = replay(&request, idempotency.as_ref(), rotated).await? {
        return Ok(response);
    }

    let stored = request.admin().key(&key_id).await;
    let stored = stored.map_err(|error| Problem::of_read(error, RESOURCE))?;
    let chosen = document.value.prefix;
    let prefix_before = stored.document.prefix;
    let prefix = chosen.clone().or(prefix_before.clone());
    let hash = document.value.hash.as_deref().map(hash::read).transpose()?;
    let response = SecretResponse::new(hash, prefix.as_deref(), request.now, idempotency.as_ref())?;
    let secret = NewSecret {
        prefix: chosen,
        ..response.new_secret()
    };
    let grace_s = document.value.grace_s.unwrap_or(DEFAULT_GRACE_S);
    let end = request.now + SignedDuration::from_secs(grace_s.into());

    let change = request.begin(Action::RotateKey, &key_id);
    let admin = request.admin().audited(&change);
    let rotation = admin
        .rotate_key(&key_id, &secret, end, &condition, &response, request.now)
        .await;
    match rotation {
        Ok(key) => {
            // Of the key before, another request may have changed the other fields.
            let mut before = key.document.clone();
            before.prefix = prefix_before;
            let changes = Changes::of_key(Some(&before), Some(&key.document));
            change.complete(&changes.with_secret(grace_s.into()));
            rotated(response.body(&key.document)?, Some(&key.version))
        }
        Err(AdminError::Refused(Refusal::Repeated)) => {
            change.discard();
            replay_winner(&request, idempotency.as_ref(), rotated).await
        }
        Err(error) => Err(change.fail(Problem::of_write(error, RESOURCE))),
    }
}

/// Returns the response with a rotated key.
fn rotated(body: Vec<u8>, version: Option<&Version>) -> Result<Response, Problem> {
    let response = response::json_bytes(StatusCode::OK, body);
    Ok(match version {
        Some(version) => response::with_entity_tag(response, version),
        None => response,
    })
}
