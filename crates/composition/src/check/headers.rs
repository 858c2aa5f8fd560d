//! The headers that a composition may pass to services, or read a version from.

use http::HeaderName;
use outcome::{resembles_backend_header, with_dashes};

use super::limits::{MAX_HEADERS, at_most};
use crate::error::{CompositionError, pointer_to};

/// Headers with credentials, headers that the composer sets, and headers of one connection.
const RESERVED: [&str; 47] = [
    "accept",
    "accept-encoding",
    "authentication",
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
    // The address of the client, and its connection, as proxies name them.
    "cf-connecting-ip",
    "client-ip",
    "cloudfront-viewer-address",
    "fastly-client-ip",
    "front-end-https",
    "true-client-ip",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-real-ip",
    // The client, as proxies that authenticate it name it.
    "x-anonymous-consumer",
    "x-authorization",
    "x-csrf-token",
    "x-ms-token-aad-id-token",
    // Another method than the one that the policy decided. Frameworks also read `_method`.
    "-method",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-method",
    "x-method-override",
    // The trace of Zipkin.
    "b3",
    // The proof of the front, and the id that the composer sets.
    "x-origin-verify",
    "x-request-id",
];
const RESERVED_PREFIXES: [&str; 20] = [
    "if-",
    "proxy-",
    "remote-",
    "sec-websocket-",
    "ssl-client-",
    "x-amz",
    "x-auth-",
    "x-authenticated-",
    "x-b3-",
    "x-client-cert",
    "x-consumer-",
    "x-credential-",
    "x-envoy-",
    "x-forwarded",
    "x-goog-",
    "x-ms-client-principal",
    "x-original-",
    "x-remote-",
    "x-rewrite-",
    "x-ssl-",
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
    // Some services read all punctuation in the name of a header as `-`.
    let read = with_dashes(header.as_str());
    let has_prefix = |prefix: &&str| read.starts_with(prefix);
    let is_reserved = RESERVED.contains(&read.as_str())
        || RESERVED_PREFIXES.iter().any(has_prefix)
        || resembles_backend_header(header.as_str())
        || read == with_dashes(&key_header.to_ascii_lowercase());

    if read.starts_with("content-") {
        Err(format!(
            "header `{header}` is not allowed, expected one that does not describe a body (`post` parts always receive `content-type`)"
        ))
    } else if is_reserved {
        Err(format!(
            "header `{header}` is not allowed, expected one without credentials, identity or a meaning to proxies"
        ))
    } else {
        Ok(header)
    }
}
