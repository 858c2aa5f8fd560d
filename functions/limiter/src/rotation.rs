//! Rotation: a new secret for the same key.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::ETAG;
use http::{HeaderMap, StatusCode, Uri};
use jiff::SignedDuration;
use serde::Deserialize;
use usage::{AdminError, KeyHash, Refusal};
use utoipa::ToSchema;

use crate::api::{Reads, Writes};
use crate::idempotency::Idempotency;
use crate::key_document::{Key, KeyWithSecret};
use crate::keys::WHAT;
use crate::problem::{Mistake, Problem, refused};
use crate::query::Query;
use crate::{Shared, accept, body, conditions, secret};

/// A day.
const DEFAULT_GRACE_S: u32 = 86_400;
/// Ninety days.
const LONGEST_GRACE_S: u32 = 7_776_000;

/// How to rotate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// How long the secret before works on, in seconds; a day where absent. 0 ends every earlier secret at once.
    #[schema(value_type = Option<u32>, maximum = 7_776_000)]
    grace_s: Option<u32>,
}

/// Gives a key a new secret
///
/// Id and usage stay. The answer shows the new secret, once. With an `Idempotency-Key` a repeated request is answered
/// the same for 24 hours.
#[utoipa::path(post, path = "/_tollgate/v1/keys/{key_id}/rotate", operation_id = "rotateKey", tag = "keys",
    params(("key_id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header, min_length = 16, max_length = 255)),
    request_body = Option<Rotation>,
    responses((status = 200, description = "Rotated", body = KeyWithSecret, headers(("ETag" = String))), Reads, Writes))]
pub(crate) async fn rotate(
    State(shared): State<Shared>,
    Path(key_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::JSON])?;
    Query::of(&uri, &[]).finish()?;
    let condition = conditions::condition(&headers)?;
    let text = body::json(&headers, sent).await?;
    let rotation: Rotation = body::read_or_default(&text)?;
    let grace_s = rotation.grace_s.unwrap_or(DEFAULT_GRACE_S);
    if grace_s > LONGEST_GRACE_S {
        let detail = format!("it is at most {LONGEST_GRACE_S}");
        return Err(Problem::mistakes(vec![Mistake::at("/grace_s", detail)]));
    }
    let idempotency = Idempotency::of(&headers, &format!("POST /keys/{key_id}/rotate"), &text)?;
    if let Some(answer) = replayed(&shared, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let (admin, now, key) = (shared.admin(), shared.now(), secret::new_key()?);
    let hash = KeyHash::of(&key).map_err(|error| Problem::failure(&error))?;
    let end = now + SignedDuration::from_secs(grace_s.into());
    // The answer is kept with the rotation, so it is made before it.
    let before = admin.key(&key_id).await.map_err(|error| refused(error, WHAT))?;
    let mut shown = Key::of(before.document, now);
    shown.rotated(grace_s, end);
    let answer = serde_json::to_vec(&KeyWithSecret { key, shown }).map_err(|error| Problem::failure(&error))?;
    let once = idempotency.as_ref().map(|idempotency| idempotency.once(&answer)).transpose()?;
    match admin.rotate_key(&key_id, &hash, end, &condition, once.as_ref(), now).await {
        Ok(rotated) => {
            let mut response = conditions::json_bytes(StatusCode::OK, answer);
            response.headers_mut().insert(ETAG, conditions::tag(&rotated.version));
            Ok(response)
        }
        Err(AdminError::Refused(Refusal::Repeated)) => {
            replayed(&shared, idempotency.as_ref()).await?.ok_or_else(|| refused(Refusal::Repeated.into(), WHAT))
        }
        Err(error) => Err(refused(error, WHAT)),
    }
}

async fn replayed(shared: &Shared, idempotency: Option<&Idempotency>) -> Result<Option<Response>, Problem> {
    let replayed = crate::keys::replayed(shared, idempotency).await?;
    Ok(replayed.map(|mut response| {
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().remove(http::header::LOCATION);
        response
    }))
}
