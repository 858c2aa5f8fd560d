//! Error responses, as an operator reads them.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{Method, Response};
use serde_json::Value;

use crate::aws_error::signature_problem;
use crate::problem::{Problem, one_line};
use crate::subject::subject;

/// The longest text of another service that is shown, in characters.
const MAX_TEXT_CHARS: usize = 300;

/// An error response of the admin API, or of something else at its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// True if Tollgate responded, and not API Gateway or another server.
    pub is_of_tollgate: bool,
    pub(crate) message: String,
    /// The permission that the identity lacks, with the identity if it is known.
    pub(crate) missing_permission: Option<String>,
}

/// The request that was refused, and its signature.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext<'r> {
    /// The target, as messages name it.
    pub(crate) target: &'r str,
    pub(crate) method: &'r Method,
    /// The path below `/_tollgate/v1`, with its query.
    pub(crate) path: &'r str,
    pub(crate) signature: Signature<'r>,
}

/// How a request was signed.
#[derive(Clone, Debug)]
pub(crate) enum Signature<'r> {
    /// Not at all.
    None,
    /// With AWS credentials.
    Signed {
        /// The ARN of the user or role, if it is known.
        identity: Option<&'r str>,
        /// The resource of the permission to call the API.
        resource: &'r str,
    },
}

impl Refusal {
    /// Returns the refusal in a response.
    pub(crate) fn of(response: &Response<Bytes>, context: &RequestContext<'_>) -> Self {
        let status = response.status().as_u16();
        let content_type = header(response, CONTENT_TYPE.as_str()).unwrap_or_default();
        let problem = Problem::parse(content_type, response.body());

        let is_denied = problem.is_none() && matches!(status, 401 | 403);
        let missing_permission = is_denied
            .then(|| missing_permission(response, context))
            .flatten();
        let message = match &problem {
            Some(problem) => of_problem(problem, context),
            None => of_other(response, context),
        };
        Self {
            status,
            is_of_tollgate: problem.is_some(),
            message: message + &retry_hint(response),
            missing_permission,
        }
    }

    /// True if the URL is not that of an admin API.
    pub(crate) const fn is_of_another_server(&self) -> bool {
        !self.is_of_tollgate && matches!(self.status, 404 | 405)
    }

    /// True if API Gateway, or a server before it, denied access.
    pub(crate) fn is_access_denied(&self) -> bool {
        !self.is_of_tollgate && matches!(self.status, 401 | 403)
    }
}

/// Returns the mistakes of a problem document. A single one is on the line of its subject.
fn of_problem(problem: &Problem, context: &RequestContext<'_>) -> String {
    let text = problem.text();
    match (subject(context.path), text.contains('\n')) {
        (Some(subject), false) => format!("{subject}: {text}"),
        (Some(subject), true) => format!("{subject}:\n{text}"),
        (None, _) => text,
    }
}

/// Returns the message for a response that is not a problem document of Tollgate.
fn of_other(response: &Response<Bytes>, context: &RequestContext<'_>) -> String {
    let (target, method) = (context.target, context.method);
    let path = context.path.split('?').next().unwrap_or_default();
    let status = response.status().as_u16();
    let said = said(response);

    match status {
        300..=399 => {
            let place = header(response, LOCATION.as_str()).unwrap_or("another URL");
            let place = excerpt(place);
            format!("{target}: redirects to {place} (status {status}): is it Tollgate?")
        }
        401 | 403 => denied(response, context, &said),
        404 | 405 => format!(
            "{target}: {method} /_tollgate/v1{path} is unknown there ({said}): is it Tollgate?"
        ),
        _ => format!("{target}: {said}"),
    }
}

/// Returns the message for a request that API Gateway did not let through.
fn denied(response: &Response<Bytes>, context: &RequestContext<'_>, said: &str) -> String {
    let target = context.target;
    if let Some(problem) = problem_of_signature(response) {
        return format!("{target}: {problem} ({said})");
    }

    match missing_permission(response, context) {
        None => format!(
            "{target}: access denied ({said}). The request was not signed. Sign it with --profile \
             or --region"
        ),
        Some(permission) => {
            format!("{target}: access denied ({said}). Expected the permission {permission}")
        }
    }
}

/// Returns the permission that a signed request lacked. `None` if the request was not signed, or its
/// signature is invalid.
fn missing_permission(response: &Response<Bytes>, context: &RequestContext<'_>) -> Option<String> {
    let Signature::Signed { identity, resource } = &context.signature else {
        return None;
    };
    let identity = identity.map_or_else(String::new, |arn| format!(" for {arn}"));
    let permission = format!("execute-api:Invoke on {resource}{identity}");
    problem_of_signature(response)
        .is_none()
        .then_some(permission)
}

fn problem_of_signature(response: &Response<Bytes>) -> Option<&'static str> {
    let code = header(response, "x-amzn-errortype").unwrap_or_default();
    signature_problem(code, &body_message(response))
}

/// Returns the status and the message of a response.
fn said(response: &Response<Bytes>) -> String {
    let status = response.status().as_u16();
    let message = body_message(response);
    let message = if message.is_empty() {
        response.status().canonical_reason().unwrap_or_default()
    } else {
        &message
    };
    if message.is_empty() {
        format!("status {status}")
    } else {
        format!("status {status}: {message}")
    }
}

