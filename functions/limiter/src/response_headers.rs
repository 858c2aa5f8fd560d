//! The headers of every response: the id of the request, security headers and rate limits.
//!
//! The function sets them itself, so that its routes need no response mapping in any API. It
//! replaces headers of the same name, as the mappings of the other integrations do.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{Extensions, HeaderName, HeaderValue};
use outcome::RateLimitHeaders;

use crate::request::caller::{context_field, request_id};

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

/// Adds the headers to the response. On routes without the authorizer there are no limits.
pub(crate) async fn add_headers(
    State(format): State<RateLimitHeaders>,
    request: Request,
    next: Next,
) -> Response {
    let variable = variable_headers(request.extensions(), format);

    let mut response = next.run(request).await;
    response
        .headers_mut()
        .extend(CONSTANT_HEADERS.iter().cloned().chain(variable));
    response
}

/// Returns the headers whose values are in the event. A missing or invalid value sets no header.
fn variable_headers(
    extensions: &Extensions,
    format: RateLimitHeaders,
) -> Vec<(HeaderName, HeaderValue)> {
    let limits = format.fields().iter().map(|(name, field)| {
        let name = HeaderName::from_static(name);
        (name, context_field(extensions, *field))
    });

    std::iter::once((X_REQUEST_ID.clone(), request_id(extensions)))
        .chain(limits)
        .filter_map(|(name, value)| Some((name, value?.parse().ok()?)))
        .collect()
}
