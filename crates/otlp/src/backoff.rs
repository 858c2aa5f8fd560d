//! Pauses after failed requests.

use std::time::Duration;

use tokio::time::Instant;

/// The longest pause before the second attempt. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The pause of one signal. Requests are not sent before it ends.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// Returns the end of the pause, if it has not ended.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Begins a pause after a failure. It is chosen at random between half and all of the
    /// exponential pause, and is at least as long as the collector asked for.
    pub(crate) fn fail(&mut self, requested: Option<Duration>, now: Instant) {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10));
        let pause = doubled.min(MAX_PAUSE).mul_f64(0.5 + fastrand::f64() / 2.0);

        let pause = pause.max(requested.unwrap_or_default());

        self.failures = self.failures.saturating_add(1);
        self.until = now.checked_add(pause);
    }

    /// Ends the pause after a success.
    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_a_limit() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.until(now), None);

        for max_s in [1, 2, 4, 8, 16, 30, 30, 30] {
            backoff.fail(None, now);
            let pause = backoff.until(now).unwrap() - now;
            let max = Duration::from_secs(max_s);
            assert!((max / 2..=max).contains(&pause), "{pause:?} of {max:?}");
        }

        backoff.succeed();
        assert_eq!(backoff.until(now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn requested_pause_lengthens_the_own_one_and_never_shortens_it() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        backoff.fail(Some(Duration::from_secs(90)), now);

        assert_eq!(backoff.until(now), Some(now + Duration::from_secs(90)));
        assert_eq!(backoff.until(now + Duration::from_secs(90)), None);

        backoff.fail(Some(Duration::ZERO), now);
        assert!(backoff.until(now + Duration::from_millis(900)).is_some());
    }
}
