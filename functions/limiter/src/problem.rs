//! Problem documents (RFC 9457): the body of every error response.

mod store_error;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use outcome::Reason;
use serde::{Serialize, Serializer};
use telemetry::Excerpt;
use utoipa::ToSchema;

/// An error response (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `about:blank`, or the problem type that IANA has registered.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The reason phrase of the status.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    #[serde(serialize_with = "cut")]
    #[schema(value_type = String)]
    detail: Box<str>,
    /// A code for the cause, as in the authorizer's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Every mistake in the request.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<Mistake>, required = false)]
    errors: Box<[Mistake]>,
    /// The names of the limits that the request exceeds.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    violated_policies: Box<[String]>,
    /// A header of the response.
    #[serde(skip)]
    #[schema(ignore)]
    header: Option<Box<(HeaderName, HeaderValue)>>,
    #[serde(skip)]
    #[schema(ignore)]
    effect: Effect,
}

/// What a failed request may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Effect {
    /// Nothing.
    #[default]
    None,
    /// Everything that it was to write, or nothing: the store did not respond.
    Unknown,
    /// As [`Self::Unknown`], and `detail` says so.
    Stated,
}

/// One mistake in a request, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Mistake {
    /// A JSON pointer (RFC 6901) to a field of the body.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut_option")]
    pub(crate) pointer: Option<String>,
    /// The name of a query parameter or a header.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut_option")]
    pub(crate) parameter: Option<String>,
    /// What is wrong, and what was expected.
    #[serde(serialize_with = "cut")]
    pub(crate) detail: String,
}

/// Serializes at most the first 512 bytes of a text, so that no request makes its own response
/// large.
fn cut<S: Serializer>(text: &impl AsRef<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Excerpt(text.as_ref()))
}

fn cut_option<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref()
        .map(|text| Excerpt(text).to_string())
        .serialize(serializer)
}

impl Mistake {
    /// A mistake in the body, at a JSON pointer.
    pub(crate) fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            parameter: None,
            detail: detail.into(),
        }
    }

    /// A mistake in a query parameter or a header.
    pub(crate) fn in_parameter(parameter: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: Some(parameter.to_owned()),
            detail: detail.into(),
        }
    }
}

const UNKNOWN_EFFECT: &str = "The change may have been applied, in part or in full.";
const FAULT: &str = "Tollgate failed. Its log has the details.";
const BLANK: &str = "about:blank";
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const REDUCED_CAPACITY: &str =
    "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: BLANK,
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: detail.into().into(),
            reason: None,
            errors: Box::default(),
            violated_policies: Box::default(),
            header: None,
            effect: Effect::None,
        }
    }

    /// 422 for a body with mistakes.
    pub(crate) fn invalid_body(errors: Vec<Mistake>) -> Self {
        let detail = "The request body is invalid.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_errors(errors)
    }

    /// 400 for a query or a header with mistakes.
    pub(crate) fn invalid_parameters(errors: Vec<Mistake>) -> Self {
        let detail = "The path, the query or a header of the request is invalid.";
        Self::new(StatusCode::BAD_REQUEST, detail).with_errors(errors)
    }

    /// 400 for a request that is not valid HTTP.
    pub(crate) fn malformed(errors: Vec<Mistake>) -> Self {
        let detail = "The request is malformed.";
        Self::new(StatusCode::BAD_REQUEST, detail).with_errors(errors)
    }

    /// 404. `resource` is a noun.
    pub(crate) fn not_found(resource: &str) -> Self {
        let detail = format!("The {resource} does not exist.");
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 429 for a request that exceeds a rate or a quota.
    pub(crate) fn throttled(reason: Reason, violated: Vec<String>) -> Self {
        let detail =
            "The plan's rate limit or quota is exceeded. Retry after the time in Retry-After.";
        Self {
            kind: QUOTA_EXCEEDED,
            violated_policies: violated.into(),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail).because(reason)
        }
    }

    /// 503 for a request whose limits cannot be checked.
    pub(crate) fn unavailable() -> Self {
        let detail = "The limits of the plan cannot be checked at the moment.";
        Self {
            kind: REDUCED_CAPACITY,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).because(Reason::StoreUnavailable)
        }
    }

    /// 422 for an `Idempotency-Key` that belongs to another request.
    pub(crate) fn reused_idempotency_key() -> Self {
        let detail = "This Idempotency-Key was already used for a different request.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 500 for our own failure. The log gets the error and its causes, the client does not.
    pub(crate) fn fault(error: &(dyn std::error::Error + 'static)) -> Self {
        log_fault(error);
        Self::logged_fault()
    }

    /// 500 for a failure that is already in the log.
    pub(crate) fn logged_fault() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, FAULT).because(Reason::Fault)
    }

    pub(crate) fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason.as_str());
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    pub(crate) fn with_errors(mut self, errors: Vec<Mistake>) -> Self {
        self.errors = errors.into();
        self
    }

    /// Returns the mistakes in the request.
    pub(crate) fn into_errors(self) -> Vec<Mistake> {
        self.errors.into_vec()
    }

    /// States that the request may have changed something.
    pub(crate) fn with_unknown_effect(mut self) -> Self {
        self.detail = format!("{} {UNKNOWN_EFFECT}", self.detail).into();
        self.effect = Effect::Stated;
        self
    }

    /// The problem of a write: if the store did not respond, the write may have been applied.
    pub(crate) fn for_write(self) -> Self {
        match self.effect {
            Effect::Unknown => self.with_unknown_effect(),
            Effect::None | Effect::Stated => self,
        }
    }

    /// Returns true for a write that may have been applied although it failed.
    pub(crate) fn is_write_in_doubt(&self) -> bool {
        self.effect == Effect::Stated
    }
}

fn log_fault(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(
        reason = "fault",
        error = telemetry::error_chain(error),
        "the request failed"
    );
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);

        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.header.as_deref().cloned());

        // Strings and numbers only, so this cannot fail.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        (status, headers, body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_of_the_request_is_cut_in_the_response() {
        let long = "x".repeat(70_000);
        let mistakes = vec![
            Mistake::at(format!("/{long}"), long.clone()),
            Mistake::in_parameter(&long, "unknown"),
        ];

        for problem in [
            Problem::invalid_body(mistakes),
            Problem::new(StatusCode::CONFLICT, long),
        ] {
            let body = serde_json::to_vec(&problem).unwrap();
            assert!(body.len() < 2_500, "{} bytes", body.len());
        }
    }
}
