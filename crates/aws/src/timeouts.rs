//! Timeouts, each shorter than the next, and the timeouts of a call derived from its deadline.

use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;

use crate::retry::{MAX_BACKOFF, max_total_pause};

/// The time that a client of the API waits for a response.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);
/// The API's integration timeout, below API Gateway's 30 s for HTTP APIs ("Quotas for HTTP APIs").
pub const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(25);
/// The maximum duration of a call with all its attempts.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);
/// The maximum duration of an attempt. Three attempts and their pauses fit into
/// [`OPERATION_TIMEOUT`].
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);
/// The maximum duration of connecting, including name resolution and TLS.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The minimum remaining time for which a call is made.
pub const MIN_CALL_TIME: Duration = Duration::from_millis(10);

/// The timeouts of a call, each shorter than the next: `connect < attempt < operation <
/// deadline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// The timeout of the call with all its attempts and pauses.
    pub operation: Duration,
    /// The timeout of one attempt, from connecting to the end of the response.
    pub attempt: Duration,
    /// The timeout of connecting, including name resolution and TLS.
    pub connect: Duration,
}

impl Timeouts {
    /// Returns the timeouts of a call whose deadline is `remaining` from now and that may make
    /// `attempts` attempts. `None` if less than [`MIN_CALL_TIME`] remains.
    ///
    /// A twentieth of the remaining time (1 ms to 500 ms) is reserved for responding to the client.
    #[must_use]
    pub fn within(remaining: Duration, attempts: u32) -> Option<Self> {
        if remaining < MIN_CALL_TIME {
            return None;
        }

        let reserved = (remaining / 20).clamp(Duration::from_millis(1), Duration::from_millis(500));
        let operation = OPERATION_TIMEOUT.min(remaining.saturating_sub(reserved));
        let attempts = attempts.clamp(1, 10);
        let pauses = max_total_pause(attempts).min(operation / 4);
        let attempt = ATTEMPT_TIMEOUT.min((operation - operation / 20 - pauses) / attempts);

        Some(Self {
            operation,
            attempt,
            connect: CONNECT_TIMEOUT.min(attempt / 2),
        })
    }

    /// Returns the timeouts for the configuration of a client, or for `config_override` of a call.
    ///
    /// The connect timeout is not set here. It belongs to the connector that all clients share
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
    /// Returns the maximum timeouts.
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
    fn each_timeout_is_shorter_than_the_next() {
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
    fn three_attempts_and_their_pauses_fit_into_an_operation() {
        assert!(3 * ATTEMPT_TIMEOUT + max_total_pause(3) < OPERATION_TIMEOUT);
    }

    #[test]
    fn full_integration_time_gives_the_maximum_timeouts() {
        assert_eq!(
            Timeouts::within(INTEGRATION_TIMEOUT, 3),
            Some(Timeouts::default())
        );
    }

    #[test]
    fn call_of_200_ms_has_time_to_fall_back() {
        let timeouts = Timeouts::within(Duration::from_millis(200), 1).unwrap();
        assert_eq!(timeouts.operation, Duration::from_millis(190));
        assert!(timeouts.operation - timeouts.connect >= Duration::from_millis(95));
    }

    #[test]
    fn call_without_time_is_not_made() {
        assert_eq!(Timeouts::within(Duration::ZERO, 1), None);
        assert_eq!(
            Timeouts::within(MIN_CALL_TIME - Duration::from_nanos(1), 1),
            None
        );
        assert!(Timeouts::within(MIN_CALL_TIME, 3).is_some());
    }

    proptest! {
        #[test]
        fn timeouts_nest_for_every_deadline(ms in 10u64..900_000, attempts in 0u32..20) {
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
