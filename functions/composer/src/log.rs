//! The log of the function: JSON, one line per request, without any value of the request.

use std::time::Duration;

use composition::Missing;
use outcome::Reason;
use telemetry::{RequestScope, milliseconds, on_current_span};

use crate::reply::{PartReport, Reply};
use crate::request::Request;

/// The function's own crates, which may log below INFO.
pub const OWN_CRATES: [&str; 5] = ["composer", "aws", "dynamodb", "registry", "store"];

/// The kind of a response, for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// All parts that the request needs are in the response.
    Complete,
    /// A part is missing that is not required.
    Partial,
    /// A required part is missing, or the response is too large.
    Failed,
    /// The request is refused: its limits, its method, its path or its query.
    Refused,
    /// Tollgate failed.
    Fault,
}

impl ReplyKind {
    /// Returns the word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Fault => "fault",
        }
    }
}

/// Writes the log line of a request. `route` is the route key of the document.
pub(crate) fn log_request(
    request_id: Option<&str>,
    route: Option<&str>,
    reply: &Reply,
    elapsed: Duration,
) {
    let trace = RequestScope::current().traceparent;
    let calls: u32 = reply.parts.iter().map(|part| part.attempts).sum();

    tracing::info!(
        request_id,
        trace_id = trace.as_ref().map(|parent| parent.trace_id()),
        route,
        status = reply.status.as_u16(),
        result = reply.kind.as_str(),
        reason = reply.reason.filter(|_| reply.kind != ReplyKind::Fault),
        missing = missing(&reply.parts),
        invalid_values = invalid_values(&reply.parts),
        cause = cause(&reply.parts),
        service_status = service_status(&reply.parts),
        calls,
        duration_ms = milliseconds(elapsed),
        "composed"
    );
}

/// Describes the span of a request.
pub(crate) fn describe_span(request: &Request, route: Option<&str>, reply: &Reply) {
    on_current_span(|span| {
        // API Gateway's id, which is also in the access log. The client may have sent another one.
        if let Some(id) = &request.id {
            span.set("tollgate.request_id", id.clone());
        }
        // Only names of the configuration are few.
        if let Some(route) = route {
            let path = route.split_once(' ').map_or(route, |(_, path)| path);
            span.rename(route.to_owned());
            span.set("http.route", path.to_owned());
            span.set("http.request.method", request.method.clone());
        }

        span.set(
            "http.response.status_code",
            i64::from(reply.status.as_u16()),
        );
        span.set("tollgate.composition.result", reply.kind.as_str());
        if let Some(missing) = missing(&reply.parts) {
            span.set("tollgate.composition.missing", missing);
        }
        if reply.kind == ReplyKind::Fault {
            span.fail(Reason::Fault.as_str());
        }
    });
}

/// Returns the missing parts with their reasons, such as `orders=timeout offers=status`. `None` if
/// no part is missing.
fn missing(parts: &[PartReport]) -> Option<String> {
    let missing: Vec<String> = parts
        .iter()
        .filter_map(|part| Some((part, part.outcome.err()?)))
        .map(|(part, missing)| format!("{}={}", part.name, missing.as_str()))
        .collect();
    (!missing.is_empty()).then(|| missing.join(" "))
}

/// Returns the parts that are missing as `status`, with the status of the service, such as
/// `orders=503`. `None` if there is none.
fn service_status(parts: &[PartReport]) -> Option<String> {
    let statuses = parts.iter().filter_map(|part| match part.outcome {
        Err(Missing::Status(status)) => Some(format!("{}={status}", part.name)),
        _ => None,
    });
    let statuses: Vec<String> = statuses.collect();
    (!statuses.is_empty()).then(|| statuses.join(" "))
}

/// Returns the placeholders whose values are absent or invalid, such as `{user_id}`. `None` if no
/// value is.
fn invalid_values(parts: &[PartReport]) -> Option<String> {
    let values: Vec<String> = parts
        .iter()
        .filter_map(|part| Some(part.invalid_value.as_ref()?.to_string()))
        .collect();
    (!values.is_empty()).then(|| values.join(" "))
}

/// Returns `service` if a part is missing because its service failed, and `caller` if all missing
/// parts are missing because of the request or its caller. `None` if no part is missing.
fn cause(parts: &[PartReport]) -> Option<&'static str> {
    let mut reasons = parts
        .iter()
        .filter_map(|part| Some((part, part.outcome.err()?)))
        .peekable();
    reasons.peek()?;

    let is_service = reasons.any(|(part, missing)| is_failure_of_service(part, missing));
    Some(if is_service { "service" } else { "caller" })
}

/// True if the service of the part failed, another service that the part needs a value of, or the
/// store of the plan. A response with 4xx depends on what the caller requests.
fn is_failure_of_service(part: &PartReport, missing: Missing) -> bool {
    match missing {
        Missing::Forbidden | Missing::Throttled | Missing::Dependency => false,
        Missing::InvalidValue => {
            let source = part.invalid_value.as_ref().map(|value| value.source);
            source.is_none_or(|source| !source.is_of_caller())
        }
        Missing::Status(status) => status >= 500,
        Missing::Unavailable
        | Missing::Timeout
        | Missing::Unreachable
        | Missing::CircuitOpen
        | Missing::Overloaded
        | Missing::InvalidResponse
        | Missing::TooLarge => true,
    }
}

#[cfg(test)]
mod tests {
    use composition::{InvalidValue, PartMethod, ValueSource};

    use super::*;

    fn report(outcome: Result<u16, Missing>) -> PartReport {
        PartReport {
            name: "orders".to_owned(),
            method: PartMethod::Get,
            url: None,
            outcome,
            invalid_value: None,
            attempts: 1,
            duration: Duration::ZERO,
            bytes: 0,
            has_fallback: false,
        }
    }

    #[test]
    fn cause_is_the_service_only_if_a_service_failed() {
        for (missing, expected) in [
            (vec![], None),
            (vec![Missing::Forbidden], Some("caller")),
            (vec![Missing::Status(404)], Some("caller")),
            (vec![Missing::Status(503)], Some("service")),
            (vec![Missing::Forbidden, Missing::Timeout], Some("service")),
            (
                vec![Missing::CircuitOpen, Missing::Dependency],
                Some("service"),
            ),
        ] {
            let mut parts = vec![report(Ok(200))];
            parts.extend(missing.iter().map(|&missing| report(Err(missing))));
            assert_eq!(cause(&parts), expected, "{missing:?}");
        }
    }

    #[test]
    fn cause_of_an_invalid_value_is_its_source() {
        for (source, name, expected, logged) in [
            (ValueSource::Path, "id", "caller", "{id}"),
            (ValueSource::Query, "page", "caller", "{query.page}"),
            (ValueSource::Caller, "user_id", "caller", "{user_id}"),
            (
                ValueSource::Gateway,
                "request_id",
                "service",
                "{request_id}",
            ),
            (ValueSource::Part, "user#/id", "service", "{user#/id}"),
        ] {
            let value = InvalidValue {
                source,
                name: name.to_owned(),
                is_absent: true,
            };
            let part = PartReport {
                invalid_value: Some(value),
                ..report(Err(Missing::InvalidValue))
            };
            let parts = [part, report(Err(Missing::Dependency))];

            assert_eq!(cause(&parts), Some(expected), "{name}");
            assert_eq!(invalid_values(&parts).as_deref(), Some(logged));
        }
    }
}
