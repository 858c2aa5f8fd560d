//! Outages: requests without a usable response, and what they mean for the circuit breaker.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use aws::timeouts::MIN_CALL_TIME;
use aws::{Breaker, CallError, Deadline, Failure, Fate, Permit};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use telemetry::ErrorKind;

use super::throttle::{Throttle, Throttles};

/// The greatest length of an error code in a log.
const MAX_CODE_BYTES: usize = 100;
/// The time until the next call after a failure. While the breaker is open, it knows the time.
const RETRY_IN: Duration = Duration::from_secs(1);

/// A request that led to no decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What is to blame.
    pub cause: OutageCause,
    /// When the store will be called again.
    pub retry_in: Duration,
    /// True if the same request may succeed at once.
    pub may_pass: bool,
    /// True if the request certainly had no effect.
    pub was_not_applied: bool,
    /// For the log: the kind of failure, or DynamoDB's error code.
    pub reason: Cow<'static, str>,
    /// For the log: the throttled resource that DynamoDB names, or the error code of the throttle.
    pub throttle: Option<String>,
}

/// The cause of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageCause {
    /// The store does not respond, or not to the request.
    Store,
    /// The store responds that this item is used too often.
    HotItem,
    /// The store responds that a concurrent write changed the item. Nothing was done.
    Conflict,
}

impl fmt::Display for Outage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.throttle {
            Some(throttle) => write!(formatter, "{} ({throttle})", self.reason),
            None => formatter.write_str(&self.reason),
        }
    }
}

impl Outage {
    /// The store did not respond by the deadline.
    pub const DEADLINE: Self = Self::of("no answer in time");
    /// The request lacks a required part.
    pub const UNSENT: Self = Self::of("the request is incomplete");
    /// Other requests changed the item between each read and the write.
    pub const CONFLICT: Self = Self::by(OutageCause::Conflict, "others change the same item");

    const fn of(reason: &'static str) -> Self {
        Self::by(OutageCause::Store, reason)
    }

    const fn by(cause: OutageCause, reason: &'static str) -> Self {
        Self {
            cause,
            retry_in: RETRY_IN,
            may_pass: false,
            was_not_applied: matches!(cause, OutageCause::Conflict),
            reason: Cow::Borrowed(reason),
            throttle: None,
        }
    }

    /// Returns the outage of this attempt after that of the attempt before. If the earlier one
    /// found the item used too often, a missing response does not change that: the caller would
    /// pass uncounted.
    pub fn after(self, before: Option<Self>) -> Self {
        match before {
            Some(before)
                if self.cause == OutageCause::Store && before.cause != OutageCause::Store =>
            {
                // Whether this attempt was applied may be unknown.
                Self {
                    cause: OutageCause::HotItem,
                    may_pass: false,
                    was_not_applied: false,
                    ..before
                }
            }
            _ => self,
        }
    }

    fn refused(error: &CallError) -> Self {
        let retry_in = match error {
            CallError::BreakerOpen { retry_in, .. } => *retry_in,
            _ => RETRY_IN,
        };
        Self {
            retry_in,
            was_not_applied: true,
            ..Self::of("the breaker is open")
        }
    }

    fn failed<E: ProvideErrorMetadata + Throttles>(error: &SdkError<E, HttpResponse>) -> Self {
        let failure = Failure::of_sdk(error);
        let code = error.code().and_then(printable);
        if error.as_service_error().is_some_and(Throttles::is_conflict) {
            return Self {
                may_pass: true,
                ..Self::CONFLICT
            };
        }
        if failure.kind != ErrorKind::Throttling {
            let kind = Cow::Borrowed(failure.kind.as_str());
            return Self::judged(failure, code.map_or(kind, Cow::Owned));
        }

        let throttle = error
            .as_service_error()
            .map_or_else(Throttle::default, |error| error.throttle());
        Self {
            cause: if throttle.is_shared {
                OutageCause::Store
            } else {
                OutageCause::HotItem
            },
            throttle: throttle.reason.as_deref().and_then(printable).or(code),
            ..Self::judged(failure, Cow::Borrowed(failure.kind.as_str()))
        }
    }

