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
use crate::audit::changes::Changes;
use crate::audit::{Action, Administrator};
use crate::idempotency::{Idempotency, KeyAnswer};
use crate::keys::WHAT;
use crate::keys::document::KeyWithSecret;
use crate::problem::{Problem, change_refused, refused};
use crate::{Shared, keys::secret, request::accept, request::body, request::precondition};

/// A day.
const DEFAULT_GRACE_S: u32 = 86_400;

/// How to rotate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// How long the secret before works on, in seconds, ninety days at most; a day where absent. 0
    /// ends every earlier secret at once.
    #[schema(value_type = u32, required = false, maximum = 7_776_000)]
    grace_s: Option<u32>,
}

/// Gives a key a new secret
///
/// Id and usage stay. The answer shows the new secret, once. With an `Idempotency-Key` a repeated
/// request is answered the same for 24 hours.
#[utoipa::path(post, path = "/_tollgate/v1/keys/{key_id}/rotate", operation_id = "rotateKey", tag = "keys",
    params(("key_id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header, min_length = 22, max_length = 255,
            description = "Random: a UUID of version 4, at least 32 hexadecimal digits with a letter among them, or at least 22 characters of base64url with upper case, lower case and a digit among them")),
    request_body = Option<Rotation>,
    responses((status = 200, description = "Rotated", body = KeyWithSecret, headers(("ETag" = String))), Reads, Writes))]
pub(crate) async fn rotate(
    State(shared): State<Shared>,
    administrator: Administrator,
    Path(key_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::json_alone(&uri, &headers)?;
    let condition = precondition::condition(&headers)?;
    let text = body::json(&headers, sent).await?;
    let rotation: Rotation = body::read_or_empty(&text, "Rotation")?;
    let grace_s = rotation.grace_s.unwrap_or(DEFAULT_GRACE_S);
    let idempotency =
        Idempotency::of_secret(&headers, &format!("POST /keys/{key_id}/rotate"), &text)?;
    if let Some(answer) = replayed(&shared, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let (admin, now, key) = (shared.admin(), shared.now(), secret::new_key()?);
    let hash = KeyHash::of(&key).map_err(|error| Problem::failure(&error))?;
    let end = now + SignedDuration::from_secs(grace_s.into());
    let answer = KeyAnswer {
        key,
        now,
        idempotency: idempotency.as_ref(),
    };
    let change = administrator.begins(Action::RotateKey, &key_id);
    match admin
        .rotate_key(&key_id, &hash, end, &condition, &answer, now)
        .await
    {
        Ok(rotated) => {
            change.made(&Changes::secret("/secret").with("/grace_s", grace_s));
            let body = answer
                .body(&rotated.document)
                .map_err(|error| Problem::failure(&error))?;
            let mut response = precondition::json_bytes(StatusCode::OK, body);
            response
                .headers_mut()
                .insert(ETAG, precondition::tag(&rotated.version));
            Ok(response)
        }
        Err(AdminError::Refused(Refusal::Repeated)) => {
            change.end();
            replayed(&shared, idempotency.as_ref())
                .await?
                .ok_or_else(|| refused(Refusal::Repeated.into(), WHAT))
        }
        Err(error) => Err(change.failed(change_refused(error, WHAT))),
    }
}

async fn replayed(
    shared: &Shared,
    idempotency: Option<&Idempotency>,
) -> Result<Option<Response>, Problem> {
    let replayed = crate::keys::replayed(shared, idempotency).await?;
    Ok(replayed.map(|mut response| {
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().remove(http::header::LOCATION);
        response
    }))
}
