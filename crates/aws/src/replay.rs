//! How often a call may be made again, and after which failures.

use telemetry::ErrorKind;

use crate::failure::Failure;
use crate::fate::Fate;
use crate::retry::MAX_ATTEMPTS;

/// Whether a call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Up to [`MAX_ATTEMPTS`] in all: it reads, or it has the same effect twice.
    Safe,
    /// Up to [`MAX_ATTEMPTS`] in all, each only if the one before surely had no effect.
    OnlyIfNotApplied,
    /// Once more, after any failure but a throttled call that names no time: a read that has a few
    /// seconds, half of them for each attempt.
    Once,
    /// Once more, and only if the connection failed or broke. A response, however bad, and a
    /// timeout may mean that the other side is overloaded, and a second call would make that worse.
    OnceIfUnanswered,
}

impl Replay {
    pub(crate) const fn attempts(self) -> u32 {
        match self {
            Self::Safe | Self::OnlyIfNotApplied => MAX_ATTEMPTS,
            Self::Once | Self::OnceIfUnanswered => 2,
        }
    }

    /// Among how many attempts the remaining time is divided, the next one included.
    pub(crate) const fn shares(self, attempt: u32) -> u32 {
        match self {
            // A timeout is not followed by another attempt, and connections have a timeout of their
            // own.
            Self::OnceIfUnanswered => 1,
            _ => self.attempts() + 1 - attempt,
        }
    }

    /// Returns whether another attempt may follow this failure.
    pub(crate) fn admits(self, failure: Failure, answered: bool, asked: bool) -> bool {
        match self {
            Self::Safe => true,
            Self::OnlyIfNotApplied => failure.fate == Fate::NotApplied,
            Self::Once => failure.kind != ErrorKind::Throttling || asked,
            Self::OnceIfUnanswered => !answered && failure.kind == ErrorKind::Network,
        }
    }
}
