//! Retries: the number of attempts, and pauses with full jitter, Retry-After and the deadline.

use std::time::{Duration, SystemTime};

use aws_smithy_types::retry::RetryConfig;

/// The maximum number of attempts of a call.
pub const MAX_ATTEMPTS: u32 = 3;
/// The maximum pause before the second attempt. It doubles with each further attempt.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// The maximum pause before any attempt, unless the service sends a longer Retry-After.
pub const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// The retries that the SDK may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retries {
    /// The SDK's standard mode with [`MAX_ATTEMPTS`] and full jitter from [`FIRST_BACKOFF`] on.
    Standard,
    /// No retries. For calls that must not be applied twice, such as charges. If a private endpoint
    /// does not connect, the fallback to the public address is still allowed: nothing was sent.
    Off,
}

impl Retries {
    /// Returns the SDK's retry configuration. A fallback takes one more attempt.
    pub(crate) fn sdk(self, fallback: bool) -> RetryConfig {
        let attempts = match self {
            Self::Standard => MAX_ATTEMPTS,
            Self::Off => 1 + u32::from(fallback),
        };

        RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(FIRST_BACKOFF)
            .with_max_backoff(MAX_BACKOFF)
    }
}

/// Returns the maximum pause after the `attempt`-th attempt (the first is 1).
fn max_pause(attempt: u32) -> Duration {
    let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
    FIRST_BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF)
}

/// Returns the sum of the maximum pauses between `attempts` attempts.
pub(crate) fn max_total_pause(attempts: u32) -> Duration {
    (1..attempts).map(max_pause).sum()
}

/// Returns the pause after the `attempt`-th attempt failed. `None` if it was the last one, or if the
/// pause would end at or after the deadline, which is `remaining` from now.
///
/// The pause is the fraction `jitter` (0 to 1) of the maximum pause ("Exponential Backoff and
/// Jitter", AWS Architecture Blog). A `retry_after` of the service is added to it, so that callers
/// do not all return at once.
#[must_use]
pub fn pause(
    attempt: u32,
    retry_after: Option<Duration>,
    remaining: Duration,
    jitter: f64,
) -> Option<Duration> {
    if attempt >= MAX_ATTEMPTS {
        return None;
    }

    let jittered = max_pause(attempt).mul_f64(jitter.clamp(0.0, 1.0));
    let pause = retry_after.unwrap_or_default().saturating_add(jittered);
    (pause < remaining).then_some(pause)
}

/// Parses a Retry-After header: seconds or an HTTP-date (RFC 9110, section 10.2.3).
///
/// The result is relative to `wall`. It is zero for a date in the past, and `None` for an invalid
/// value.
#[must_use]
pub fn retry_after(value: &str, wall: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(
            value.parse().unwrap_or(u32::MAX.into()),
        ));
    }

    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(wall).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn first_pause_is_at_most_100_ms_and_second_200_ms() {
        assert_eq!(pause(1, None, LONG, 1.0), Some(Duration::from_millis(100)));
        assert_eq!(pause(2, None, LONG, 1.0), Some(Duration::from_millis(200)));
        assert_eq!(pause(1, None, LONG, 0.0), Some(Duration::ZERO));
    }

    #[test]
    fn there_is_no_fourth_attempt() {
        assert_eq!(pause(3, None, LONG, 0.5), None);
    }

    #[test]
    fn pause_that_would_reach_the_deadline_is_not_begun() {
        let asked = Some(Duration::from_secs(5));
        assert_eq!(pause(1, asked, Duration::from_secs(5), 0.0), None);
        assert_eq!(pause(1, asked, Duration::from_millis(5_001), 0.0), asked);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let wall = UNIX_EPOCH + Duration::from_secs(784_111_777 - 7);

        assert_eq!(retry_after("120", wall), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" 0 ", wall), Some(Duration::ZERO));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", wall),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", wall + LONG),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn invalid_retry_after_is_ignored() {
        for value in ["", "-1", "1.5", "soon", "+3", "1e3"] {
            assert_eq!(retry_after(value, UNIX_EPOCH), None, "{value}");
        }
    }

    #[test]
    fn huge_retry_after_exceeds_any_deadline() {
        let asked = retry_after("99999999999999999999999999", UNIX_EPOCH);
        assert!(asked.is_some_and(|asked| asked > Duration::from_secs(86_400)));
    }

    #[test]
    fn attempts_depend_on_the_retry_mode() {
        assert_eq!(Retries::Off.sdk(false).max_attempts(), 1);
        assert_eq!(Retries::Standard.sdk(false).max_attempts(), 3);
        assert_eq!(
            Retries::Standard.sdk(true).initial_backoff(),
            Duration::from_millis(100)
        );
    }

    proptest! {
        #[test]
        fn pause_honours_retry_after_and_ends_before_the_deadline(
            attempt in 1u32..9, asked in proptest::option::of(0u64..10_000), left in 0u64..10_000, jitter in 0.0f64..=1.0,
        ) {
            let asked = asked.map(Duration::from_millis);
            let left = Duration::from_millis(left);
            if let Some(wait) = pause(attempt, asked, left, jitter) {
                prop_assert!(wait < left);
                prop_assert!(wait >= asked.unwrap_or_default());
                prop_assert!(attempt < MAX_ATTEMPTS);
            }
        }
    }
}
