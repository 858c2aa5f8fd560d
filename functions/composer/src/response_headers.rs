//! The headers of every response: the id of the request, security headers and rate limits.
//!
//! The function sets them itself, so that its routes need no response mapping in any API.

use http::header::{STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};
use limits::{Decision, rate_limit, rate_limit_policy};
use outcome::{ContextField, RateLimitHeaders};

use crate::request::Request;

/// The headers of every response, with constant values.
static CONSTANT_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000"),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Adds the headers to a response. `decision` is that on the last charge of the composition's
/// route, if there was one after the authorizer's.
pub(crate) fn add_response_headers(
    headers: &mut HeaderMap,
    request: &Request,
    decision: Option<&Decision>,
    format: RateLimitHeaders,
) {
    headers.extend(CONSTANT_HEADERS.iter().cloned());
    if let Some(id) = request.id.as_deref().and_then(|id| id.parse().ok()) {
        headers.insert(&X_REQUEST_ID, id);
    }

    for (name, field) in format.fields() {
        let own = decision.and_then(|decision| limit_field(decision, *field));
        let context = request
            .context
            .as_ref()
            .and_then(|context| context.get(*field));
        let value = own.as_deref().or(context);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// Returns a field about limits as the authorizer would set it for this decision.
fn limit_field(decision: &Decision, field: ContextField) -> Option<String> {
    let nearest = decision.nearest();
    match field {
        ContextField::RatelimitPolicy => rate_limit_policy(&decision.limits),
        ContextField::Ratelimit => rate_limit(&decision.limits),
        ContextField::Limit => nearest.map(|limit| limit.limit.to_string()),
        ContextField::Remaining => nearest.map(|limit| limit.remaining.to_string()),
        ContextField::Reset => nearest?.reset_s.map(|seconds| seconds.to_string()),
        _ => None,
    }
}
