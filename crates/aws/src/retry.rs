//! When to try again, and how long to wait before: full jitter, the other side's Retry-After, the
//! deadline.

use std::time::{Duration, SystemTime};

use aws_smithy_types::retry::RetryConfig;

/// The most attempts of one call.
pub const MAX_ATTEMPTS: u32 = 3;
/// The greatest pause before the second attempt; it doubles with each further one.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// The greatest pause of all, unless the other side asks for a longer one.
pub const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Whether the SDK may make a call again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retries {
    /// The SDK's standard mode: [`MAX_ATTEMPTS`], full jitter from [`FIRST_BACKOFF`] on.
    Standard,
    /// None, for what must not happen twice (charges). A failed connect to a private endpoint still
    /// goes to the public address where that is allowed, because nothing was sent.
    Off,
}

impl Retries {
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

/// The greatest pause after the `attempt`-th attempt (the first is 1).
fn greatest_pause(attempt: u32) -> Duration {
    let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
    FIRST_BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF)
}

/// The sum of the greatest pauses between `attempts` attempts.
pub(crate) fn greatest_pauses(attempts: u32) -> Duration {
    (1..attempts).map(greatest_pause).sum()
}

/// Returns the pause after the `attempt`-th attempt failed. `None` if it was the last one, or if the
/// pause would end at or after the deadline, which is `remaining` from now.
///
/// Full jitter ("Exponential Backoff and Jitter", AWS Architecture Blog): the pause is a share
/// `jitter` (0 to 1) of the greatest pause. If the service sent `retry_after`, that is added, so
/// that callers do not return all at once.
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
    let jittered = greatest_pause(attempt).mul_f64(jitter.clamp(0.0, 1.0));
    let wait = retry_after.unwrap_or_default().saturating_add(jittered);
    (wait < remaining).then_some(wait)
}

/// A Retry-After header's value as a time from `wall` on: seconds or an HTTP-date (RFC 9110,
/// section 10.2.3). A date that has passed is zero; anything else is no value at all.
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
    fn the_first_pause_is_at_most_100_ms_and_the_second_at_most_200() {
        assert_eq!(pause(1, None, LONG, 1.0), Some(Duration::from_millis(100)));
        assert_eq!(pause(2, None, LONG, 1.0), Some(Duration::from_millis(200)));
        assert_eq!(pause(1, None, LONG, 0.0), Some(Duration::ZERO));
    }

    #[test]
    fn there_is_no_fourth_attempt() {
        assert_eq!(pause(3, None, LONG, 0.5), None);
    }

    #[test]
    fn a_wait_that_would_reach_the_deadline_is_not_begun() {
        let asked = Some(Duration::from_secs(5));
        assert_eq!(pause(1, asked, Duration::from_secs(5), 0.0), None);
        assert_eq!(pause(1, asked, Duration::from_millis(5_001), 0.0), asked);
    }

    #[test]
    fn retry_after_may_be_seconds_or_a_date() {
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
    fn a_retry_after_that_is_neither_is_ignored() {
        for value in ["", "-1", "1.5", "soon", "+3", "1e3"] {
            assert_eq!(retry_after(value, UNIX_EPOCH), None, "{value}");
        }
    }

    #[test]
    fn an_absurd_retry_after_is_longer_than_any_deadline() {
        let asked = retry_after("99999999999999999999999999", UNIX_EPOCH);
        assert!(asked.is_some_and(|asked| asked > Duration::from_secs(86_400)));
    }

    #[test]
    fn charges_are_made_once_and_reads_thrice() {
        assert_eq!(Retries::Off.sdk(false).max_attempts(), 1);
        assert_eq!(Retries::Standard.sdk(false).max_attempts(), 3);
        assert_eq!(
            Retries::Standard.sdk(true).initial_backoff(),
            Duration::from_millis(100)
        );
    }

    proptest! {
        #[test]
        fn a_pause_honours_retry_after_and_never_passes_the_deadline(
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