    /// Returns true if the request may be repeated: only if it certainly had no effect.
    pub fn is_retryable(&self) -> bool {
        self.may_pass && self.was_not_applied
    }

    fn judged(failure: Failure, reason: Cow<'static, str>) -> Self {
        let was_not_applied = failure.fate == Fate::NotApplied;
        Self {
            may_pass: failure.retryable,
            was_not_applied,
            reason,
            ..Self::of("")
        }
    }
}

/// Returns an error code if it is printable and short, so that the length of a log line does not
/// depend on a response.
fn printable(code: &str) -> Option<String> {
    let is_code = !code.is_empty()
        && code.len() <= MAX_CODE_BYTES
        && code.bytes().all(|byte| byte.is_ascii_graphic());
    is_code.then(|| code.to_owned())
}

/// Returns the permission for one request, if the breaker is closed and there is time for it. A
/// request that cannot be answered in time would count against the store, and might charge a caller
/// that is not told.
pub fn permit(breaker: &Breaker, deadline: Deadline) -> Result<Permit<'_>, Outage> {
    let now = Instant::now();
    if deadline.remaining(now) < MIN_CALL_TIME {
        return Err(Outage::DEADLINE);
    }
    breaker.permit(now).map_err(|error| Outage::refused(&error))
}

/// The place of a request among the attempts of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It has the time of the whole call.
    First,
    /// It has the time that earlier attempts left. The breaker knows their outcome.
    Retry,
}

impl Attempt {
    /// Returns the attempt with this number, from 1.
    pub fn number(number: u32) -> Self {
        if number <= 1 {
            Self::First
        } else {
            Self::Retry
        }
    }

    /// Returns the meaning of a missing response for the breaker. A retry may have had only a few
    /// milliseconds. If it counted, one throttled item would open the breaker for every caller.
    fn timed_out(self) -> aws::Verdict {
        match self {
            Self::First => aws::Verdict::Failure,
            Self::Retry => aws::Verdict::ClientError,
        }
    }
}

/// Reports the outcome of a request to the breaker and returns its response. `None` means that it
/// did not end in time.
pub fn settle<T, E: ProvideErrorMetadata + Throttles>(
    permit: Permit<'_>,
    outcome: Option<Result<T, SdkError<E, HttpResponse>>>,
    attempt: Attempt,
) -> Result<T, Outage> {
    let (verdict, result) = match outcome {
        Some(Ok(answer)) => (aws::Verdict::Success, Ok(answer)),
        Some(Err(error)) => (
            verdict(Failure::of_sdk(&error)),
            Err(Outage::failed(&error)),
        ),
        None => (attempt.timed_out(), Err(Outage::DEADLINE)),
    };
    permit.settle(verdict, Instant::now());
    result
}

