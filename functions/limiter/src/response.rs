//! Successful responses: JSON and CSV, and the `ETag` of what they show.

use std::future::{Future, ready};

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use registry::{AdminError, NamedDocument, Put, Version, VersionedDocument};
use serde::Serialize;

use crate::problem::Problem;
use crate::request::managed_by::with_managed_by;
use crate::request::precondition;

/// Returns a JSON response.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Bodies consist of strings, numbers, and maps with string keys, so this cannot fail.
    json_bytes(status, serde_json::to_vec(body).unwrap_or_default())
}

/// Returns a response whose body is already JSON.
pub(crate) fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}

/// Returns a CSV response.
pub(crate) fn csv(body: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::OK, headers, body).into_response()
}

/// Returns a JSON response with the version of the document in `ETag`.
pub(crate) fn versioned(status: StatusCode, version: &Version, body: &impl Serialize) -> Response {
    with_entity_tag(json(status, body), version)
}

/// Returns the response to a PUT: 201 if it created the document, else 200.
pub(crate) fn put(put: &Put, body: &impl Serialize) -> Response {
    let status = if put.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let response = versioned(status, &put.version, body);
    with_managed_by(response, put.managed_by.as_ref())
}

/// Returns the response to a GET of a document: 304 if `If-None-Match` names its version.
///
/// # Errors
/// 404 if there is no such `resource`, the store's failure, or 400 if `If-None-Match` is invalid.
pub(crate) async fn document<T, B: Serialize>(
    headers: &HeaderMap,
    resource: &'static str,
    stored: impl Future<Output = Result<VersionedDocument<T>, AdminError>>,
    body: impl FnOnce(T) -> Result<B, Problem>,
) -> Result<Response, Problem> {
    let stored = stored
        .await
        .map_err(|error| Problem::of_read(error, resource))?;
    let body = body(stored.document)?;

    if precondition::is_known(headers, &stored.version)? {
        let response = StatusCode::NOT_MODIFIED.into_response();
        return Ok(with_entity_tag(response, &stored.version));
    }
    Ok(versioned(StatusCode::OK, &stored.version, &body))
}

/// Returns the response to a GET of a plan or a policy, as [`document`] does.
///
/// # Errors
/// As for [`document`].
pub(crate) async fn named_document<T, B: Serialize>(
    headers: &HeaderMap,
    resource: &'static str,
    stored: impl Future<Output = Result<NamedDocument<T>, AdminError>>,
    body: impl FnOnce(T) -> Result<B, Problem>,
) -> Result<Response, Problem> {
    let stored = stored
        .await
        .map_err(|error| Problem::of_read(error, resource))?;
    let managed_by = stored.managed_by.clone();

    let response = document(headers, resource, ready(Ok(stored.versioned())), body).await?;
    Ok(with_managed_by(response, managed_by.as_ref()))
}

/// Adds `ETag`.
pub(crate) fn with_entity_tag(mut response: Response, version: &Version) -> Response {
    let tag = HeaderValue::from_str(&entity_tag(version));
    let tag = tag.unwrap_or(HeaderValue::from_static("\"\""));
    response.headers_mut().insert(ETAG, tag);
    response
}

/// Returns a version in the form of an entity tag.
pub(crate) fn entity_tag(version: &Version) -> String {
    format!("\"{}\"", version.as_str())
}
