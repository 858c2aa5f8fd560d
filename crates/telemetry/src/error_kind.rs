//! The kinds of failed calls.

use serde::{Deserialize, Serialize};

/// The kind of a failed call, as call records and metrics show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// A timeout while connecting or waiting for the response.
    Timeout,
    /// A failure of name resolution, connecting or TLS, or a connection that broke.
    Network,
    /// The service throttled the call.
    Throttling,
    /// Any other failure.
    Unknown,
}

impl ErrorKind {
    /// Returns the kind's name in call records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::Throttling => "throttling",
            Self::Unknown => "unknown",
        }
    }
}
