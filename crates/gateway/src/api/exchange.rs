//! An exchange: a request and its response, with the values of `$context` for mappings and logs.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use outcome::Reason;
use serde_json::Value;
use telemetry::TraceParent;

use super::{AuthorizerContext, ContextName, IncompleteReason, ResponseSource};

/// A request and its response, as far as it has been handled.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request id.
    pub request_id: String,
    /// The time of arrival.
    pub received: Timestamp,
    /// The client's address.
    pub source: IpAddr,
    /// The HTTP method.
    pub method: String,
    /// The decoded path.
    pub path: String,
    /// `HTTP/1.0` or `HTTP/1.1`.
    pub protocol: &'static str,
    /// The `Host` header.
    pub domain: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The key of the matching route.
    pub route_key: Option<String>,
    /// True for a page that only the local gateway has. It is not counted as API traffic.
    pub is_own_page: bool,
    /// The trace context of the request's own span, if there is one.
    pub span: Option<TraceParent>,
    /// The trace context of the request, if the trace is recorded.
    pub trace: Option<TraceParent>,
    /// The authorizer's context.
    pub authorizer: AuthorizerContext,
    /// The reason of a 401 of the authorizer, which has no context.
    pub unauthorized: Option<Reason>,
    /// The time that the authorizer took.
    pub authorizer_latency: Option<Duration>,
    /// The authorizer's error.
    pub authorizer_error: Option<String>,
    /// The message of an error response of API Gateway.
    pub error: Option<&'static str>,
    /// The integration's error.
    pub integration_error: Option<String>,
    /// The status of the integration's response.
    pub integration_status: Option<u16>,
    /// The time until the integration's response.
    pub integration_latency: Option<Duration>,
    /// The time for which the client did not send more of its request's body.
    pub client_wait: Duration,
    /// The time until the backend or function began its response, or failed, without `client_wait`.
    /// `None` if neither was called, or if the client left first.
    pub upstream_latency: Option<Duration>,
    /// The part of the API that made the response, if there is one.
    pub response_source: ResponseSource,
    /// The status of the response to the client.
    pub status: Option<u16>,
    /// The time until the beginning of the response.
    pub head_latency: Option<Duration>,
    /// The size of the response body in bytes.
    pub response_length: Option<u64>,
    /// The time until the end of the response.
    pub response_latency: Option<Duration>,
    /// The reason why the body of the response ended early.
    pub incomplete: Option<IncompleteReason>,
}

impl Exchange {
    /// Creates the exchange of a request that has just arrived.
    #[must_use]
    pub fn begin(request_id: String, source: IpAddr) -> Self {
        Self {
            request_id,
            received: Timestamp::now(),
            source,
            method: String::new(),
            path: String::new(),
            protocol: "HTTP/1.1",
            domain: String::new(),
            user_agent: String::new(),
            route_key: None,
            is_own_page: false,
            span: None,
            trace: None,
            authorizer: AuthorizerContext::default(),
            unauthorized: None,
            authorizer_latency: None,
            authorizer_error: None,
            error: None,
            integration_error: None,
            integration_status: None,
            integration_latency: None,
            client_wait: Duration::ZERO,
            upstream_latency: None,
            response_source: ResponseSource::default(),
            status: None,
            head_latency: None,
            response_length: None,
            response_latency: None,
            incomplete: None,
        }
    }

    /// Returns the value of a `$context` variable. `None` if it has no value.
    #[must_use]
    pub fn value(&self, name: &ContextName) -> Option<Cow<'_, str>> {
        let name = match name {
            ContextName::Authorizer(key) => return scalar(self.authorizer.get(key)?),
            ContextName::Builtin(name) => *name,
        };

        match name {
            "requestId" | "extendedRequestId" => Some(Cow::Borrowed(&self.request_id)),
            "requestTime" => Some(Cow::Owned(self.request_time())),
            "requestTimeEpoch" => Some(shown(self.received.as_millisecond())),
            "identity.sourceIp" => Some(shown(self.source)),
            "identity.userAgent" => non_empty(&self.user_agent),
            "httpMethod" => non_empty(&self.method),
            "path" => non_empty(&self.path),
            "protocol" => Some(Cow::Borrowed(self.protocol)),
            "domainName" => non_empty(&self.domain),
            "routeKey" => self.route_key.as_deref().map(Cow::Borrowed),
            "stage" => Some(Cow::Borrowed("$default")),
            "accountId" => Some(Cow::Borrowed("123456789012")),
            "apiId" => Some(Cow::Borrowed("local")),
            other => self.result(other),
        }
    }

    /// The variables about errors and the response.
    fn result(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "authorizer.error" => self.authorizer_error.as_deref().map(Cow::Borrowed),
            "error.message" => self.error.map(Cow::Borrowed),
            "error.responseType" => self
                .error
                .map(|message| Cow::Owned(message.to_uppercase().replace(' ', "_"))),
            "integrationErrorMessage" | "integration.error" => {
                self.integration_error.as_deref().map(Cow::Borrowed)
            }
            "integrationStatus" | "integration.status" => self.integration_status.map(shown),
            "integrationLatency" | "integration.latency" => {
                self.integration_latency.map(milliseconds)
            }
            "status" => self.status.map(shown),
            "responseLength" => self.response_length.map(shown),
            "responseLatency" => self.response_latency.map(milliseconds),
            _ => None,
        }
    }

    /// Returns the time of arrival in the format of access logs, such as
    /// `30/Nov/2026:12:00:00 +0000`.
    pub(crate) fn request_time(&self) -> String {
        let format = "%d/%b/%Y:%H:%M:%S +0000";
        self.received.strftime(format).to_string()
    }

    /// Returns the time until the beginning of the response, without the times of the upstream and
    /// of the client. `None` without a response.
    #[must_use]
    pub fn gateway_latency(&self) -> Option<Duration> {
        let head = self.head_latency?;
        let others = self.upstream_latency.unwrap_or_default() + self.client_wait;
        Some(head.saturating_sub(others))
    }
}

fn non_empty(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

fn milliseconds(duration: Duration) -> Cow<'static, str> {
    shown(duration.as_millis())
}

fn shown(value: impl ToString) -> Cow<'static, str> {
    Cow::Owned(value.to_string())
}

fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(_) | Value::Number(_) => Some(shown(value)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
