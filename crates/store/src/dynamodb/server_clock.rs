//! The difference between this machine's clock and DynamoDB's, from the `Date` header of responses
//! (RFC 9110, section 6.6.1).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use limits::{Nanos, SECOND};

use crate::clock::nanos;

/// The greatest age of a `Date`: its resolution is one second, and servers update it once per
/// second. Smaller differences cannot be seen and are ignored.
const DATE_AGE: Nanos = 2 * SECOND;

/// The correction of this machine's clock.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    comparison: Mutex<Option<Comparison>>,
}

/// The range of DynamoDB's time minus this machine's, and the offset in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Comparison {
    low: Nanos,
    high: Nanos,
    offset: Nanos,
}

impl ServerClock {
    /// Records a response with `date`, received at `received` for a request sent at `sent`, both by
    /// this machine's clock.
    fn observe(&self, date: Nanos, sent: Nanos, received: Nanos) {
        let (low, high) = (date - received, date + DATE_AGE - sent);
        if low > high {
            // This machine's clock was set back meanwhile, so that the two times do not belong
            // together. The next response shows the difference.
            return;
        }

        let mut comparison = self
            .comparison
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = comparison.unwrap_or(Comparison {
            low,
            high,
            offset: 0,
        });
        let after = before.narrowed(low, high);
        *comparison = Some(after);
        if after.offset != before.offset {
            let clock_off_ms = i64::try_from(after.offset / -1_000_000).unwrap_or(i64::MAX);
            tracing::warn!(clock_off_ms, "{}", difference(clock_off_ms));
        }
    }

    /// Returns `now` by DynamoDB's clock if this machine's is clearly wrong. It is up to 2 s behind
    /// then, but never ahead: clocks that differ gain at most what the rate admits in that time,
    /// once.
    pub(super) fn correct(&self, now: Nanos) -> Nanos {
        now + self.comparison().map_or(0, |comparison| comparison.offset)
    }

    /// Returns true if a response was recorded, so that `correct` can correct.
    pub(super) fn is_compared(&self) -> bool {
        self.comparison().is_some()
    }

    fn comparison(&self) -> Option<Comparison> {
        *self
            .comparison
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Comparison {
    /// Returns the range that both observations allow, or the newer one alone if they contradict
    /// each other, because the clock was set. An offset that is still possible stays, because
    /// moving it forward would count time that nobody has waited.
    fn narrowed(self, low: Nanos, high: Nanos) -> Self {
        let (both_low, both_high) = (self.low.max(low), self.high.min(high));
        let (low, high) = if both_low <= both_high {
            (both_low, both_high)
        } else {
            (low, high)
        };
        let possible = [self.offset, 0]
            .into_iter()
            .find(|offset| (low - DATE_AGE..=high).contains(offset));
        Self {
            low,
            high,
            offset: possible.unwrap_or(low),
        }
    }
}

/// An interceptor that records the `Date` of every response.
#[derive(Debug)]
pub(super) struct DateInterceptor(pub(super) Arc<ServerClock>);

#[derive(Debug)]
struct SendTime(Nanos);

impl Storable for SendTime {
    type Storer = StoreReplace<Self>;
}

impl Intercept for DateInterceptor {
    fn name(&self) -> &'static str {
        "DateInterceptor"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(SendTime(system_time()));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context
            .response()
            .headers()
            .get("date")
            .and_then(|text| httpdate::parse_http_date(text).ok());
        if let (Some(date), Some(SendTime(sent))) = (date, cfg.load::<SendTime>()) {
            self.0.observe(nanos(date), *sent, system_time());
        }
        Ok(())
    }
}

/// Returns the log message for a difference in milliseconds.
fn difference(clock_off_ms: i64) -> String {
    let distance_ms = clock_off_ms.unsigned_abs();
    match clock_off_ms {
        0 => "this clock agrees with the store's again".to_owned(),
        1.. => format!("this clock is {distance_ms} ms ahead of the store's"),
        _ => format!("this clock is {distance_ms} ms behind the store's"),
    }
}

fn system_time() -> Nanos {
    nanos(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Nanos = 1_000_000;
    const NOON: Nanos = 1_795_348_800 * SECOND;

    /// Answers every 90 ms, 4 ms after the request, to a clock that is `off` from the store's.
    fn compared(off: Nanos) -> ServerClock {
        let clock = ServerClock::default();
        for step in 0..40 {
            let stored = NOON + step * 90 * MILLISECOND;
            let (sent, received) = (
                stored + off - 2 * MILLISECOND,
                stored + off + 2 * MILLISECOND,
            );
            clock.observe(stored / SECOND * SECOND, sent, received);
        }
        clock
    }

    #[test]
    fn a_clock_that_is_about_right_is_left_alone() {
        for off in [-1900, -100, 0, 100, 900] {
            assert_eq!(compared(off * MILLISECOND).correct(NOON), NOON, "{off} ms");
        }
    }

    #[test]
    fn a_fast_clock_is_brought_to_the_stores_time_and_not_ahead_of_it() {
        for off in [5 * SECOND, 3600 * SECOND] {
            let corrected = compared(off).correct(NOON + off);
            assert!(
                corrected <= NOON && corrected > NOON - DATE_AGE,
                "{}",
                corrected - NOON
            );
        }
    }

    #[test]
    fn a_slow_clock_is_brought_up_and_not_ahead_of_the_stores() {
        let corrected = compared(-5 * SECOND).correct(NOON - 5 * SECOND);
        assert!(
            corrected <= NOON && corrected > NOON - DATE_AGE,
            "{}",
            corrected - NOON
        );
    }

    #[test]
    fn a_correction_does_not_creep_forward_as_more_is_known() {
        let clock = ServerClock::default();
        let (sent, received) = (NOON + 5 * SECOND, NOON + 5 * SECOND + MILLISECOND);
        clock.observe(NOON - SECOND, sent, received);
        let first = clock.correct(sent);
        clock.observe(NOON, sent, received);
        assert_eq!(clock.correct(sent), first);
    }

    #[test]
    fn the_first_answer_is_enough_to_see_five_seconds() {
        let clock = ServerClock::default();
        assert!(!clock.is_compared());
        clock.observe(NOON, NOON + 5 * SECOND, NOON + 5 * SECOND + MILLISECOND);
        assert!(clock.is_compared());
        assert!(clock.correct(NOON + 5 * SECOND) <= NOON);
    }

    #[test]
    fn a_clock_that_was_set_is_compared_anew() {
        let clock = compared(5 * SECOND);
        clock.observe(NOON, NOON, NOON + MILLISECOND);
        assert_eq!(clock.correct(NOON), NOON);
    }

    #[test]
    fn clock_that_is_set_back_during_a_call_is_right_afterwards() {
        let (clock, later) = (compared(5 * SECOND), NOON + 10 * SECOND);
        clock.observe(later - SECOND, later + 5 * SECOND, later + 4 * MILLISECOND);

        for step in 0..40 {
            let stored = later + step * 90 * MILLISECOND;
            clock.observe(
                stored / SECOND * SECOND,
                stored - 2 * MILLISECOND,
                stored + 2 * MILLISECOND,
            );
        }
        assert_eq!(clock.correct(NOON), NOON);
    }

    #[test]
    fn the_log_says_on_which_side_a_clock_is_wrong() {
        assert_eq!(
            difference(3_599_617),
            "this clock is 3599617 ms ahead of the store's"
        );
        assert_eq!(
            difference(-3_599_617),
            "this clock is 3599617 ms behind the store's"
        );
        assert_eq!(difference(0), "this clock agrees with the store's again");
    }
}
