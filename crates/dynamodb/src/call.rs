//! One request of a decision, between the circuit breaker's permission and its verdict.

use std::time::Instant;

use aws::timeouts::MIN_CALL_TIME;
use aws::{Breaker, Deadline, Failure, Permit};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use telemetry::ErrorKind;

use crate::outage::Outage;
use crate::throttle::Throttles;

/// A request that the circuit breaker permits.
#[derive(Debug)]
#[must_use = "a call that is not settled is not counted"]
pub struct Call<'c> {
    operation: &'static str,
    table: &'c str,
    permit: Permit<'c>,
    began: Instant,
}

impl<'c> Call<'c> {
    /// Begins a request, if the breaker is closed and there is time for it. A request that cannot
    /// be answered in time would count against the store, and might charge a caller in vain.
    ///
    /// # Errors
    /// [`Outage`] if the breaker is open or no time is left.
    pub fn begin(
        operation: &'static str,
        table: &'c str,
        breaker: &'c Breaker,
        deadline: Deadline,
    ) -> Result<Self, Outage> {
        let began = tokio::time::Instant::now().into_std();
        if deadline.remaining(began) < MIN_CALL_TIME {
            return Err(Outage::DEADLINE.of_call(operation, table));
        }

        let permit = breaker
            .permit(began)
            .map_err(|error| Outage::refused(&error).of_call(operation, table))?;
        Ok(Self {
            operation,
            table,
            permit,
            began,
        })
    }

    /// Reports the outcome to the breaker and returns the response. `None` means that the request
    /// did not end in time.
    ///
    /// # Errors
    /// [`Outage`] if there is no usable response.
    pub fn settle<T, E>(
        self,
        outcome: Option<Result<T, SdkError<E, HttpResponse>>>,
        attempt: Attempt,
    ) -> Result<T, Outage>
    where
        E: ProvideErrorMetadata + Throttles + std::error::Error + 'static,
    {
        let now = tokio::time::Instant::now().into_std();
        let (verdict, result) = match outcome {
            Some(Ok(response)) => (aws::Verdict::Success, Ok(response)),
            Some(Err(error)) => (
                verdict(Failure::of_sdk(&error)),
                Err(Outage::failed(&error, now - self.began)),
            ),
            None => (
                attempt.timed_out(),
                Err(Outage::timed_out(now - self.began)),
            ),
        };

        self.permit.settle(verdict, now);
        result.map_err(|outage| outage.of_call(self.operation, self.table))
    }
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
    #[must_use]
    pub const fn number(number: u32) -> Self {
        if number <= 1 {
            Self::First
        } else {
            Self::Retry
        }
    }

    /// Returns the meaning of a missing response for the breaker. A retry may have had only a few
    /// milliseconds. If it counted, one throttled item would open the breaker for every caller.
    const fn timed_out(self) -> aws::Verdict {
        match self {
            Self::First => aws::Verdict::Failure,
            Self::Retry => aws::Verdict::ClientError,
        }
    }
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
pub(crate) mod tests {
    use std::time::Duration;

    use aws::Fate;
    use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    pub(crate) fn failure(kind: ErrorKind, fate: Fate, client_error: bool) -> Failure {
        Failure {
            kind,
            retryable: true,
            fate,
            client_error,
        }
    }

    #[test]
    fn neither_a_throttle_nor_a_fault_of_our_own_opens_the_breaker() {
        let neutral = aws::Verdict::ClientError;
        assert_eq!(
            verdict(failure(ErrorKind::Throttling, Fate::NotApplied, false)),
            neutral
        );
        assert_eq!(
            verdict(failure(ErrorKind::AccessDenied, Fate::NotApplied, true)),
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
        let begin = |deadline| Call::begin("UpdateItem", "usage", &breaker, deadline);
        for _ in 0..10 {
            let outage = begin(Deadline::after(now, MIN_CALL_TIME / 2)).unwrap_err();
            assert_eq!(
                outage.to_string(),
                "UpdateItem on table usage: no time is left"
            );
        }
        assert!(begin(Deadline::after(now, SECOND)).is_ok());
    }

    #[test]
    fn outage_names_the_operation_and_the_table() {
        let breaker = Breaker::new("usage");
        let settled = |outcome| {
            let deadline = Deadline::after(Instant::now(), SECOND);
            let call = Call::begin("UpdateItem", "usage", &breaker, deadline).unwrap();
            let outage = call.settle::<(), UpdateItemError>(outcome, Attempt::First);
            outage.unwrap_err().to_string()
        };

        let message = "Requested resource not found";
        let missing = ErrorMetadata::builder()
            .code("ResourceNotFoundException")
            .message(message)
            .build();
        let missing = SdkError::service_error(
            UpdateItemError::generic(missing),
            HttpResponse::new(400.try_into().unwrap(), SdkBody::empty()),
        );
        assert_eq!(
            settled(Some(Err(missing))),
            format!("UpdateItem on table usage: ResourceNotFoundException: {message}")
        );

        let late = settled(None);
        assert!(
            late.starts_with("UpdateItem on table usage: no response within ")
                && late.ends_with(" ms"),
            "{late}"
        );
    }
}
