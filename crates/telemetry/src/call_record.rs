//! The call record, which metrics-publisher turns into metrics.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error_kind::ErrorKind;

/// The kind of endpoint that a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointKind {
    /// A VPC endpoint.
    Vpce,
    /// The service's public endpoint, or the one in `AWS_ENDPOINT_URL`.
    Public,
}

impl EndpointKind {
    /// Returns the kind's name in call records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vpce => "vpce",
            Self::Public => "public",
        }
    }
}

/// A finished call with all its attempts and pauses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The name of the called service's endpoint, such as `dynamodb`, `monitoring` or `jwks`.
    pub service: Cow<'static, str>,
    /// The operation, such as `UpdateItem` or `PutMetricData`.
    pub operation: Cow<'static, str>,
    /// The duration in milliseconds, including pauses.
    pub duration_ms: f64,
    /// True if the service responded without an error. A failed condition is not an error.
    pub success: bool,
    /// The kind of failure. Missing on success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorKind>,
    /// The start of the call, in milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// The kind of endpoint that the last attempt went to.
    pub endpoint: EndpointKind,
    /// The number of attempts. Zero if the call failed before the first one.
    pub attempts: u32,
}
