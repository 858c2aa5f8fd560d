//! The headers of every response: the id of the request, security headers and rate limits.
//!
//! The function sets them itself, so that its routes need no response mapping in any API. It
//! replaces headers of the same name, as the mappings of the other integrations do.

use std::str::FromStr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{Extensions, HeaderName, HeaderValue};
use outcome::ContextField;

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

/// The headers of draft 10 and the fields of the authorizer's context that contain their values.
static DRAFT10: [(HeaderName, ContextField); 2] = [
    (
        HeaderName::from_static("ratelimit-policy"),
        ContextField::RatelimitPolicy,
    ),
    (
        HeaderName::from_static("ratelimit"),
        ContextField::Ratelimit,
    ),
];

/// The same for the headers without a standard.
static X_RATE_LIMIT: [(HeaderName, ContextField); 3] = [
    (
        HeaderName::from_static("x-ratelimit-limit"),
        ContextField::Limit,
    ),
    (
        HeaderName::from_static("x-ratelimit-remaining"),
        ContextField::Remaining,
    ),
    (
        HeaderName::from_static("x-ratelimit-reset"),
        ContextField::Reset,
    ),
];

/// The format of the rate-limit headers (`RATE_LIMIT_HEADERS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimitHeaders {
    /// `ratelimit-policy` and `ratelimit` of draft-ietf-httpapi-ratelimit-headers-10.
    #[default]
    Draft10,
    /// `x-ratelimit-limit`, `x-ratelimit-remaining` and `x-ratelimit-reset`.
    XRateLimit,
    /// No headers.
    None,
}

/// The value is not a format of the rate-limit headers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown value `{0}`, expected one of draft10, x-ratelimit, none")]
pub struct RateLimitHeadersError(String);

impl FromStr for RateLimitHeaders {
    type Err = RateLimitHeadersError;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        match value {
            "draft10" => Ok(Self::Draft10),
            "x-ratelimit" => Ok(Self::XRateLimit),
            "none" => Ok(Self::None),
            other => Err(RateLimitHeadersError(other.to_owned())),
        }
    }
}

impl RateLimitHeaders {
    /// Returns the format for a value of `RATE_LIMIT_HEADERS`. A missing or empty value is the
    /// default.
    ///
    /// # Errors
    /// [`RateLimitHeadersError`] for any other value than `draft10`, `x-ratelimit` and `none`.
    pub fn from_setting(value: Option<String>) -> Result<Self, RateLimitHeadersError> {
        value
            .filter(|value| !value.is_empty())
            .map_or_else(|| Ok(Self::default()), |value| value.parse())
    }

    fn fields(self) -> &'static [(HeaderName, ContextField)] {
        match self {
            Self::Draft10 => &DRAFT10,
            Self::XRateLimit => &X_RATE_LIMIT,
            Self::None => &[],
        }
    }
}

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
    let limits = format
        .fields()
        .iter()
        .map(|(name, field)| (name, context_field(extensions, *field)));

    std::iter::once((&X_REQUEST_ID, request_id(extensions)))
        .chain(limits)
        .filter_map(|(name, value)| Some((name.clone(), value?.parse().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_or_empty_setting_is_draft10() {
        for value in [None, Some(String::new()), Some("draft10".to_owned())] {
            assert_eq!(
                RateLimitHeaders::from_setting(value),
                Ok(RateLimitHeaders::Draft10)
            );
        }
    }

    #[test]
    fn unknown_setting_is_an_error_with_the_known_values() {
        let error = RateLimitHeaders::from_setting(Some("draft9".to_owned())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown value `draft9`, expected one of draft10, x-ratelimit, none"
        );
    }
}
