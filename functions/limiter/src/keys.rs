//! Keys.

pub(crate) mod document;
pub(crate) mod rotation;
pub(crate) mod secret;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{ETAG, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde::Serialize;
use usage::{AdminError, Condition, KeyHash, Refusal, UpdatedKey, Version};
use utoipa::ToSchema;

use crate::api::{Reads, Writes};
use crate::audit::changes::Changes;
use crate::audit::{Action, Administrator};
use crate::idempotency::{self, Idempotency, KeyAnswer};
use crate::keys::document::{Key, KeyChanges, KeyWithSecret, ListedKey, NewKey, mistakes};
use crate::problem::{Problem, change_refused, refused};
use crate::request::cursor::List;
use crate::request::query::Query;
use crate::{Shared, request::accept, request::body, request::precondition, request::show};

pub(crate) const WHAT: &str = "key";

/// Some of the keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// In an order that stays.
    items: Vec<ListedKey>,
    /// For the next page, where there is one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Keys of a plan, or all
///
/// A key that was made or moved a moment ago may be missing.
#[utoipa::path(get, path = "/_tollgate/v1/keys", operation_id = "listKeys", tag = "keys",
    params(("plan" = Option<String>, Query), ("limit" = Option<u64>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "Some of the keys", body = KeyList), Reads))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::JSON])?;
    let mut query = Query::of(&uri, &["plan", "limit", "cursor"]);
    let (plan, limit) = (query.nonempty("plan"), query.limit());
    let list = List::Keys(plan.as_deref());
    let after = query.cursor(list);
    query.finish()?;
    let page = shared
        .admin()
        .keys(plan.as_deref(), after.as_deref(), limit)
        .await;
    let page = page.map_err(|error| refused(error, WHAT))?;
    let now = shared.now();
    let items = page
        .items
        .into_iter()
        .map(|stored| ListedKey::of(stored, now))
        .collect();
    let next_cursor = page.next.map(|last| list.cursor(&last));
    Ok(precondition::json(
        StatusCode::OK,
        &KeyList { items, next_cursor },
    ))
}

/// Makes a key
///
/// The answer shows its secret, once. With an `Idempotency-Key` a repeated request is answered the
/// same for 24 hours.
#[utoipa::path(post, path = "/_tollgate/v1/keys", operation_id = "createKey", tag = "keys",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 22, max_length = 255,
            description = "Random: a UUID of version 4, at least 32 hexadecimal digits with a letter among them, or at least 22 characters of base64url with upper case, lower case and a digit among them")),
    request_body = NewKey,
    responses((status = 201, description = "Made", body = KeyWithSecret,
        headers(("ETag" = String), ("Location" = String))), Reads, Writes))]
