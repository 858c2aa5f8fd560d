//! Rotation: a new secret for a key.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use jiff::SignedDuration;
use registry::{AdminError, Refusal, Version};
use serde::Deserialize;
use utoipa::ToSchema;

use super::RESOURCE;
use super::key::KeyWithSecret;
use super::secret_response::{SecretResponse, replay, replay_winner};
use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::idempotency::Idempotency;
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::request::document::{Document, RequestDocument};
use crate::request::precondition::Precondition;
use crate::response;

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
}

impl RequestDocument for Rotation {
    const SCHEMA: &'static str = "Rotation";
    const IS_OPTIONAL: bool = true;
}

/// Rotate a key
///
/// Gives the key a new secret. Its id and its usage stay the same. The response contains the
/// secret, which is not shown again. With an `Idempotency-Key`, a repeated request gets the same
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

    let response = SecretResponse::new(request.now, idempotency.as_ref())?;
    let grace_s = document.value.grace_s.unwrap_or(DEFAULT_GRACE_S);
    let end = request.now + SignedDuration::from_secs(grace_s.into());

    let change = request.begin(Action::RotateKey, &key_id);
    let admin = request.admin();
    match admin
        .rotate_key(
            &key_id,
            &response.new_secret(),
            end,
            &condition,
            &response,
            request.now,
        )
        .await
    {
        Ok(key) => {
            change.complete(&Changes::secret("/secret").with("/grace_s", grace_s));
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
