//! Request bodies: bounded, of the type that the route takes, and read whole before anything is
//! done.

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use crate::problem::{Mistake, Problem};
use crate::schema::mistakes::Mistakes;
use crate::{api, schema};

/// A document of JSON. A policy with its issuers' keys inline is the largest.
const LARGEST_DOCUMENT: usize = 256 * 1024;
/// As much as an event of Lambda's holds.
pub(crate) const LARGEST_FILE: usize = 6 * 1024 * 1024;

/// The body of a request with JSON in it.
///
/// # Errors
/// 413, or 415 for another type or none.
pub(crate) async fn json(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    whole(
        headers,
        body,
        "application/json",
        "application/merge-patch+json",
        LARGEST_DOCUMENT,
    )
    .await
}

/// The body of a request with a file of keys in it.
///
/// # Errors
/// As [`json`].
pub(crate) async fn csv(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    whole(headers, body, "text/csv", "application/csv", LARGEST_FILE).await
}

async fn whole(
    headers: &HeaderMap,
    body: Body,
    media: &str,
    other: &str,
    largest: usize,
) -> Result<Bytes, Problem> {
    let text = to_bytes(body, largest).await.map_err(|_| {
        let detail = format!("The request's body has more than {largest} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let named = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let named = named.map(|value| value.split(';').next().unwrap_or_default().trim());
    // A body without a type is what a page in a browser can send anywhere without asking.
    let fits = named.map_or(text.is_empty(), |name| {
        name.eq_ignore_ascii_case(media) || name.eq_ignore_ascii_case(other)
    });
    if fits {
        return Ok(text);
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("This resource takes {media}."),
    ))
}

/// The JSON value of a body, in which no object has two fields of one name: of two plans or rates
/// of one name, the laxer might win.
///
/// # Errors
/// 400 if the text is not JSON, 422 for a duplicate field.
pub(crate) fn value(text: &[u8]) -> Result<Value, Problem> {
    strict_json::value(text).map_err(|error| match error.classify() {
        Category::Data => Problem::mistakes(vec![Mistake::at("", error.to_string())]),
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            format!("The request's body is not JSON: {error}."),
        ),
    })
}

/// The document that the description calls `name`. `check` finds what else is wrong with what is
/// left of it once the mistakes of its shape have been taken out.
///
/// # Errors
/// 400 for what is no JSON, 422 with every mistake.
pub(crate) fn read<T: DeserializeOwned>(
    text: &[u8],
    name: &str,
    check: impl FnOnce(&T, &Mistakes) -> Vec<Mistake>,
) -> Result<T, Problem> {
    let mut value = value(text)?;
    let mistakes = shape(&mut value, name);
    let Ok(document) = serde_json::from_value(value) else {
        return Err(mistakes.or_unreadable());
    };
    let found = check(&document, &mistakes);
    let found = mistakes.with(found);
    if found.is_empty() {
        Ok(document)
    } else {
        Err(Problem::mistakes(found))
    }
}

/// The same, where nothing at all stands for an empty document.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_or_empty<T: DeserializeOwned>(text: &[u8], name: &str) -> Result<T, Problem> {
    read(if text.is_empty() { b"{}" } else { text }, name, no_more)
}

/// A document whose shape says everything.
pub(crate) fn no_more<T>(_: &T, _: &Mistakes) -> Vec<Mistake> {
    Vec::new()
}

/// The mistakes in the shape of what the description calls `name`, which is left without them.
pub(crate) fn shape(value: &mut Value, name: &str) -> Mistakes {
    let description = api::description();
    schema::mistakes(
        value,
        &description["components"]["schemas"][name],
        description,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> serde_json::Value {
        serde_json::to_value(value(text.as_bytes()).expect_err(text)).unwrap()
    }

    #[test]
    fn json_is_read_as_it_stands() {
        let text = r#"{"a":[1,-1,1.5,"x",null,true],"b":{"a":"\u00fc"}}"#;
        assert_eq!(
            value(text.as_bytes()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        for text in ["", "{", r#"{"a":1} x"#, "\u{feff}{}", &"[".repeat(200)] {
            let problem = refused(text);
            assert_eq!(problem["status"], 400, "{text}");
            assert!(
                problem["detail"]
                    .as_str()
                    .unwrap()
                    .contains("line 1 column"),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_member_that_stands_twice_is_named() {
        let problem = refused(r#"{"routes":{"GET /a":1,"GET /a":2}}"#);
        assert_eq!(problem["status"], 422);
        assert!(
            problem["errors"][0]["detail"]
                .as_str()
                .unwrap()
                .starts_with("`GET /a` stands there twice")
        );
    }
}
