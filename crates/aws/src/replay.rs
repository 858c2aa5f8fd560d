//! How often a call may be made again, and after which failures.

use std::time::Duration;

use http::StatusCode;
use telemetry::ErrorKind;

use crate::failure::Failure;
use crate::fate::Fate;
use crate::retry::MAX_ATTEMPTS;
use crate::timeouts::{MIN_CALL_TIME, Timeouts};

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
    /// Up to [`MAX_ATTEMPTS`] attempts in all. Each may use all of the remaining time, so none follows
    /// a timeout. Another attempt follows a failure of the network, 502, 503 and 504. After a 429, one
    /// more attempt follows if the service asks for a pause of at least a second. For reads whose
    /// timeout the operator chose.
    UntilDeadline,
}

/// The shortest Retry-After of a 429 that [`Replay::UntilDeadline`] retries. A service that throttles a
/// caller and asks for less would only get more calls.
const MIN_THROTTLE_PAUSE: Duration = Duration::from_secs(1);

impl Replay {
    /// Returns the maximum number of attempts.
    pub(crate) const fn attempts(self) -> u32 {
        match self {
            Self::Never => 1,
            Self::Safe | Self::OnlyIfNotApplied | Self::UntilDeadline => MAX_ATTEMPTS,
            Self::Once | Self::OnceIfNoResponse => 2,
        }
    }

    /// Returns the time for an attempt, or `None` if too little remains for one.
    pub(crate) fn attempt_time(self, attempt: u32, remaining: Duration) -> Option<Duration> {
        match self {
            Self::UntilDeadline => (remaining >= MIN_CALL_TIME).then_some(remaining),
            _ => Timeouts::within(remaining, self.shares(attempt)).map(|it| it.attempt),
        }
    }

    /// Returns the number of attempts that share the remaining time, including the next one.
    const fn shares(self, attempt: u32) -> u32 {
        match self {
            // No attempt follows a timeout, and connecting has its own timeout.
            Self::OnceIfNoResponse => 1,
            _ => self.attempts() + 1 - attempt,
        }
    }

    /// True if another attempt may follow this failure of the `attempt`-th one (the first is 1).
    /// `status` is that of the response, and `retry_after` its Retry-After, if there was one.
    pub(crate) fn admits(
        self,
        failure: Failure,
        status: Option<StatusCode>,
        retry_after: Option<Duration>,
        attempt: u32,
    ) -> bool {
        match self {
            Self::Never => false,
            Self::Safe => true,
            Self::OnlyIfNotApplied => failure.fate == Fate::NotApplied,
            Self::Once => failure.kind != ErrorKind::Throttling || retry_after.is_some(),
            Self::OnceIfNoResponse => status.is_none() && failure.kind == ErrorKind::Network,
            Self::UntilDeadline => match status.map(|status| status.as_u16()) {
                None => failure.kind == ErrorKind::Network,
                Some(429) => {
                    attempt == 1 && retry_after.is_some_and(|pause| pause >= MIN_THROTTLE_PAUSE)
                }
                Some(status) => matches!(status, 502..=504),
            },
        }
    }
}
