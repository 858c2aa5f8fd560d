//! The kinds of failed calls.

use serde::{Deserialize, Serialize};

/// The kind of a failed call, as call records and metrics show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A timeout while connecting or waiting for the response.
    Timeout,
    /// A failure of name resolution, connecting or TLS, or a connection that broke.
    Network,
    /// The service throttled the call.
    Throttling,
    /// The service denied the call: a permission is missing, or the credentials are not valid.
    AccessDenied,
    /// The credentials have expired.
    ExpiredCredentials,
    /// The request was signed with a clock that differs too much from the service's.
    ClockSkew,
    /// The service failed: a 5xx response other than 504.
    ServerError,
    /// Any other failure.
    Unknown,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Timeout,
        Self::Network,
        Self::Throttling,
        Self::AccessDenied,
        Self::ExpiredCredentials,
        Self::ClockSkew,
        Self::ServerError,
        Self::Unknown,
    ];

    /// Returns the kind's name in call records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::Throttling => "throttling",
            Self::AccessDenied => "access_denied",
            Self::ExpiredCredentials => "expired_credentials",
            Self::ClockSkew => "clock_skew",
            Self::ServerError => "server_error",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_the_serialized_form() {
        for kind in ErrorKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
