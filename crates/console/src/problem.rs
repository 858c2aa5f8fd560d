//! Errors as problem documents (RFC 9457), as the admin API has them.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use crate::documents::LocatedMistake;
use crate::response;

/// An error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    #[serde(serialize_with = "number")]
    status: StatusCode,
    title: String,
    detail: String,
    /// The mistakes in a document of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<LocatedMistake>,
}

impl Problem {
    /// Creates a problem with the usual phrase of its status as title.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// Creates a problem for an invalid request.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Creates a problem for a document with mistakes.
    pub(crate) fn invalid_document(detail: &str, errors: Vec<LocatedMistake>) -> Self {
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// Returns the text of the problem.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        // Serializing strings and a number cannot fail.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = response::whole(self.status, body);
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
