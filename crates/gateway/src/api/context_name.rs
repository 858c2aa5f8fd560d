//! The names of `$context` variables.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>.

/// A valid name behind `$context.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextName {
    /// A variable of API Gateway.
    Builtin(&'static str),
    /// A key of the authorizer's context.
    Authorizer(String),
}

const BUILTIN_NAMES: [&str; 29] = [
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
    /// Parses a name without `$context.`. `None` if API Gateway does not know it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(known) = BUILTIN_NAMES.iter().find(|known| **known == name) {
            return Some(Self::Builtin(known));
        }

        let key = name.strip_prefix("authorizer.")?;
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (!key.is_empty() && key.bytes().all(is_valid)).then(|| Self::Authorizer(key.to_owned()))
    }
}
