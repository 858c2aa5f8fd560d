//! The headers that services receive. Nothing else of the client reaches them.

use std::sync::LazyLock;

use composition::Route;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use outcome::{
    BACKEND_HEADER_PREFIX, BACKEND_HEADERS, ContextField, ORIGIN_HEADER, resembles_backend_header,
};
use policy::{FRONT_HEADER, Policy};

use crate::caller_context::CallerContext;

/// The value of a header about the caller that has none.
const NOTHING: HeaderValue = HeaderValue::from_static("-");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
/// Each header about the caller, with the field of the context that it is named after.
static IDENTITY_FIELDS: LazyLock<Vec<(HeaderName, ContextField)>> = LazyLock::new(|| {
    let fields = BACKEND_HEADERS.into_iter().filter_map(|header| {
        let name = header
            .strip_prefix(BACKEND_HEADER_PREFIX)?
            .replace('-', "_");
        let field = ContextField::from_word(&name)?;
        Some((HeaderName::from_static(header), field))
    });
    fields.collect()
});

/// Returns the headers of the client that the route allows. Headers that the policy reads a
/// credential from are never among them.
pub(crate) fn allowed_headers(route: &Route, policy: &Policy, client: &HeaderMap) -> HeaderMap {
    let is_secret = |name: &HeaderName| {
        [&*policy.token.header, &*policy.key_header, FRONT_HEADER].contains(&name.as_str())
            || resembles_backend_header(name.as_str())
    };

    let mut allowed = HeaderMap::new();
    for name in route.headers.iter().filter(|name| !is_secret(name)) {
        for value in client.get_all(name) {
            allowed.append(name, value.clone());
        }
    }
    allowed
}

/// Returns the headers of a GET part: those in `allowed`, and ours.
pub(crate) fn service_headers(
    allowed: &HeaderMap,
    context: &CallerContext,
    origin_secret: &HeaderValue,
) -> HeaderMap {
    let mut headers = allowed.clone();
    for (name, field) in IDENTITY_FIELDS.iter() {
        let value = context.get(*field).map(HeaderValue::from_str);
        headers.insert(name.clone(), value.and_then(Result::ok).unwrap_or(NOTHING));
    }

    headers.insert(
        HeaderName::from_static(ORIGIN_HEADER),
        origin_secret.clone(),
    );
    headers.insert(ACCEPT, JSON);
    headers.insert(ACCEPT_ENCODING, IDENTITY);
    headers
}

/// Replaces the secret that proves the origin, for a service that does not receive it.
pub(crate) fn remove_proof_of_origin(headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static(ORIGIN_HEADER), NOTHING);
}

/// Returns the headers of a POST part, which also has the media type of the client's body.
pub(crate) fn with_content_type(mut headers: HeaderMap, client: &HeaderMap) -> HeaderMap {
    if let Some(content_type) = client.get(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, content_type.clone());
    }
    headers
}
