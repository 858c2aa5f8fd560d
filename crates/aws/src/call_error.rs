//! The one error type of this package.

use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use telemetry::ErrorKind;

use crate::cause::{Cause, innermost};
use crate::fate::Fate;

/// Why a call could not be set up, was not made, or brought no answer.
///
/// Nothing here ever holds a header, a body, a query string or user info of a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A setting that is missing or cannot be used; ends the start.
    #[error("{variable}: {reason}")]
    Setting {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it, without its value.
        reason: String,
    },

    /// An address that must not be called, or cannot be.
    #[error("address refused: {0}")]
    Address(&'static str),

    /// The deadline came first. What the other side did is unknown.
    #[error("no answer from {host} within {waited:?}")]
    TimedOut {
        /// Host (and port) that was called.
        host: String,
        /// How long the last attempt waited.
        waited: Duration,
    },

    /// The deadline had passed before anything was sent.
    #[error("no time left to call {host}")]
    NoTimeLeft {
        /// Host (and port) that was not called.
        host: String,
    },

    /// The answer is larger than the bound on it.
    #[error("answer of {host} is larger than {limit} bytes")]
    BodyTooLarge {
        /// Host (and port) that was called.
        host: String,
        /// The bound, in bytes.
        limit: usize,
    },

    /// No connection, or one that broke.
    #[error("call to {host} failed: {cause}: {}", innermost(source.as_ref()))]
    Transport {
        /// Host (and port) that was called.
        host: String,
        /// What kind of failure it was.
        kind: ErrorKind,
        /// Whether the request can have reached the other side.
        fate: Fate,
        /// What made it fail.
        cause: Cause,
        /// The connector's own error.
        source: BoxError,
    },

    /// The circuit breaker is open: nothing was sent.
    #[error("circuit breaker for {name} is open for another {retry_in:?}")]
    BreakerOpen {
        /// The breaker's name.
        name: &'static str,
        /// Time until the next call may be tried; zero while a probe is under way.
        retry_in: Duration,
    },
}

impl CallError {
    pub(crate) fn setting(variable: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting {
            variable,
            reason: reason.into(),
        }
    }

    /// The kind under which this failure is recorded.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TimedOut { .. } | Self::NoTimeLeft { .. } => ErrorKind::Timeout,
            Self::Transport { kind, .. } => *kind,
            _ => ErrorKind::Unknown,
        }
    }

    /// The word for log fields that says what went wrong: `dns`, `refused`, `tls`, `timeout` and so
    /// on.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "setting",
            Self::Address(_) => "address",
            Self::TimedOut { .. } | Self::NoTimeLeft { .. } => "timeout",
            Self::BodyTooLarge { .. } => "too_large",
            Self::Transport { cause, .. } => cause.as_str(),
            Self::BreakerOpen { .. } => "breaker",
        }
    }

    /// Whether the same call may succeed if it is made again.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::BreakerOpen { .. } => true,
            Self::Transport { kind, .. } => *kind != ErrorKind::Unknown,
            _ => false,
        }
    }

    /// Whether the other side can have acted on the request.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self {
            Self::TimedOut { .. } | Self::BodyTooLarge { .. } => Fate::Unknown,
            Self::Transport { fate, .. } => *fate,
            _ => Fate::NotApplied,
        }
    }
}