/// Returns the field `message` of API Gateway's error responses.
fn body_message(response: &Response<Bytes>) -> String {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let message = body["message"].as_str().or(body["Message"].as_str());
    excerpt(message.unwrap_or_default())
}

fn retry_hint(response: &Response<Bytes>) -> String {
    match retry_after(response) {
        Some(pause) => format!("\ntry again in {} s", pause.as_secs()),
        None => String::new(),
    }
}

/// Returns the pause that a response asks for.
pub(crate) fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    let value = header(response, RETRY_AFTER.as_str())?;
    aws::retry::retry_after(value, SystemTime::now())
}

fn header<'r>(response: &'r Response<Bytes>, name: &str) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

fn excerpt(text: &str) -> String {
    let text: String = text.chars().take(MAX_TEXT_CHARS).collect();
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: &str = "arn:aws:execute-api:eu-west-1:1:abc/$default/*/_tollgate/v1/*";

    fn refusal(status: u16, headers: &[(&str, &str)], body: &str, path: &str) -> Refusal {
        refusal_of_signed(status, headers, body, path, Signature::None)
    }

    fn refusal_of_signed(
        status: u16,
        headers: &[(&str, &str)],
        body: &str,
        path: &str,
        signature: Signature<'_>,
    ) -> Refusal {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(Bytes::from(body.to_owned())).unwrap();
        let context = RequestContext {
            target: "https://a",
            method: &Method::PUT,
            path,
            signature,
        };
        Refusal::of(&response, &context)
    }

    const PROBLEM: (&str, &str) = ("content-type", "application/problem+json");

    #[test]
    fn problem_names_its_subject_and_fields() {
        let one = r#"{"errors":[{"pointer":"/throttle/rate","detail":"must be above 0"}]}"#;
        let refusal_of_one = refusal(422, &[PROBLEM], one, "/plans/free?x=y");
        assert_eq!(
            refusal_of_one.message,
            "plan free: /throttle/rate: must be above 0"
        );
        assert!(refusal_of_one.is_of_tollgate);

        let two = r#"{"errors":[{"pointer":"/a","detail":"b"},{"pointer":"/c","detail":"d"}]}"#;
        let message = refusal(422, &[PROBLEM], two, "/plans/free").message;
        assert_eq!(message, "plan free:\n/a: b\n/c: d");
    }

    #[test]
    fn retry_after_is_shown_in_seconds() {
        let busy = r#"{"detail":"Too many requests."}"#;
        let headers = [PROBLEM, ("retry-after", "7")];
        let message = refusal(429, &headers, busy, "/plans").message;
        assert_eq!(message, "Too many requests.\ntry again in 7 s");
    }

    #[test]
    fn denied_request_names_permission_and_identity() {
        let forbidden = r#"{"message":"Forbidden"}"#;
        let unsigned = refusal(403, &[], forbidden, "/plans");
        assert!(unsigned.is_access_denied());
        assert!(unsigned.message.contains("was not signed"), "{unsigned:?}");

        let signature = Signature::Signed {
            identity: Some("arn:aws:iam::1:user/ann"),
            resource: RESOURCE,
        };
        let signed = refusal_of_signed(403, &[], forbidden, "/plans", signature.clone());
        assert_eq!(
            signed.message,
            format!(
                "https://a: access denied (status 403: Forbidden). Expected the permission \
                 execute-api:Invoke on {RESOURCE} for arn:aws:iam::1:user/ann"
            )
        );

        let late = r#"{"message":"Signature expired: 20261129T1 is now earlier than 20261129T2"}"#;
        let late = refusal_of_signed(403, &[], late, "/plans", signature);
        assert!(
            late.message.contains("the clock of this machine"),
            "{late:?}"
        );
    }

    #[test]
    fn refusal_of_tollgate_is_not_a_lack_of_permission() {
        let body = r#"{"detail":"An IAM identity is required."}"#;
        assert!(!refusal(403, &[PROBLEM], body, "/plans").is_access_denied());
    }

    #[test]
    fn other_servers_are_recognized() {
        for (status, headers, body, expected) in [
            (
                404,
                &[][..],
                r#"{"message":"Not Found"}"#,
                "https://a: PUT /_tollgate/v1/plans/free is unknown there (status 404: Not Found): is it Tollgate?",
            ),
            (
                302,
                &[("location", "https://login.example/")],
                "",
                "https://a: redirects to https://login.example/ (status 302): is it Tollgate?",
            ),
            (
                502,
                &[("content-type", "text/html")],
                "<html>",
                "https://a: status 502: Bad Gateway",
            ),
            (
                503,
                &[("retry-after", "2")],
                r#"{"message":"Service Unavailable"}"#,
                "https://a: status 503: Service Unavailable\ntry again in 2 s",
            ),
        ] {
            let refusal = refusal(status, headers, body, "/plans/free");
            assert_eq!(refusal.message, expected);
            assert!(!refusal.is_of_tollgate);
        }
    }
}