/// Returns the meaning of a failure for the breaker. A store that throttles has responded: one
/// caller's hot item must not affect all others.
fn verdict(failure: Failure) -> aws::Verdict {
    if failure.kind == ErrorKind::Throttling {
        aws::Verdict::ClientError
    } else {
        failure.verdict()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
    use aws_sdk_dynamodb::types::ThrottlingReason;
    use aws_sdk_dynamodb::types::error::ThrottlingException;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    fn failure(kind: ErrorKind, fate: Fate, client_error: bool) -> Failure {
        Failure {
            kind,
            retryable: true,
            fate,
            client_error,
        }
    }

    #[test]
    fn only_what_surely_did_not_happen_is_retried() {
        let retried = |failure| Outage::judged(failure, "".into()).is_retryable();
        assert!(retried(failure(
            ErrorKind::Throttling,
            Fate::NotApplied,
            false
        )));
        assert!(!retried(failure(ErrorKind::Network, Fate::Unknown, false)));
        let refused = Failure {
            retryable: false,
            ..failure(ErrorKind::Unknown, Fate::NotApplied, true)
        };
        assert!(!retried(refused));
    }

    fn outage(error: UpdateItemError, status: u16) -> Outage {
        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        Outage::failed(&SdkError::service_error(error, response))
    }

    fn generic(code: &str) -> UpdateItemError {
        UpdateItemError::generic(ErrorMetadata::builder().code(code).build())
    }

    #[test]
    fn the_error_code_is_the_reason() {
        for code in [
            "AccessDeniedException",
            "ResourceNotFoundException",
            "UnrecognizedClientException",
        ] {
            assert_eq!(outage(generic(code), 400).to_string(), code);
        }
        assert_eq!(
            outage(generic("InternalServerError"), 500).reason,
            "InternalServerError"
        );
        for odd in ["", "a b", "a\nb", &"a".repeat(101)] {
            assert_eq!(outage(generic(odd), 400).reason, "unknown", "{odd}");
        }
    }

    #[test]
    fn a_throttle_without_reasons_is_of_the_item_and_is_logged_with_its_code() {
        for code in [
            "ProvisionedThroughputExceededException",
            "ThrottlingException",
            "RequestLimitExceeded",
        ] {
            let outage = outage(generic(code), 400);
            assert_eq!(
                (outage.cause, outage.is_retryable()),
                (OutageCause::HotItem, true),
                "{code}"
            );
            assert_eq!(outage.to_string(), format!("throttling ({code})"));
        }
    }

    #[test]
    fn an_item_that_was_used_too_often_stays_so_without_a_response() {
        let [hot, shared] = [
            "TableWriteKeyRangeThroughputExceeded",
            "TableWriteAccountLimitExceeded",
        ]
        .map(|reason| {
            let reason = ThrottlingReason::builder().reason(reason).build();
            let error = ThrottlingException::builder()
                .throttling_reasons(reason)
                .build();
            outage(UpdateItemError::ThrottlingException(error), 429)
        });
        for before in [hot.clone(), Outage::CONFLICT] {
            let after = Outage::DEADLINE.after(Some(before.clone()));
            assert_eq!(
                (after.cause, after.is_retryable()),
                (OutageCause::HotItem, false)
            );
            assert_eq!(after.reason, before.reason);
        }
        assert_eq!(
            Outage::DEADLINE.after(Some(shared.clone())),
            Outage::DEADLINE
        );
        assert_eq!(hot.clone().after(Some(shared)), hot);
        assert_eq!(Outage::DEADLINE.after(None), Outage::DEADLINE);
    }

    #[test]
    fn neither_a_throttle_nor_a_fault_of_our_own_opens_the_breaker() {
        let neutral = aws::Verdict::ClientError;
        assert_eq!(
            verdict(failure(ErrorKind::Throttling, Fate::NotApplied, false)),
            neutral
        );
        assert_eq!(
            verdict(failure(ErrorKind::Unknown, Fate::NotApplied, true)),
            neutral
        );
        assert_eq!(
            verdict(failure(ErrorKind::Timeout, Fate::Unknown, false)),
            aws::Verdict::Failure
        );
    }

    #[test]
    fn without_time_no_call_is_made_and_the_breaker_learns_nothing() {
        let (breaker, now) = (Breaker::new("usage"), Instant::now());
        for _ in 0..10 {
            let outage = permit(&breaker, Deadline::after(now, MIN_CALL_TIME / 2)).unwrap_err();
            assert_eq!(outage, Outage::DEADLINE);
        }
        assert!(permit(&breaker, Deadline::after(now, Duration::from_secs(1))).is_ok());
    }

    #[test]
    fn an_open_breaker_knows_when_to_come_back() {
        let error = CallError::BreakerOpen {
            name: "usage",
            retry_in: Duration::from_secs(17),
        };
        assert_eq!(Outage::refused(&error).retry_in, Duration::from_secs(17));
    }
}
