//! Request bodies: their size and type are checked, and they are read completely before anything
//! is done.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use serde_json::error::Category;

use crate::problem::{Mistake, Problem};

/// The largest JSON document, in bytes. A policy with inline signing keys is the largest one.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// The largest key file, in bytes. A Lambda event is not larger.
const MAX_FILE_BYTES: usize = 6 * 1024 * 1024;

/// The body of a request that contains JSON.
pub(crate) struct JsonBody(pub(crate) Bytes);

/// The body of a request that contains a key file.
pub(crate) struct CsvBody(pub(crate) Bytes);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_types = ["application/json", "application/merge-patch+json"];
        let (parts, body) = request.into_parts();
        let text = read(&parts.headers, body, media_types, MAX_DOCUMENT_BYTES).await?;
        Ok(Self(text))
    }
}

impl<S: Sync> FromRequest<S> for CsvBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_types = ["text/csv", "application/csv"];
        let (parts, body) = request.into_parts();
        let text = read(&parts.headers, body, media_types, MAX_FILE_BYTES).await?;
        Ok(Self(text))
    }
}

/// Reads a body of one of two media types.
///
/// # Errors
/// 413 if it is too large, 415 if it has another type or none.
async fn read(
    headers: &HeaderMap,
    body: Body,
    media_types: [&str; 2],
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let text = to_bytes(body, max_bytes).await.map_err(|_| {
        let detail = format!("The request body is larger than {max_bytes} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;

    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let media_type = content_type.and_then(|value| value.split(';').next());

    // A browser can send a body without a type to any site without asking that site first.
    let is_accepted = media_type.map_or(text.is_empty(), |name| {
        let name = name.trim();
        media_types
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    });
    if is_accepted {
        return Ok(text);
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("Expected a request body of type {}.", media_types[0]),
    ))
}

/// Parses JSON in which no object has a duplicate field: of two limits with the same name, the
/// higher one might win.
///
/// # Errors
/// 400 if the text is not JSON, 422 if it has a duplicate field.
pub(crate) fn parse(text: &[u8]) -> Result<Value, Problem> {
    strict_json::value(text).map_err(|error| match error.classify() {
        Category::Data => Problem::invalid_body(vec![Mistake::at("", error.to_string())]),
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            format!("The request body is not valid JSON: {error}."),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(text: &str) -> Value {
        serde_json::to_value(parse(text.as_bytes()).expect_err(text)).unwrap()
    }

    #[test]
    fn json_is_parsed_without_changes() {
        let text = r#"{"a":[1,-1,1.5,"x",null,true],"b":{"a":"\u00fc"}}"#;
        assert_eq!(
            parse(text.as_bytes()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn invalid_json_is_reported_with_its_position() {
        for text in ["", "{", r#"{"a":1} x"#, "\u{feff}{}", &"[".repeat(200)] {
            let problem = rejection(text);
            assert_eq!(problem["status"], 400, "{text}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("line 1 column"), "{problem}");
        }
    }

    #[test]
    fn duplicate_field_is_named() {
        let problem = rejection(r#"{"routes":{"GET /a":1,"GET /a":2}}"#);
        assert_eq!(problem["status"], 422);
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("`GET /a`"), "{problem}");
    }
}
