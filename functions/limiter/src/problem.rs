//! Problem documents (RFC 9457): the one form that every refusal, mistake and failure is told in.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use outcome::Reason;
use serde::{Serialize, Serializer};
use telemetry::Excerpt;
use usage::{AdminError, GrantError, Refusal, StoreError};
use utoipa::ToSchema;

/// What went wrong, as RFC 9457 has it told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `about:blank`, or what kind of problem it is where IANA knows a name for it.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong with this very request.
    #[serde(serialize_with = "cut")]
    #[schema(value_type = String)]
    detail: Box<str>,
    /// The reason in one word, as in the authorizer's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Every mistake in the request.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<Mistake>, required = false)]
    errors: Box<[Mistake]>,
    /// The names of the limits that a call is above.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    violated_policies: Box<[String]>,
    /// Of the answer.
    #[serde(skip)]
    #[schema(ignore)]
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

/// One mistake, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mistake {
    /// A member of the body, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut_option")]
    pub pointer: Option<String>,
    /// A parameter of the query, or a header.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut_option")]
    pub parameter: Option<String>,
    /// What is wrong with it.
    #[serde(serialize_with = "cut")]
    pub detail: String,
}

/// A request must not be able to make its own response large, so texts are cut where they are
/// written.
fn cut<S: Serializer>(text: &impl AsRef<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Excerpt(text.as_ref()))
}

fn cut_option<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref()
        .map(|text| Excerpt(text).to_string())
        .serialize(serializer)
}

impl Mistake {
    pub(crate) fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            parameter: None,
            detail: detail.into(),
        }
    }

    pub(crate) fn in_parameter(parameter: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: Some(parameter.to_owned()),
            detail: detail.into(),
        }
    }
}

