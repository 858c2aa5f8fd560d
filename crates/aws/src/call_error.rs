//! The error type of calls.

use std::borrow::Cow;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use environment::SettingError;
use telemetry::ErrorKind;

use crate::cause::{Cause, innermost};
use crate::fate::Fate;

/// A call that could not be set up, was not made, or got no response.
///
/// It never contains a header, a body, a query string or the user info of a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A setting is missing or invalid. Startup fails.
    #[error(transparent)]
    Setting(#[from] SettingError),

    /// The address is invalid or must not be called.
    #[error("address refused: {0}")]
    Address(&'static str),

    /// The timeout expired. The request may have been applied.
    #[error("no response from {host} within {waited:?}")]
    TimedOut {
        /// The host and port that were called.
        host: String,
        /// The time that the last attempt waited.
        waited: Duration,
    },

    /// The deadline had passed before anything was sent.
    #[error("no time left to call {host}")]
    NoTimeLeft {
        /// The host and port.
        host: String,
    },

    /// The response is larger than its limit.
    #[error("response of {host} is larger than {limit} bytes")]
    BodyTooLarge {
        /// The host and port that were called.
        host: String,
        /// The limit, in bytes.
        limit: usize,
    },

    /// The connection could not be opened, or it broke.
    #[error("call to {host} failed: {cause}: {}", innermost(source.as_ref()))]
    Transport {
        /// The host and port that were called.
        host: String,
        /// The kind of failure.
        kind: ErrorKind,
        /// Whether the request may have been applied.
        fate: Fate,
        /// The cause that an operator can act on.
        cause: Cause,
        /// The connector's error.
        source: BoxError,
    },

    /// The circuit breaker is open. Nothing was sent.
    #[error("circuit breaker for {name} is open for another {retry_in:?}")]
    BreakerOpen {
        /// The breaker's name.
        name: Cow<'static, str>,
        /// The time until the next probe. Zero while a probe is in progress.
        retry_in: Duration,
    },
}

impl CallError {
    /// Returns the kind for call records and metrics.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TimedOut { .. } | Self::NoTimeLeft { .. } => ErrorKind::Timeout,
            Self::Transport { kind, .. } => *kind,
            _ => ErrorKind::Unknown,
        }
    }

    /// Returns the cause for log fields: `dns`, `refused`, `unknown_ca`, `tls`, `timeout` and so
    /// on.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Setting(_) => "setting",
            Self::Address(_) => "address",
            Self::TimedOut { .. } | Self::NoTimeLeft { .. } => "timeout",
            Self::BodyTooLarge { .. } => "too_large",
            Self::Transport { cause, .. } => cause.as_str(),
            Self::BreakerOpen { .. } => "breaker",
        }
    }

    /// True if the same call may succeed when it is repeated.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::BreakerOpen { .. } => true,
            Self::Transport { kind, .. } => *kind != ErrorKind::Unknown,
            _ => false,
        }
    }

    /// Returns whether the request may have been applied.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self {
            Self::TimedOut { .. } | Self::BodyTooLarge { .. } => Fate::Unknown,
            Self::Transport { fate, .. } => *fate,
            _ => Fate::NotApplied,
        }
    }
}
