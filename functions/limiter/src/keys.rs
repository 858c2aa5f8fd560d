//! API keys: list, create, get, update and delete.

pub(crate) mod bulk;
pub(crate) mod hashes;
pub(crate) mod lookup;
pub(crate) mod put;
pub(crate) mod rotation;
pub(crate) mod secret;

mod hash;
mod key;
mod key_changes;
mod key_put;
mod networks;
mod new_key;
mod secret_response;

use std::future::ready;
use std::time::Duration;

use axum::extract::{FromRequest as _, Path, Request};
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use limits::Caller;
use registry::{
    AdminError, KeyFilter, KeyRecord, Page, Refusal, UpdatedKey, Version, VersionedDocument,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::idempotency::Idempotency;
use crate::key_search::{self, KeySearch, MAX_PAGE_READS, METADATA};
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::cursor::List;
use crate::request::document::Document;
use crate::request::precondition::Precondition;
use crate::request::query::{Parameters, QueryParameters};
use crate::response;

use key::{Key, KeyWithSecret, ListedKey};
use key_changes::KeyChanges;
use new_key::NewKey;
use secret_response::{SecretResponse, replay, replay_winner};

pub(crate) const RESOURCE: &str = "key";

/// One page of keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The keys, in a stable order.
    items: Vec<ListedKey>,
    /// The `cursor` of the next page, or null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The query of a list of keys.
pub(crate) struct KeyListQuery {
    filter: KeyFilter,
    limit: usize,
    after: Option<String>,
}

impl QueryParameters for KeyListQuery {
    const NAMES: &'static [&'static str] = &[
        "plan",
        "name",
        "subject",
        "group",
        "enabled",
        "unused_since",
        METADATA,
        "limit",
        "cursor",
    ];

    fn read(parameters: &mut Parameters) -> Self {
        let filter = KeyFilter {
            plan: parameters.nonempty("plan"),
            name: parameters.nonempty("name"),
            subject: parameters.nonempty("subject"),
            group: parameters.nonempty("group"),
            enabled: parameters.choice("enabled"),
            unused_since: parameters.day("unused_since"),
            metadata: parameters.entries(METADATA),
        };
        Self {
            limit: parameters.limit(),
            after: parameters.cursor(List::of_keys(&filter)),
            filter,
        }
    }
}

/// The time after which a search ends its page. A response times out after 25 s.
const SEARCH_TIME: Duration = Duration::from_secs(10);

/// List keys
///
/// Lists all keys, or those that meet every condition of the query. A key that was created or moved
/// a moment ago may be missing. With a condition other than `plan`, a page reads at most 1,000
/// items. It may then have fewer items than `limit`, or none, although there is a `next_cursor`.
#[utoipa::path(get, path = "/_tollgate/v1/keys", operation_id = "listKeys", tag = "keys",
    params(("plan" = Option<String>, Query, description = "The plan of the keys"),
        ("name" = Option<String>, Query, description = "A part of the name, in upper or lower case"),
        ("subject" = Option<String>, Query, description = "The subject of the keys"),
        ("group" = Option<String>, Query, description = "The group of the keys"),
        ("enabled" = Option<bool>, Query, description = "Enabled or disabled keys"),
        ("unused_since" = Option<String>, Query, format = Date,
            description = "Keys without a call on this day or later that were created before it. At most 366 days ago"),
        ("metadata.NAME" = Option<String>, Query,
            description = "The value of the metadata entry `NAME`. May be repeated with other names"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "One page of keys", body = KeyList), Reads))]
