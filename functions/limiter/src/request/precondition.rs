//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1).

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use usage::{Condition, Put, Version};

use crate::problem::{Mistake, Problem};

/// What a write demands. `If-Match` goes before `If-None-Match`.
///
/// # Errors
/// 400 for what is no such header.
pub(crate) fn condition(headers: &HeaderMap) -> Result<Condition, Problem> {
    if let Some(tags) = tags(headers, &IF_MATCH)? {
        return Ok(tags.map_or(Condition::Present, Condition::Matches));
    }
    match tags(headers, &IF_NONE_MATCH)? {
        None => Ok(Condition::None),
        Some(None) => Ok(Condition::Absent),
        Some(Some(_)) => {
            let detail = "only `*` has a meaning for a request that changes something";
            Err(Problem::parameters(vec![Mistake::in_parameter(
                "If-None-Match",
                detail,
            )]))
        }
    }
}

/// An answer with a version, or 304 where the client has that very one.
///
/// # Errors
/// 400 for what is no `If-None-Match`.
pub(crate) fn unless_known(
    headers: &HeaderMap,
    version: &Version,
    body: &impl Serialize,
) -> Result<Response, Problem> {
    let known = tags(headers, &IF_NONE_MATCH)?
        .is_some_and(|tags| tags.is_none_or(|tags| tags.contains(version)));
    if known {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag(version))]).into_response());
    }
    Ok(versioned(StatusCode::OK, version, body))
}

/// An answer with the version of what it shows.
pub(crate) fn versioned(status: StatusCode, version: &Version, body: &impl Serialize) -> Response {
    let mut response = json(status, body);
    response.headers_mut().insert(ETAG, tag(version));
    response
}

/// The answer to a document that was put: 201 where there was none before.
pub(crate) fn put(put: &Put, body: &impl Serialize) -> Response {
    versioned(
        if put.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        },
        &put.version,
        body,
    )
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // What answers are made of serializes: texts, numbers, and maps with texts for names.
    json_bytes(status, serde_json::to_vec(body).unwrap_or_default())
}

pub(crate) fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}

pub(crate) fn tag(version: &Version) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", version.as_str()))
        .unwrap_or(HeaderValue::from_static("\"\""))
}

/// `None` without the header; the inner `None` is `*`. Weak tags are left out: they never match a
/// write.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Option<Vec<Version>>>, Problem> {
    let mut values = headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let refuse = || {
        let detail = "it is `*`, or a list of entity tags in quotes";
        Problem::parameters(vec![Mistake::in_parameter(name.as_str(), detail)])
    };
    let mut tags = Vec::new();
    for value in values {
        let text = value.to_str().map_err(|_| refuse())?.trim();
        if text == "*" {
            return Ok(Some(None));
        }
        for part in text.split(',').map(str::trim) {
            let (weak, part) = part
                .strip_prefix("W/")
                .map_or((false, part), |part| (true, part));
            let inside = part
                .strip_prefix('"')
                .and_then(|part| part.strip_suffix('"'))
                .ok_or_else(refuse)?;
            if inside.contains('"') {
                return Err(refuse());
            }
            tags.extend((!weak).then(|| Version::told(inside)));
        }
    }
    Ok(Some(Some(tags)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: HeaderName, value: &str) -> Option<Condition> {
        condition(&HeaderMap::from_iter([(
            name,
            HeaderValue::from_str(value).unwrap(),
        )]))
        .ok()
    }

    #[test]
    fn a_condition_is_a_star_or_a_list_of_strong_tags() {
        let tags = |tags: &[&str]| {
            Some(Condition::Matches(
                tags.iter().map(|tag| Version::told(tag)).collect(),
            ))
        };
        assert_eq!(of(IF_MATCH, "*"), Some(Condition::Present));
        assert_eq!(of(IF_MATCH, "\"a\""), tags(&["a"]));
        assert_eq!(of(IF_MATCH, "\"a\" , W/\"b\",\"c\""), tags(&["a", "c"]));
        assert_eq!(of(IF_NONE_MATCH, "*"), Some(Condition::Absent));
        assert_eq!(condition(&HeaderMap::new()).ok(), Some(Condition::None));
    }

    #[test]
    fn what_is_neither_is_a_mistake_and_not_a_condition_that_holds() {
        for value in ["", "a", "\"a", "\"a\"b\"", "a,\"b\"", "\"a\","] {
            assert_eq!(of(IF_MATCH, value), None, "{value}");
        }
        assert_eq!(of(IF_NONE_MATCH, "\"a\""), None);
    }
}
