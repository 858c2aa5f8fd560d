//! The kinds of failed calls.

use serde::{Deserialize, Serialize};

/// The kinds of failure that call records and metrics tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// No answer within the time-out, on connecting or later.
    Timeout,
    /// Name resolution, connecting, TLS, or a connection that broke.
    Network,
    /// The other side asks for fewer calls.
    Throttling,
    /// Everything else.
    Unknown,
}

impl ErrorKind {
    /// The kind's name, as it stands in records and metrics.
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