pub(crate) async fn list(request: AdminRequest<KeyListQuery>) -> Result<Response, Problem> {
    let KeyListQuery {
        filter,
        limit,
        after,
    } = &request.query;
    let mistakes = key_search::parameter_mistakes(filter, request.now);
    if !mistakes.is_empty() {
        return Err(Problem::invalid_parameters(mistakes));
    }

    let page = if filter.is_plan_only() {
        let (admin, plan) = (request.admin(), filter.plan.as_deref());
        admin
            .keys(plan, after.as_deref(), *limit)
            .await
            .map_err(|error| Problem::of_read(error, RESOURCE))?
    } else {
        search(&request, filter, after.clone(), *limit).await?
    };

    let items = page.items.into_iter();
    let items = items.map(|stored| ListedKey::of(stored, request.now));
    let body = KeyList {
        items: items.collect(),
        next_cursor: page.next.map(|last| List::of_keys(filter).cursor(&last)),
    };
    Ok(response::json(StatusCode::OK, &body))
}

async fn search(
    request: &AdminRequest<KeyListQuery>,
    filter: &KeyFilter,
    after: Option<String>,
    limit: usize,
) -> Result<Page<VersionedDocument<KeyRecord>>, Problem> {
    let (shared, now) = (&request.shared, request.now);
    let mut search = KeySearch::new(shared, filter, now, MAX_PAGE_READS, SEARCH_TIME);

    let found = search.page(after, limit).await?;
    let items = found.keys.into_iter().map(|key| key.stored);
    Ok(Page {
        items: items.collect(),
        next: found.next,
    })
}

/// Create a key
///
/// The response contains the secret, which is not shown again, unless the request has a `hash`. With an `Idempotency-Key`, a
/// repeated request gets the same response for 24 hours.
#[utoipa::path(post, path = "/_tollgate/v1/keys", operation_id = "createKey", tag = "keys",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 22, max_length = 255,
        description = "Random: a UUID of version 4, at least 32 hexadecimal digits that include a letter, or at least 22 characters of base64url that include upper case, lower case and a digit")),
    request_body = NewKey,
    responses((status = 201, description = "The key was created", body = KeyWithSecret,
        headers(("ETag" = String), ("Location" = String))), Reads, Writes))]
pub(crate) async fn create(
    request: AdminRequest,
    Precondition(condition): Precondition,
    sent: Request,
) -> Result<Response, Problem> {
    if !condition.holds(None) {
        return Err(Problem::of_read(Refusal::Precondition.into(), RESOURCE));
    }
    let Document { value: new, text } =
        Document::<NewKey>::from_request(sent, &request.shared).await?;

    let idempotency = Idempotency::of_secret_request(&request.headers, "POST /keys", &text)?;
    if let Some(response) = replay(&request, idempotency.as_ref(), created).await? {
        return Ok(response);
    }

    let hash = new.hash()?;
    let mut record = new.record(secret::new_key_id()?, request.now)?;
    let prefix = record.prefix.as_deref();
    let response = SecretResponse::new(hash, prefix, request.now, idempotency.as_ref())?;
    record.hint.clone_from(&response.hint);

    let change = request.begin(Action::CreateKey, &record.key.key_id);
    let admin = request.admin().audited(&change);
    let made = admin
        .create_key(&response.hash, &record, &response, request.now)
        .await;
    match made {
        Ok(version) => {
            change.complete(&Changes::of_key(None, Some(&record)));
            created(response.body(&record)?, Some(&version))
        }
        Err(AdminError::Refused(Refusal::Repeated)) => {
            change.discard();
            replay_winner(&request, idempotency.as_ref(), created).await
        }
        Err(error) => Err(change.fail(Problem::of_write(error, RESOURCE))),
    }
}

/// Returns the response with a created key.
fn created(body: Vec<u8>, version: Option<&Version>) -> Result<Response, Problem> {
    let shown: serde_json::Value =
        serde_json::from_slice(&body).map_err(|error| Problem::fault(&error))?;
    let key_id = shown["key_id"].as_str().unwrap_or_default();
    let location = format!("/_tollgate/v1/keys/{key_id}");

    let mut response = response::json_bytes(StatusCode::CREATED, body);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(match version {
        Some(version) => response::with_entity_tag(response, version),
        None => response,
    })
}

