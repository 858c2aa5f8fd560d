//! Responses, with the headers that protect every page.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, Response, StatusCode};
use serde::Serialize;

use crate::problem::Problem;

const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// Returns a response with a body in memory. Nothing may store it.
pub(crate) fn whole(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;

    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        SAME_ORIGIN,
    );
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        SAME_ORIGIN,
    );
    response
}

/// Returns a JSON document.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(document) {
        Ok(body) => {
            let mut response = whole(status, body);
            let value = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, value);
            response
        }
        Err(error) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
    }
}

/// Returns a redirection to a path of the same host.
pub(crate) fn redirect(path: &str) -> Response<Bytes> {
    let mut response = whole(StatusCode::PERMANENT_REDIRECT, Bytes::new());
    if let Ok(value) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}
