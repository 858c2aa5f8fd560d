//! The headers that a composition may pass to services, or read a version from.

use http::HeaderName;

use super::limits::{MAX_HEADERS, at_most};
use crate::error::{CompositionError, pointer_to};

/// Headers with credentials, headers that the composer sets, and headers of one connection.
const RESERVED: [&str; 34] = [
    "accept",
    "accept-encoding",
    "authorization",
    "baggage",
    "connection",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "range",
    "server",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    // The address of the client, as proxies name it.
    "cf-connecting-ip",
    "client-ip",
    "cloudfront-viewer-address",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
    // Another method than the one that the policy decided.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    // The proof of the front, and the id that the composer sets.
    "x-origin-verify",
    "x-request-id",
];
const RESERVED_PREFIXES: [&str; 9] = [
    "content-",
    "if-",
    "proxy-",
    "sec-websocket-",
    "x-amz",
    "x-forwarded",
    "x-original-",
    "x-rewrite-",
    outcome::BACKEND_HEADER_PREFIX,
];

/// Checks the headers of a route.
///
/// # Errors
/// [`CompositionError`] for the first header that is not allowed.
pub(super) fn check_headers(
    names: &[String],
    pointer: &str,
    key_header: &str,
) -> Result<Vec<HeaderName>, CompositionError> {
    at_most(names.len(), MAX_HEADERS, "headers", || pointer.to_owned())?;

    let mut headers = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let place = || pointer_to(pointer, index.to_string());
        let header = check_header(name, key_header)
            .map_err(|problem| CompositionError::new(place(), problem))?;
        if headers.contains(&header) {
            let problem = format!("duplicate header `{header}`");
            return Err(CompositionError::new(place(), problem));
        }
        headers.push(header);
    }
    Ok(headers)
}

/// Returns the header with a name.
///
/// # Errors
/// The problem, and what was expected.
pub(super) fn check_header(name: &str, key_header: &str) -> Result<HeaderName, String> {
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err("invalid name of a header, expected one such as accept-language".to_owned());
    };
    // Some services read `_` in the name of a header as `-`.
    let read = header.as_str().replace('_', "-");
    let has_prefix = |prefix: &&str| read.starts_with(prefix);
    let is_reserved = RESERVED.contains(&read.as_str())
        || RESERVED_PREFIXES.iter().any(has_prefix)
        || read == key_header.to_ascii_lowercase().replace('_', "-");

    if is_reserved {
        Err(format!(
            "header `{header}` is not allowed, expected one without credentials, identity or a meaning to proxies"
        ))
    } else {
        Ok(header)
    }
}
