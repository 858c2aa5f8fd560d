//! A response to a request, and who sent it.

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::Value;

use super::problem;

/// A response, with the request for messages.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// The request, such as `GET /orders with the temporary key`.
    pub(super) request: String,
    pub(super) status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// The sender of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// API Gateway, before it called an integration or because the integration did not respond.
    Gateway,
    /// The listener rule or function that responds to requests over a limit.
    Limits,
    /// The listener rule or function that responds while the store is unavailable.
    Outage,
    /// The backend.
    Backend,
}

/// The decision on a request with a valid key, as its response shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// The request was admitted and charged.
    Admitted,
    /// The request was admitted and charged, but the backend did not respond.
    Unreachable,
    /// The request is over the limit of its plan.
    Throttled,
    /// The request was refused with 401 or 403.
    Refused,
    /// No route matches, or the path is malformed.
    NotRouted,
    /// The stage is over its own limit for all callers.
    StageThrottled,
    /// The limits could not be checked.
    Unavailable,
    /// The authorizer failed.
    Failed,
}

impl Reply {
    pub(super) fn new(request: impl Into<String>, response: Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            request: request.into(),
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    /// Returns the value of a header. Several are joined by commas. A value that is not text is
    /// missing.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let values: Vec<&str> = values
            .map(|value| value.to_str().ok())
            .collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Returns the body. Invalid UTF-8 is replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON, or null.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the request and its status, such as `GET / returned 200`.
    pub(super) fn summary(&self) -> String {
        format!("{} returned {}", self.request, self.status)
    }

    pub(super) fn sender(&self) -> Sender {
        let body = self.json();
        match (self.status, body["type"].as_str()) {
            (429, Some(problem::QUOTA_EXCEEDED)) => return Sender::Limits,
            (503, Some(problem::REDUCED_CAPACITY)) => return Sender::Outage,
            _ => {}
        }

        // Response mapping adds the id to the responses of integrations only.
        let is_mapped = self.headers.contains_key("x-request-id");
        let has_message = ["message", "Message"]
            .iter()
            .any(|name| body[*name].is_string());
        if has_message && !is_mapped {
            Sender::Gateway
        } else {
            Sender::Backend
        }
    }

    pub(super) fn admission(&self) -> Admission {
        match (self.sender(), self.status) {
            (Sender::Backend, _) => Admission::Admitted,
            (Sender::Limits, _) => Admission::Throttled,
            (Sender::Outage, _) => Admission::Unavailable,
            (Sender::Gateway, 401 | 403) => Admission::Refused,
            (Sender::Gateway, 429) => Admission::StageThrottled,
            (Sender::Gateway, 502..=504) => Admission::Unreachable,
            (Sender::Gateway, 500..=599) => Admission::Failed,
            (Sender::Gateway, _) => Admission::NotRouted,
        }
    }

    /// True if the response is one to a request over a limit, or that was not admitted, by any sender.
    pub(super) fn is_over_limit(&self) -> bool {
        self.status == 429 || !self.is_charged()
    }

    /// True if the request was charged to the key.
    pub(super) fn is_charged(&self) -> bool {
        matches!(
            self.admission(),
            Admission::Admitted | Admission::Unreachable
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a reply to `GET /`.
    pub(in crate::requests) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(Bytes::from(body.to_owned())).unwrap();
        Reply::new("GET /", response)
    }

    #[test]
    fn gateway_is_recognized_by_its_message_without_response_mapping() {
        let forbidden = r#"{"message":"Forbidden"}"#;
        assert_eq!(reply(403, &[], forbidden).admission(), Admission::Refused);
        let mapped = [("x-request-id", "r1")];
        let of_backend = reply(403, &mapped, forbidden);
        assert_eq!(of_backend.admission(), Admission::Admitted);
        assert_eq!(reply(200, &[], "ok").admission(), Admission::Admitted);
    }

    #[test]
    fn responses_of_the_gateway_have_meanings() {
        for (status, expected) in [
            (400, Admission::NotRouted),
            (401, Admission::Refused),
            (404, Admission::NotRouted),
            (429, Admission::StageThrottled),
            (500, Admission::Failed),
            (503, Admission::Unreachable),
        ] {
            let reply = reply(status, &[], r#"{"message":"x"}"#);
            assert_eq!(reply.admission(), expected, "{status}");
        }
    }

    #[test]
    fn problem_type_tells_limits_from_a_service() {
        let ours = format!(r#"{{"type":"{}"}}"#, problem::QUOTA_EXCEEDED);
        assert_eq!(reply(429, &[], &ours).sender(), Sender::Limits);
        assert_eq!(reply(429, &[], "slow down").sender(), Sender::Backend);
        let outage = format!(r#"{{"type":"{}"}}"#, problem::REDUCED_CAPACITY);
        assert_eq!(reply(503, &[], &outage).sender(), Sender::Outage);
        assert!(!reply(503, &[], &outage).is_charged());
    }
}
