//! `$context`: what API Gateway knows about a request, for mappings and access logs.
//!
//! Source of the names:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A name behind `$context.` that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextName {
    /// One of API Gateway's own.
    Own(&'static str),
    /// A key of the authorizer's context.
    Authorizer(String),
}

const OWN: [&str; 29] = [
    "accountId",
    "apiId",
    "authorizer.error",
    "domainName",
    "error.message",
    "error.responseType",
    "httpMethod",
    "identity.clientCert.serialNumber",
    "identity.sourceIp",
    "identity.userAgent",
    "identity.userArn",
    "integration.error",
    "integration.latency",
    "integration.requestId",
    "integration.status",
    "integrationErrorMessage",
    "integrationLatency",
    "integrationStatus",
    "path",
    "protocol",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "responseLatency",
    "responseLength",
    "routeKey",
    "stage",
    "status",
    "extendedRequestId",
];

impl ContextName {
    /// `None` for a name that API Gateway does not know.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(known) = OWN.iter().find(|known| **known == name) {
            return Some(Self::Own(known));
        }
        let key = name.strip_prefix("authorizer.")?;
        let plain = !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        plain.then(|| Self::Authorizer(key.to_owned()))
    }
}

/// What is known of one request and its answer so far.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// API Gateway's id of the request.
    pub request_id: String,
    /// When it came.
    pub received: Timestamp,
    /// From where.
    pub source: IpAddr,
    /// Its method.
    pub method: String,
    /// Its path, decoded.
    pub path: String,
    /// Its protocol.
    pub protocol: &'static str,
    /// The `Host` it asked for.
    pub domain: String,
    /// The `User-Agent`.
    pub user_agent: String,
    /// The route that it took.
    pub route_key: Option<String>,
    /// True for a page that only the local gateway has, which is not traffic of the API.
    pub is_own_page: bool,
    /// What the authorizer said about it.
    pub authorizer: Map<String, Value>,
    /// Why the authorizer could not say.
    pub authorizer_error: Option<String>,
    /// The message of an answer of the gateway's own.
    pub error: Option<&'static str>,
    /// Why the integration could not answer.
    pub integration_error: Option<String>,
    /// What the integration answered.
    pub integration_status: Option<u16>,
    /// How long it took.
    pub integration_latency: Option<Duration>,
    /// What the client was answered.
    pub status: Option<u16>,
    /// How many bytes of body.
    pub response_length: Option<u64>,
    /// How long it all took.
    pub response_latency: Option<Duration>,
}

impl Exchange {
    /// A request of which nothing but its arrival is known.
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
            authorizer: Map::new(),
            authorizer_error: None,
            error: None,
            integration_error: None,
            integration_status: None,
            integration_latency: None,
            status: None,
            response_length: None,
            response_latency: None,
        }
    }

    /// A value of `$context`, or `None` where there is none.
    #[must_use]
    pub fn value(&self, name: &ContextName) -> Option<String> {
        let name = match name {
            ContextName::Authorizer(key) => return scalar(self.authorizer.get(key)?),
            ContextName::Own(name) => *name,
        };
        match name {
            "requestId" | "extendedRequestId" => Some(self.request_id.clone()),
            "requestTime" => Some(
                self.received
                    .strftime("%d/%b/%Y:%H:%M:%S +0000")
                    .to_string(),
            ),
            "requestTimeEpoch" => Some(self.received.as_millisecond().to_string()),
            "identity.sourceIp" => Some(self.source.to_string()),
            "identity.userAgent" => some(&self.user_agent),
            "httpMethod" => some(&self.method),
            "path" => some(&self.path),
            "protocol" => Some(self.protocol.to_owned()),
            "domainName" => some(&self.domain),
            "routeKey" => self.route_key.clone(),
            "stage" => Some("$default".to_owned()),
            "accountId" => Some("123456789012".to_owned()),
            "apiId" => Some("local".to_owned()),
            other => self.outcome(other),
        }
    }

    fn outcome(&self, name: &str) -> Option<String> {
        match name {
            "authorizer.error" => self.authorizer_error.clone(),
            "error.message" => self.error.map(str::to_owned),
            "error.responseType" => self
                .error
                .map(|message| message.to_uppercase().replace(' ', "_")),
            "integrationErrorMessage" | "integration.error" => self.integration_error.clone(),
            "integrationStatus" | "integration.status" => {
                self.integration_status.map(|status| status.to_string())
            }
            "integrationLatency" | "integration.latency" => {
                self.integration_latency.map(milliseconds)
            }
            "status" => self.status.map(|status| status.to_string()),
            "responseLength" => self.response_length.map(|length| length.to_string()),
            "responseLatency" => self.response_latency.map(milliseconds),
            _ => None,
        }
    }

    /// Stores the authorizer's context, a flat map of scalars.
    pub fn set_authorizer_context(&mut self, context: BTreeMap<String, Value>) {
        self.authorizer = context.into_iter().collect();
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
