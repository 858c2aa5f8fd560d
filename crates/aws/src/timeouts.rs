//! The one table of time-outs, each inside the next, and those of a call from its deadline.

use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;

use crate::retry::{MAX_BACKOFF, greatest_pauses};

/// How long a client of the API waits for an answer.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);
/// The API's integration time-out: below API Gateway's 30 s for HTTP APIs ("Quotas for HTTP APIs").
pub const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(25);
/// The longest that one call may take with all of its attempts.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest that one attempt may take: three of them and their pauses fit into [`OPERATION_TIMEOUT`].
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);
/// The longest that connecting may take, name resolution and TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The shortest time for which a call is worth making.
pub const MIN_CALL_TIME: Duration = Duration::from_millis(10);

/// The time-outs of one call, each shorter than the next: `connect < attempt < operation <
/// deadline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the call with all of its attempts and pauses.
    pub operation: Duration,
    /// For one attempt, from connecting to the answer's end.
    pub attempt: Duration,
    /// For connecting, name resolution and TLS included.
    pub connect: Duration,
}

impl Timeouts {
    /// The time-outs of a call that has `remaining` left until its deadline and may make
    /// `attempts`.
    ///
    /// A twentieth (1 ms to 500 ms) of what remains is kept for answering. `None` if less than
    /// [`MIN_CALL_TIME`] remains: then the call is not worth making.
    #[must_use]
    pub fn within(remaining: Duration, attempts: u32) -> Option<Self> {
        if remaining < MIN_CALL_TIME {
            return None;
        }
        let answering =
            (remaining / 20).clamp(Duration::from_millis(1), Duration::from_millis(500));
        let operation = OPERATION_TIMEOUT.min(remaining.saturating_sub(answering));
        let attempts = attempts.clamp(1, 10);
        let pauses = greatest_pauses(attempts).min(operation / 4);
        let attempt = ATTEMPT_TIMEOUT.min((operation - operation / 20 - pauses) / attempts);
        Some(Self {
            operation,
            attempt,
            connect: CONNECT_TIMEOUT.min(attempt / 2),
        })
    }

    /// The same for the SDK: for a client's configuration, or for one call's `config_override`.
    ///
    /// The SDK's connect time-out is left alone: it belongs to the connector that all clients share
    /// ([`Connections`](crate::Connections)).
    #[must_use]
    pub fn sdk(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .operation_timeout(self.operation)
            .operation_attempt_timeout(self.attempt)
            .build()
    }
}

impl Default for Timeouts {
    /// The longest of the table.
    fn default() -> Self {
        Self {
            operation: OPERATION_TIMEOUT,
            attempt: ATTEMPT_TIMEOUT,
            connect: CONNECT_TIMEOUT,
        }
    }
}

const _: () = assert!(MAX_BACKOFF.as_millis() < ATTEMPT_TIMEOUT.as_millis());

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_tier_is_inside_the_next() {
        let tiers = [
            CONNECT_TIMEOUT,
            ATTEMPT_TIMEOUT,
            OPERATION_TIMEOUT,
            INTEGRATION_TIMEOUT,
            CLIENT_TIMEOUT,
        ];
        assert!(tiers.is_sorted_by(|shorter, longer| shorter < longer));
    }

    #[test]
    fn three_longest_attempts_and_their_pauses_fit_into_an_operation() {
        assert!(3 * ATTEMPT_TIMEOUT + greatest_pauses(3) < OPERATION_TIMEOUT);
    }

    #[test]
    fn a_full_integration_time_gives_the_longest_time_outs() {
        assert_eq!(
            Timeouts::within(INTEGRATION_TIMEOUT, 3),
            Some(Timeouts::default())
        );
    }

    #[test]
    fn a_decision_of_200_ms_has_time_left_after_an_endpoint_that_does_not_connect() {
        let timeouts = Timeouts::within(Duration::from_millis(200), 1).unwrap();
        assert_eq!(timeouts.operation, Duration::from_millis(190));
        assert!(timeouts.operation - timeouts.connect >= Duration::from_millis(95));
    }

    #[test]
    fn a_call_without_time_is_not_made() {
        assert_eq!(Timeouts::within(Duration::ZERO, 1), None);
        assert_eq!(
            Timeouts::within(MIN_CALL_TIME - Duration::from_nanos(1), 1),
            None
        );
        assert!(Timeouts::within(MIN_CALL_TIME, 3).is_some());
    }

    proptest! {
        #[test]
        fn time_outs_nest_for_every_deadline(ms in 10u64..900_000, attempts in 0u32..20) {
            let remaining = Duration::from_millis(ms);
            let timeouts = Timeouts::within(remaining, attempts).unwrap();
            prop_assert!(Duration::ZERO < timeouts.connect);
            prop_assert!(timeouts.connect < timeouts.attempt);
            prop_assert!(timeouts.attempt < timeouts.operation);
            prop_assert!(timeouts.operation < remaining);
            prop_assert!(timeouts.attempt * attempts.clamp(1, 10) < timeouts.operation);
        }
    }
}