pub(crate) async fn create(
    State(shared): State<Shared>,
    administrator: Administrator,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::json_alone(&uri, &headers)?;
    if !precondition::condition(&headers)?.holds(None) {
        return Err(refused(Refusal::Precondition.into(), WHAT));
    }
    let text = body::json(&headers, sent).await?;
    let (admin, now) = (shared.admin(), shared.now());
    let new: NewKey = body::read(&text, "NewKey", |new: &NewKey, _| new.mistakes(now))?;
    let idempotency = Idempotency::of_secret(&headers, "POST /keys", &text)?;
    if let Some(answer) = replayed(&shared, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let (key, record) = (secret::new_key()?, new.record(secret::new_key_id()?, now));
    let hash = KeyHash::of(&key).map_err(|error| Problem::failure(&error))?;
    let answer = KeyAnswer {
        key,
        now,
        idempotency: idempotency.as_ref(),
    };
    let change = administrator.begins(Action::CreateKey, &record.key.key_id);
    match admin.create_key(&hash, &record, &answer, now).await {
        Ok(version) => {
            change.made(&Changes::of_key(None, Some(&record)));
            let body = answer
                .body(&record)
                .map_err(|error| Problem::failure(&error))?;
            Ok(created(&record.key.key_id, Some(&version), body))
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

/// The answer of the first request with the same `Idempotency-Key`.
pub(crate) async fn replayed(
    shared: &Shared,
    idempotency: Option<&Idempotency>,
) -> Result<Option<Response>, Problem> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let Some((answer, version)) = idempotency.replay(&shared.admin(), shared.now()).await? else {
        return Ok(None);
    };
    let shown: serde_json::Value =
        serde_json::from_slice(&answer).map_err(|error| Problem::failure(&error))?;
    let mut response = created(
        shown["key_id"].as_str().unwrap_or_default(),
        version.as_ref(),
        answer,
    );
    idempotency::mark_replayed(&mut response);
    Ok(Some(response))
}

fn created(key_id: &str, version: Option<&Version>, answer: Vec<u8>) -> Response {
    let mut response = precondition::json_bytes(StatusCode::CREATED, answer);
    if let Ok(location) = HeaderValue::from_str(&format!("/_tollgate/v1/keys/{key_id}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    if let Some(version) = version {
        response
            .headers_mut()
            .insert(ETAG, precondition::tag(version));
    }
    response
}

/// A key
#[utoipa::path(get, path = "/_tollgate/v1/keys/{key_id}", operation_id = "getKey", tag = "keys",
    params(("key_id" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The key", body = Key, headers(("ETag" = String))),
        (status = 304, description = "The client has it"), Reads))]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(key_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let body = |record| Ok(Key::of(record, shared.now()));
    show::one(&uri, &headers, WHAT, shared.admin().key(&key_id), body).await
}

/// Changes a key, with all of its secrets
///
/// Every instance of the authorizer knows within 30 seconds.
#[utoipa::path(patch, path = "/_tollgate/v1/keys/{key_id}", operation_id = "updateKey", tag = "keys",
    params(("key_id" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = KeyChanges,
    responses((status = 200, description = "Changed", body = Key, headers(("ETag" = String))), Reads, Writes))]
pub(crate) async fn update(
    State(shared): State<Shared>,
    administrator: Administrator,
    Path(key_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::json_alone(&uri, &headers)?;
    let condition = precondition::condition(&headers)?;
    let text: Bytes = body::json(&headers, sent).await?;
    let (admin, now) = (shared.admin(), shared.now());
    let patch = body::read(&text, "KeyChanges", |changes: &KeyChanges, _| {
        changes.mistakes(now)
    })?
    .patch();
    let before = admin
        .key(&key_id)
        .await
        .map_err(|error| refused(error, WHAT))?;
    let wrong = mistakes(&before.document.patched(&patch));
    if !wrong.is_empty() {
        return Err(Problem::mistakes(wrong));
    }
    let change = administrator.begins(Action::UpdateKey, &key_id);
    let UpdatedKey { before, after } =
        match admin.update_key(&key_id, &patch, &condition, now).await {
            Ok(updated) => updated,
            Err(error) => return Err(change.failed(change_refused(error, WHAT))),
        };
    change.made(&Changes::of_key(Some(&before), Some(&after.document)));
    Ok(precondition::versioned(
        StatusCode::OK,
        &after.version,
        &Key::of(after.document, now),
    ))
}

/// Takes a key away, with all of its secrets
#[utoipa::path(delete, path = "/_tollgate/v1/keys/{key_id}", operation_id = "deleteKey", tag = "keys",
    params(("key_id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "It is gone"), Reads, Writes))]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    administrator: Administrator,
    Path(key_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::of(&uri, &[]).finish()?;
    let condition: Condition = precondition::condition(&headers)?;
    let change = administrator.begins(Action::DeleteKey, &key_id);
    match shared
        .admin()
        .delete_key(&key_id, &condition, shared.now())
        .await
    {
        Ok(before) => change.made(&Changes::of_key(Some(&before), None)),
        Err(error) => return Err(change.failed(change_refused(error, WHAT))),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
