//! How often a call may be made again, and after which failures.

use telemetry::ErrorKind;

use crate::failure::Failure;
use crate::fate::Fate;
use crate::retry::MAX_ATTEMPTS;

/// How often a call may be made again, and after which failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// No retry. For requests that the service accepts once.
    Never,
    /// Up to [`MAX_ATTEMPTS`] attempts in all. For reads and idempotent calls.
    Safe,
    /// Up to [`MAX_ATTEMPTS`] attempts in all, each only if the previous one had no effect.
    OnlyIfNotApplied,
    /// One retry, except after a throttle without Retry-After. For reads with a deadline of a few
    /// seconds, which the two attempts share.
    Once,
    /// One retry, and only if the connection failed or broke. After an error response or a timeout
    /// the service may be overloaded, and a second call would add to that.
    OnceIfNoResponse,
}

impl Replay {
    /// Returns the maximum number of attempts.
    pub(crate) const fn attempts(self) -> u32 {
        match self {
            Self::Never => 1,
            Self::Safe | Self::OnlyIfNotApplied => MAX_ATTEMPTS,
            Self::Once | Self::OnceIfNoResponse => 2,
        }
    }

    /// Returns the number of attempts that share the remaining time, including the next one.
    pub(crate) const fn shares(self, attempt: u32) -> u32 {
        match self {
            // No attempt follows a timeout, and connecting has its own timeout.
            Self::OnceIfNoResponse => 1,
            _ => self.attempts() + 1 - attempt,
        }
    }

    /// True if another attempt may follow this failure.
    pub(crate) fn admits(
        self,
        failure: Failure,
        has_response: bool,
        has_retry_after: bool,
    ) -> bool {
        match self {
            Self::Never => false,
            Self::Safe => true,
            Self::OnlyIfNotApplied => failure.fate == Fate::NotApplied,
            Self::Once => failure.kind != ErrorKind::Throttling || has_retry_after,
            Self::OnceIfNoResponse => !has_response && failure.kind == ErrorKind::Network,
        }
    }
}
