//! Request bodies: bounded, of the type that the route takes, and read whole before anything is done.

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::mistakes::Mistakes;
use crate::problem::{Mistake, Problem};
use crate::{api, shape, strict_json};

/// A document of JSON. A policy with its issuers' keys inline is the largest.
const LARGEST_DOCUMENT: usize = 256 * 1024;
/// As much as an event of Lambda's holds.
pub(crate) const LARGEST_FILE: usize = 6 * 1024 * 1024;

/// The body of a request with JSON in it.
///
/// # Errors
/// 413, or 415 for another type or none.
pub(crate) async fn json(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    whole(headers, body, "application/json", "application/merge-patch+json", LARGEST_DOCUMENT).await
}

/// The body of a request with a file of keys in it.
///
/// # Errors
/// As [`json`].
pub(crate) async fn csv(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    whole(headers, body, "text/csv", "application/csv", LARGEST_FILE).await
}

async fn whole(headers: &HeaderMap, body: Body, media: &str, other: &str, largest: usize) -> Result<Bytes, Problem> {
    let text = to_bytes(body, largest).await.map_err(|_| {
        let detail = format!("The request's body has more than {largest} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let named = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let named = named.map(|value| value.split(';').next().unwrap_or_default().trim());
    // A body without a type is what a page in a browser can send anywhere without asking.
    let fits =
        named.map_or(text.is_empty(), |name| name.eq_ignore_ascii_case(media) || name.eq_ignore_ascii_case(other));
    if fits {
        return Ok(text);
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("This resource takes {media}.")))
}

/// The document that the description calls `name`. `check` finds what else is wrong with what is left of it once the
/// mistakes of its shape have been taken out.
///
/// # Errors
/// 400 for what is no JSON, 422 with every mistake.
pub(crate) fn read<T: DeserializeOwned>(
    text: &[u8],
    name: &str,
    check: impl FnOnce(&T, &Mistakes) -> Vec<Mistake>,
) -> Result<T, Problem> {
    let mut value = strict_json::value(text)?;
    let mistakes = shape(&mut value, name);
    let Ok(document) = serde_json::from_value(value) else { return Err(mistakes.or_unreadable()) };
    let found = check(&document, &mistakes);
    let found = mistakes.with(found);
    if found.is_empty() { Ok(document) } else { Err(Problem::mistakes(found)) }
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
    shape::mistakes(value, &description["components"]["schemas"][name], description)
}
