//! Outages: requests without a usable response, and what they mean for the circuit breaker.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use aws::{CallError, Failure, Fate};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use telemetry::ErrorKind;

use crate::throttle::{Throttle, Throttles};

/// The greatest length of an error code in a log.
const MAX_CODE_BYTES: usize = 100;
/// The time until the next call after a failure. While the breaker is open, it knows the time.
const RETRY_IN: Duration = Duration::from_secs(1);

/// The reason of an outage without a response.
const TIMEOUT: &str = ErrorKind::Timeout.as_str();

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
    /// For the log: the reason with the details that DynamoDB or the connection gave.
    pub detail: Option<Cow<'static, str>>,
    /// For the log: the request that failed. `None` if it could not be built.
    pub request: Option<Box<FailedRequest>>,
}

/// The request that an outage is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRequest {
    /// DynamoDB's name of the operation, such as `UpdateItem`.
    pub operation: &'static str,
    /// The name of the table.
    pub table: String,
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
        if let Some(request) = &self.request {
            let FailedRequest { operation, table } = &**request;
            write!(formatter, "{operation} on table {table}: ")?;
        }

        formatter.write_str(self.detail.as_deref().unwrap_or(&self.reason))?;
        match &self.throttle {
            Some(throttle) => write!(formatter, " ({throttle})"),
            None => Ok(()),
        }
    }
}

impl Outage {
    /// No time was left for a request.
    pub const DEADLINE: Self = Self::by(OutageCause::Store, TIMEOUT, Some("no time is left"));
    /// The request lacks a required part.
    pub const UNSENT: Self = Self::of("the request is incomplete");
    /// Other requests changed the item between each read and the write.
    pub const CONFLICT: Self = Self::by(OutageCause::Conflict, "others change the same item", None);

    const fn of(reason: &'static str) -> Self {
        Self::by(OutageCause::Store, reason, None)
    }

    const fn by(cause: OutageCause, reason: &'static str, detail: Option<&'static str>) -> Self {
        let detail = match detail {
            Some(text) => Some(Cow::Borrowed(text)),
            None => None,
        };
        Self {
            cause,
            retry_in: RETRY_IN,
            may_pass: false,
            was_not_applied: matches!(cause, OutageCause::Conflict),
            reason: Cow::Borrowed(reason),
            throttle: None,
            detail,
            request: None,
        }
    }

    /// Returns the outage with the request that it is about.
    pub(crate) fn of_call(self, operation: &'static str, table: &str) -> Self {
        let request = FailedRequest {
            operation,
            table: table.to_owned(),
        };
        Self {
            request: Some(Box::new(request)),
            ..self
        }
    }

    /// Returns the outage of a request without a response.
    pub(crate) fn timed_out(waited: Duration) -> Self {
        Self {
            detail: Some(format!("no response within {} ms", waited.as_millis()).into()),
            ..Self::of(TIMEOUT)
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

    pub(crate) fn refused(error: &CallError) -> Self {
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

    pub(crate) fn failed<E>(error: &SdkError<E, HttpResponse>, waited: Duration) -> Self
    where
        E: ProvideErrorMetadata + Throttles + std::error::Error + 'static,
    {
        let failure = Failure::of_sdk(error);
        let code = error.code().and_then(printable);
        if error.as_service_error().is_some_and(Throttles::is_conflict) {
            return Self {
                may_pass: true,
                ..Self::CONFLICT
            };
        }

        match failure.kind {
            ErrorKind::Throttling => Self::throttled(error.as_service_error(), failure, code),
            ErrorKind::Timeout if code.is_none() => Self {
                detail: Self::timed_out(waited).detail,
                ..Self::judged(failure, Cow::Borrowed(TIMEOUT))
            },
            kind => Self {
                detail: Some(aws::explanation(error).into()),
                ..Self::judged(failure, code.map_or(kind.as_str().into(), Cow::Owned))
            },
        }
    }

    fn throttled(error: Option<&impl Throttles>, failure: Failure, code: Option<String>) -> Self {
        let throttle = error.map_or_else(Throttle::default, Throttles::throttle);
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

    /// Returns the operation of the failed request, for the log.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.request.as_ref().map(|request| request.operation)
    }

    /// Returns the table of the failed request, for the log.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.request.as_ref().map(|request| &*request.table)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::failure;
    use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
    use aws_sdk_dynamodb::types::ThrottlingReason;
    use aws_sdk_dynamodb::types::error::ThrottlingException;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

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
        Outage::failed(&SdkError::service_error(error, response), Duration::ZERO)
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
    fn kind_is_the_reason_of_a_failure_without_a_code() {
        for (status, reason, text) in [
            (500, "server_error", "status 500 without an error code"),
            (403, "access_denied", "status 403 without an error code"),
        ] {
            let outage = outage(generic(""), status);
            assert_eq!(
                (&*outage.reason, outage.to_string()),
                (reason, text.to_owned())
            );
        }

        let late = SdkError::<UpdateItemError, HttpResponse>::timeout_error("late");
        let late = Outage::failed(&late, Duration::from_millis(450));
        assert_eq!(&*late.reason, "timeout");
        assert_eq!(late.to_string(), "no response within 450 ms");
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
    fn an_open_breaker_knows_when_to_come_back() {
        let error = CallError::BreakerOpen {
            name: "usage".into(),
            retry_in: Duration::from_secs(17),
        };
        assert_eq!(Outage::refused(&error).retry_in, Duration::from_secs(17));
    }
}