/// What is told of a change of which nobody knows whether it was made.
pub(crate) const IN_DOUBT: &str = "What was asked for may have happened, in part or whole.";
const NO_ANSWER: &str = "The store gives no answer.";
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
        }
    }

    /// A body with mistakes in it.
    pub(crate) fn mistakes(errors: Vec<Mistake>) -> Self {
        let detail = "The request's body has mistakes in it.";
        Self {
            errors: errors.into(),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// A query or a header with mistakes in it.
    pub(crate) fn parameters(errors: Vec<Mistake>) -> Self {
        let detail = "The request's parameters have mistakes in them.";
        Self {
            errors: errors.into(),
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }

    /// A request that is not valid HTTP.
    pub(crate) fn malformed(errors: Vec<Mistake>) -> Self {
        let detail = "The request is malformed.";
        Self {
            errors: errors.into(),
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }

    /// A rate or a quota that is used up.
    pub(crate) fn throttled(reason: &'static str, violated: Vec<String>) -> Self {
        let detail =
            "A rate or quota of this caller's plan is used up. Retry-After says when to come back.";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, detail);
        Self {
            kind: QUOTA_EXCEEDED,
            violated_policies: violated.into(),
            ..problem
        }
        .because(reason)
    }

    /// Limits that cannot be checked.
    pub(crate) fn unavailable() -> Self {
        let detail = "The limits of this caller's plan cannot be checked at the moment.";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        Self {
            kind: REDUCED_CAPACITY,
            ..problem
        }
        .because(Reason::StoreUnavailable.as_str())
    }

    /// An `Idempotency-Key` that is another request's.
    pub(crate) fn another_request() -> Self {
        let detail = "This Idempotency-Key was sent with another request before.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    pub(crate) fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The same of a change: where the store gives no answer, nobody knows what became of it.
    pub(crate) fn of_a_change(mut self) -> Self {
        if &*self.detail == NO_ANSWER {
            self.detail = format!("{NO_ANSWER} {IN_DOUBT}").into();
        }
        self
    }

    /// True for a change that may have happened although it failed.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.detail.ends_with(IN_DOUBT)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("There is no {what}."))
    }

    /// Our own failure. The log has it with what caused it; the client is told that it is ours.
    pub(crate) fn failure(error: &(dyn std::error::Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        let chain = chain
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ");
        tracing::error!(
            reason = "fault",
            error = chain,
            "a request could not be answered"
        );
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "This is our failure. The log says more.",
        )
        .because(Reason::Fault.as_str())
    }

    fn store(error: &StoreError) -> Self {
        match error.root() {
            StoreError::Plan(error) => {
                let mistake = |mistake: &usage::Mistake| {
                    Mistake::at(mistake.pointer.clone(), mistake.message.clone())
                };
                Self::mistakes(error.mistakes.iter().map(mistake).collect())
            }
            StoreError::Key(error) => Self::mistakes(vec![Mistake::at("", error.to_string())]),
            StoreError::Unavailable(_) | StoreError::NoAnswer(_) | StoreError::Call { .. } => {
                let mut problem = Self::failure(error);
                let status = StatusCode::SERVICE_UNAVAILABLE;
                problem.status = status.as_u16();
                problem.title = status.canonical_reason().unwrap_or_default();
                problem.detail = NO_ANSWER.into();
                problem
                    .because(Reason::StoreUnavailable.as_str())
                    .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
            }
            StoreError::Busy => Self::busy(),
            other => Self::failure(other),
        }
    }

    /// Others change the same thing. Nothing was done.
    fn busy() -> Self {
        let detail = "Others change the same thing at the same time. Try again.";
        Self::new(StatusCode::CONFLICT, detail)
    }
}

/// `what` there is none of, for a refusal.
pub(crate) fn refused(error: AdminError, what: &'static str) -> Problem {
    let refusal = match error {
        AdminError::Store(error) => return Problem::store(&error),
        error @ AdminError::Unsealed => return Problem::failure(&error),
        AdminError::Refused(refusal) => refusal,
    };
    let conflict = |detail: String| Problem::new(StatusCode::CONFLICT, detail);
    match refusal {
        Refusal::NotFound => Problem::not_found(what),
        Refusal::Precondition => {
            let detail = format!(
                "The {what} that is there is not the one that the request's condition names."
            );
            Problem::new(StatusCode::PRECONDITION_FAILED, detail)
        }
        Refusal::UnknownPlan(plan) => Problem::mistakes(vec![Mistake::at(
            "/plan",
            format!("there is no plan `{plan}`"),
        )]),
        Refusal::PlanInUse { key_id } => conflict(format!(
            "Key `{key_id}` is on this plan, and others may be. Put them on another plan first."
        )),
        Refusal::SecretInUse => conflict("This secret is some key's already.".to_owned()),
        Refusal::TooManySecrets(number) => conflict(format!(
            "{number} earlier secrets of this key still work. Wait until one ends, or end all with a `grace_s` of 0."
        )),
        Refusal::Repeated => {
            conflict("Another request with this Idempotency-Key is under way.".to_owned())
        }
        Refusal::Busy => Problem::busy(),
    }
}

/// The same of a change: see [`Problem::of_a_change`].
pub(crate) fn change_refused(error: AdminError, what: &'static str) -> Problem {
    refused(error, what).of_a_change()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::store(&error)
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::UnknownQuota(_) => {
                Self::mistakes(vec![Mistake::at("/quota", error.to_string())])
            }
            GrantError::Amount | GrantError::Ceiling => {
                Self::mistakes(vec![Mistake::at("/grant", error.to_string())])
            }
            GrantError::Repeated => Self::another_request(),
            GrantError::Store(error) => Self::store(&error).of_a_change(),
        }
    }
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
        // Texts and numbers alone: it cannot fail.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        (status, headers, body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_of_the_request_is_cut_in_the_response() {
        let long = "x".repeat(70_000);
        let mistakes = vec![
            Mistake::at(format!("/{long}"), long.clone()),
            Mistake::in_parameter(&long, "unknown"),
        ];
        for problem in [
            Problem::mistakes(mistakes),
            Problem::new(StatusCode::CONFLICT, long),
        ] {
            let body = serde_json::to_vec(&problem).unwrap();
            assert!(body.len() < 2_500, "{} bytes", body.len());
        }
    }
}