/// Get a key
///
/// `last_used_on` is the last day with an allowed call, in the time zone of the plan. It is not a
/// part of the version in `ETag`. If the usage cannot be read, the response has
/// `last_use_unknown` instead.
#[utoipa::path(get, path = "/_tollgate/v1/keys/{key_id}", operation_id = "getKey", tag = "keys",
    params(("key_id" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The key", body = Key, headers(("ETag" = String))),
        (status = 304, description = "The key has the version in If-None-Match"), Reads))]
pub(crate) async fn get(
    request: AdminRequest,
    Path(key_id): Path<String>,
) -> Result<Response, Problem> {
    let stored = request
        .admin()
        .key(&key_id)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;
    let last_use = key_search::last_used(&request.shared, &stored.document, request.now).await;
    if let Err(error) = &last_use {
        tracing::warn!(
            key_id,
            error = telemetry::error_chain(error),
            "cannot read the last use of a key"
        );
    }

    let body = |record| Ok(Key::of(record, request.now).with_last_use(last_use.ok()));
    response::document(&request.headers, RESOURCE, ready(Ok(stored)), body).await
}

/// Update a key
///
/// Applies to all secrets of the key. Every instance of the authorizer uses the new values within
/// 30 seconds.
#[utoipa::path(patch, path = "/_tollgate/v1/keys/{key_id}", operation_id = "updateKey", tag = "keys",
    params(("key_id" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = KeyChanges,
    responses((status = 200, description = "The key was updated", body = Key, headers(("ETag" = String))), Reads, Writes))]
pub(crate) async fn update(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path(key_id): Path<String>,
    document: Document<KeyChanges>,
) -> Result<Response, Problem> {
    let patch = document.value.patch()?;
    let (admin, now) = (request.admin(), request.now);
    let before = admin
        .key(&key_id)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;
    let mistakes = mistakes(&before.document.patched(&patch));
    if !mistakes.is_empty() {
        return Err(Problem::invalid_body(mistakes));
    }

    let change = request.begin(Action::UpdateKey, &key_id);
    let admin = request.admin().audited(&change);
    let updated = admin.update_key(&key_id, &patch, &condition, now).await;
    let UpdatedKey { before, after } = match updated {
        Ok(updated) => updated,
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    };
    change.complete(&Changes::of_key(Some(&before), Some(&after.document)));

    let body = Key::of(after.document, now);
    Ok(response::versioned(StatusCode::OK, &after.version, &body))
}

/// Delete a key
///
/// All secrets of the key stop working.
#[utoipa::path(delete, path = "/_tollgate/v1/keys/{key_id}", operation_id = "deleteKey", tag = "keys",
    params(("key_id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "The key was deleted"), Reads, Writes))]
pub(crate) async fn delete(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path(key_id): Path<String>,
) -> Result<Response, Problem> {
    let change = request.begin(Action::DeleteKey, &key_id);
    let admin = request.admin().audited(&change);
    let deleted = admin.delete_key(&key_id, &condition, request.now).await;

    match deleted {
        Ok(before) => change.complete(&Changes::of_key(Some(&before), None)),
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    }

    retire(&request, key_id).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Lets the usage of a deleted key expire. The key is deleted already, so that a failure is only
/// logged: the usage then stays in the table.
async fn retire(request: &AdminRequest, key_id: String) {
    let caller = Caller::Key(key_id);

    if let Err(error) = request
        .shared
        .store
        .retire(&caller, request.deadline())
        .await
    {
        let caller = caller.to_string();
        tracing::warn!(
            caller,
            "the usage of a deleted key does not expire: {error}"
        );
    }
}

/// Returns the mistakes in a key, by JSON pointer.
fn mistakes(record: &KeyRecord) -> Vec<Mistake> {
    let mistakes = record.mistakes().into_iter();
    mistakes
        .map(|(field, detail)| Mistake::at(format!("/{field}"), detail))
        .collect()
}
