//! Problem documents (RFC 9457): the body of every error response.

use composition::{InvalidValue, Missing, ValueSource};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use outcome::Reason;
use serde::Serialize;

const BLANK: &str = "about:blank";
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const REDUCED_CAPACITY: &str =
    "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";

/// An error response. It names neither a service nor a value of the request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    /// `about:blank`, or the problem type that IANA has registered.
    #[serde(skip)]
    kind: &'static str,
    #[serde(skip)]
    status: StatusCode,
    detail: Box<str>,
    /// The reason why a part is missing, or a code of the authorizer's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The required part that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<Box<str>>,
    /// The status with which the service of the part responded.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_status: Option<u16>,
    /// The POST part that was sent, and may have taken effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Box<str>>,
    /// The names of the limits that the request exceeds.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    violated_policies: Box<[String]>,
    #[serde(skip)]
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

/// The body of an error response.
#[derive(Serialize)]
struct ProblemDocument<'p> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The reason phrase of the status.
    title: &'static str,
    status: u16,
    #[serde(flatten)]
    problem: &'p Problem,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: BLANK,
            status,
            detail: detail.into().into(),
            reason: None,
            part: None,
            service_status: None,
            sent: None,
            violated_policies: Box::default(),
            header: None,
        }
    }

    /// 400 for a query that is invalid. `detail` says where and what was expected.
    pub(crate) fn invalid_query(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 415 for a body with a content coding, which services would not see.
    pub(crate) fn encoded_body() -> Self {
        let detail = "The body has a content coding. Send it without Content-Encoding.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 404 for a path without a composition.
    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "There is no composition at this path.",
        )
    }

    /// 405 for a method that the compositions of the path do not have.
    pub(crate) fn method_not_allowed(allowed: &[&str]) -> Self {
        let allowed = allowed.join(", ");
        let detail = format!("This path accepts the methods {allowed}.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail).with_header(ALLOW, allowed)
    }

    /// 403 for a caller that the plan can never allow.
    pub(crate) fn forbidden(reason: Reason, detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail).because(reason.as_str())
    }

    /// 429 for a request that exceeds a rate or a quota.
    pub(crate) fn throttled(reason: Reason, violated: Vec<String>, retry_after_s: u64) -> Self {
        let detail =
            "The plan's rate limit or quota is exceeded. Retry after the time in Retry-After.";
        Self {
            kind: QUOTA_EXCEEDED,
            violated_policies: violated.into(),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
        .because(reason.as_str())
        .retry_after(retry_after_s)
    }

    /// 503 for a request whose limits cannot be checked.
    pub(crate) fn unavailable(retry_after_s: u64) -> Self {
        let detail = "The limits of the plan cannot be checked at the moment.";
        Self {
            kind: REDUCED_CAPACITY,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
        .because(Reason::StoreUnavailable.as_str())
        .retry_after(retry_after_s)
    }

    /// The problem of a request whose required part is missing. 502, unless the caller or its plan
    /// is the cause.
    pub(crate) fn missing_part(part: &str, missing: Missing, retry_after_s: u64) -> Self {
        let problem = match missing {
            Missing::Forbidden => {
                let detail = "You may not call a required part of this composition.";
                Self::new(StatusCode::FORBIDDEN, detail)
            }
            Missing::Throttled => Self {
                kind: QUOTA_EXCEEDED,
                ..Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "The plan's limits do not allow a required part of this composition.",
                )
                .retry_after(retry_after_s)
            },
            Missing::Unavailable => Self {
                kind: REDUCED_CAPACITY,
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The plan's limits for a required part cannot be checked at the moment.",
                )
                .retry_after(retry_after_s)
            },
            _ => {
                let detail = "A required part of this composition is missing.";
                Self::new(StatusCode::BAD_GATEWAY, detail)
            }
        };

        problem.without_part(part, missing)
    }

    /// The problem of a request whose required part needs a value that is absent or invalid: 400 for
    /// a value of the request, 403 for one of the caller's credential, and otherwise 502. The name of
    /// the value comes from the document.
    pub(crate) fn invalid_value(part: &str, value: &InvalidValue) -> Self {
        let kind = match value.source {
            ValueSource::Path => "path parameter",
            ValueSource::Query => "query parameter",
            ValueSource::Header => "header",
            ValueSource::Caller => return Self::invalid_caller(part, value),
            ValueSource::Gateway | ValueSource::Part => {
                return Self::missing_part(part, Missing::InvalidValue, 1);
            }
        };

        let name = &value.name;
        let detail = if value.is_absent {
            format!("The {kind} `{name}` is missing, and this composition requires it.")
        } else {
            format!("The value of the {kind} `{name}` is not allowed here.")
        };
        Self::new(StatusCode::BAD_REQUEST, detail).without_part(part, Missing::InvalidValue)
    }

    fn invalid_caller(part: &str, value: &InvalidValue) -> Self {
        let name = &value.name;
        let detail = if value.is_absent {
            format!("This composition requires `{name}`, which your credential does not have.")
        } else {
            format!("The `{name}` of your credential cannot be part of a path.")
        };
        Self::new(StatusCode::FORBIDDEN, detail).without_part(part, Missing::InvalidValue)
    }

    /// Says that the POST part was sent before.
    pub(crate) fn after_post(self, part: &str) -> Self {
        let detail = format!(
            "{} The POST part `{part}` was sent, and may have taken effect.",
            self.detail
        );
        Self {
            detail: detail.into(),
            sent: Some(part.into()),
            ..self
        }
    }

    /// Returns the reason, if there is one.
    pub(crate) const fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// 502 for a response that is larger than Lambda allows.
    pub(crate) fn too_large() -> Self {
        let detail = "The parts of this composition are together too large for one response.";
        Self::new(StatusCode::BAD_GATEWAY, detail).because(Missing::TooLarge.as_str())
    }

    /// 500 for our own failure, which is in the log.
    pub(crate) fn fault() -> Self {
        let detail = "Tollgate failed. Its log has the details.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail).because(Reason::Fault.as_str())
    }

    /// Adds the required part that is missing, and the reason.
    fn without_part(self, part: &str, missing: Missing) -> Self {
        let service_status = match missing {
            Missing::Status(status) => Some(status),
            _ => None,
        };
        Self {
            part: Some(part.into()),
            service_status,
            ..self.because(missing.as_str())
        }
    }

    fn because(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, seconds.max(1).to_string())
    }

    fn with_header(self, name: HeaderName, value: String) -> Self {
        let value = HeaderValue::try_from(value).ok();
        Self {
            header: value.map(|value| Box::new((name, value))),
            ..self
        }
    }

    /// Returns the status.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let content_type = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.header.as_deref().cloned());
        headers
    }

    /// Returns the body.
    pub(crate) fn body(&self) -> Vec<u8> {
        let document = ProblemDocument {
            kind: self.kind,
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            problem: self,
        };
        // Strings and numbers only, so this cannot fail.
        serde_json::to_vec(&document).unwrap_or_default()
    }
}
