//! Checks of the responses of services.

use bytes::Bytes;
use composition::{Missing, check_json};
use http::header::{AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::part_call::PartBody;

/// The longest body of a part, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 2_000_000;
const NULL: &[u8] = b"null";

/// Returns the JSON of a response.
///
/// # Errors
/// `Status` if the status is not 200 to 205. `InvalidResponse` if the body is not JSON in UTF-8, or is
/// encoded.
pub(crate) fn part_body(response: Response<Bytes>) -> Result<PartBody, Missing> {
    let (head, body) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Missing::InvalidResponse);
    }
    if !is_complete(head.status) {
        return Err(Missing::Status(head.status.as_u16()));
    }

    Ok(PartBody {
        status: head.status.as_u16(),
        json: json(head.status, &head.headers, body)?,
        headers: caching_headers(&head.headers),
    })
}

/// True for a status whose content is all of the response: 200 to 205. A 206 is a part of the content,
/// or a composition that lacks a part. 207 and higher have formats of their own.
fn is_complete(status: StatusCode) -> bool {
    (200..=205).contains(&status.as_u16())
}

fn json(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Result<Bytes, Missing> {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
        return Ok(Bytes::from_static(NULL));
    }
    if !is_identity(headers) || !is_json_type(headers) {
        return Err(Missing::InvalidResponse);
    }

    let json = check_json(&body)?;
    Ok(body.slice_ref(json.as_bytes()))
}

/// True if the body is not compressed.
fn is_identity(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// True if the media type is JSON in UTF-8, or if there is none. A response without one is JSON if its
/// body is.
fn is_json_type(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().all(is_json)
}

/// True for `application/json` and for types that end in `+json` (RFC 6839), with the charset UTF-8
/// or without one.
fn is_json(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut fields = text.split(';').map(str::trim);
    let media_type = fields.next().unwrap_or_default().to_ascii_lowercase();

    let is_json = media_type == "application/json"
        || media_type
            .split_once('/')
            .is_some_and(|(_, subtype)| subtype.ends_with("+json"));
    is_json && fields.all(is_not_another_charset)
}

/// False for a parameter that names another charset than UTF-8.
fn is_not_another_charset(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return true;
    };
    let value = value.trim().trim_matches('"');

    !name.trim().eq_ignore_ascii_case("charset")
        || ["utf-8", "utf8"]
            .iter()
            .any(|known| value.eq_ignore_ascii_case(known))
}

/// Returns the headers that the caching of the merged response depends on.
fn caching_headers(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [CACHE_CONTROL, AGE, VARY] {
        for value in headers.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    kept
}
