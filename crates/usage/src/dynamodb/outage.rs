//! When the store gave no answer, and what the breaker makes of an answer.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use calls::timeouts::SHORTEST;
use calls::{Breaker, CallError, Deadline, ErrorKind, Failure, Fate, Permit};

/// After a failure the next call may well pass; while the breaker is open it knows when.
const RETRY_IN: Duration = Duration::from_secs(1);

/// A call that did not lead to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    /// When the store will be asked again.
    pub(super) retry_in: Duration,
    /// Whether the call surely had no effect and may be made again.
    pub(super) retryable: bool,
    /// Whether the call surely had no effect.
    pub(super) surely_not_applied: bool,
    /// For the log.
    pub(super) reason: &'static str,
}

impl Outage {
    pub(super) const DEADLINE: Self =
        Self { retry_in: RETRY_IN, retryable: false, surely_not_applied: false, reason: "no answer in time" };
    pub(super) const CONTRADICTION: Self = Self {
        retry_in: RETRY_IN,
        retryable: false,
        surely_not_applied: true,
        reason: "the item changed as no charge changes it",
    };

    fn refused(error: &CallError) -> Self {
        let retry_in = match error {
            CallError::BreakerOpen { retry_in, .. } => *retry_in,
            _ => RETRY_IN,
        };
        Self { retry_in, retryable: false, surely_not_applied: true, reason: "the breaker is open" }
    }

    /// Only what surely did not happen is retried.
    fn failed(failure: Failure) -> Self {
        let reason = failure.kind.as_str();
        let surely_not_applied = failure.fate == Fate::SurelyNotApplied;
        Self { retry_in: RETRY_IN, retryable: failure.retryable && surely_not_applied, surely_not_applied, reason }
    }
}

/// Leave to make one call, where the breaker gives it and there is time for one: a call that cannot be answered
/// in time would count against the store, and might charge somebody who is not told.
pub(super) fn permit(breaker: &Breaker, deadline: Deadline) -> Result<Permit<'_>, Outage> {
    let now = Instant::now();
    if deadline.remaining(now) < SHORTEST {
        return Err(Outage::DEADLINE);
    }
    breaker.permit(now).map_err(|error| Outage::refused(&error))
}

/// Tells the breaker how a call ended, and the caller what is left to do. `None`: it did not end in time.
pub(super) fn settle<T, E: ProvideErrorMetadata>(
    permit: Permit<'_>,
    outcome: Option<Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, Outage> {
    let (verdict, result) = match outcome {
        Some(Ok(answer)) => (calls::Verdict::Success, Ok(answer)),
        Some(Err(error)) => {
            let failure = Failure::of_sdk(&error);
            (verdict(failure), Err(Outage::failed(failure)))
        }
        None => (calls::Verdict::Failure, Err(Outage::DEADLINE)),
    };
    permit.settle(verdict, Instant::now());
    result
}

/// A throttle says nothing about the store as a whole: one caller's hot partition must not open the way for
/// all others.
fn verdict(failure: Failure) -> calls::Verdict {
    if failure.kind == ErrorKind::Throttling { calls::Verdict::ClientError } else { failure.verdict() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: ErrorKind, fate: Fate, client_error: bool) -> Failure {
        Failure { kind, retryable: true, fate, client_error }
    }

    #[test]
    fn only_what_surely_did_not_happen_is_retried() {
        assert!(Outage::failed(failure(ErrorKind::Throttling, Fate::SurelyNotApplied, false)).retryable);
        assert!(!Outage::failed(failure(ErrorKind::Network, Fate::Unknown, false)).retryable);
        let refused = Failure { retryable: false, ..failure(ErrorKind::Unknown, Fate::SurelyNotApplied, true) };
        assert!(!Outage::failed(refused).retryable);
    }

    #[test]
    fn neither_a_throttle_nor_a_fault_of_our_own_opens_the_breaker() {
        let neutral = calls::Verdict::ClientError;
        assert_eq!(verdict(failure(ErrorKind::Throttling, Fate::SurelyNotApplied, false)), neutral);
        assert_eq!(verdict(failure(ErrorKind::Unknown, Fate::SurelyNotApplied, true)), neutral);
        assert_eq!(verdict(failure(ErrorKind::Timeout, Fate::Unknown, false)), calls::Verdict::Failure);
    }

    #[test]
    fn without_time_no_call_is_made_and_the_breaker_learns_nothing() {
        let (breaker, now) = (Breaker::new("usage"), Instant::now());
        for _ in 0..10 {
            let outage = permit(&breaker, Deadline::after(now, SHORTEST / 2)).unwrap_err();
            assert_eq!(outage, Outage::DEADLINE);
        }
        assert!(permit(&breaker, Deadline::after(now, Duration::from_secs(1))).is_ok());
    }

    #[test]
    fn an_open_breaker_knows_when_to_come_back() {
        let error = CallError::BreakerOpen { name: "usage", retry_in: Duration::from_secs(17) };
        assert_eq!(Outage::refused(&error).retry_in, Duration::from_secs(17));
    }
}
