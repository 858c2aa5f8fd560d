//! Parses times, and checks them against CloudWatch's window.

use jiff::Timestamp;

use crate::rejection::Reason;

const MINUTE_MS: i64 = 60_000;
/// CloudWatch accepts data that are up to two weeks old (PutMetricData, "Timestamp"). One minute
/// less leaves time for sending.
const MAX_AGE_MS: i64 = 14 * 24 * 60 * MINUTE_MS - MINUTE_MS;
/// CloudWatch accepts data that are up to two hours in the future. One minute less, as above.
const MAX_AHEAD_MS: i64 = 2 * 60 * MINUTE_MS - MINUTE_MS;
/// Smaller numbers are seconds (until the year 5138), others are milliseconds (from 1973).
const MIN_MILLISECONDS: f64 = 1e11;
const COMMON_LOG_FORMAT: &str = "%d/%b/%Y:%H:%M:%S %z";

/// The range of times that CloudWatch accepts.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    now_ms: i64,
}

impl Window {
    /// Creates the window at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now_ms: now.as_millisecond(),
        }
    }

    /// Returns the start of the minute of `at_ms` (milliseconds since 1970, default now) in seconds
    /// since 1970.
    ///
    /// # Errors
    /// [`Reason::TooOld`] or [`Reason::TooNew`] outside the window.
    pub fn minute(self, at_ms: Option<i64>) -> Result<i64, Reason> {
        let now_ms = self.now_ms;
        let at_ms = at_ms.unwrap_or(now_ms);
        let minute_ms = at_ms.div_euclid(MINUTE_MS).saturating_mul(MINUTE_MS);
        if minute_ms < now_ms - MAX_AGE_MS {
            return Err(Reason::TooOld);
        }
        if at_ms > now_ms + MAX_AHEAD_MS {
            return Err(Reason::TooNew);
        }
        Ok(minute_ms / 1000)
    }
}

/// Parses a time to milliseconds since 1970: a number of seconds or milliseconds, RFC 3339, or the
/// common log format (`22/Nov/2026:12:00:00 +0000`).
#[must_use]
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(ms) = from_digits(text) {
        return Some(ms);
    }
    if text.starts_with(|first: char| first.is_ascii_digit() || first == '-')
        && let Ok(number) = text.parse::<f64>()
    {
        return from_number(number);
    }
    if !has_impossible_offset(text)
        && let Ok(timestamp) = text.parse::<Timestamp>()
    {
        return Some(timestamp.as_millisecond());
    }
    let common =
        jiff::fmt::strtime::parse(COMMON_LOG_FORMAT, text).and_then(|parsed| parsed.to_timestamp());
    common.ok().map(Timestamp::as_millisecond)
}

/// Returns whether a time ends with an offset of 24 hours or more, which RFC 3339 does not allow.
fn has_impossible_offset(text: &str) -> bool {
    let offset = text.rsplit_once(['+', '-']).map(|(_, offset)| offset);
    let hours = offset
        .and_then(|offset| offset.split_once(':'))
        .map(|(hours, _)| hours);
    hours
        .and_then(|hours| hours.parse::<u8>().ok())
        .is_some_and(|hours| hours > 23)
}

/// Parses an integer, which nearly every time is.
fn from_digits(text: &str) -> Option<i64> {
    let digits = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = text.parse().ok().filter(|_| digits)?;
    Some(if number < 100_000_000_000 {
        number * 1000
    } else {
        number
    })
}

fn from_number(number: f64) -> Option<i64> {
    let ms = if number.abs() < MIN_MILLISECONDS {
        number * 1000.0
    } else {
        number
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "finite and saturating; a time far outside the window is rejected later"
    )]
    ms.is_finite().then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_348_830_000;
    const HOUR: i64 = 60 * MINUTE_MS;

    fn minute(ago_ms: i64) -> Result<i64, Reason> {
        Window::at(Timestamp::from_millisecond(NOW_MS).unwrap()).minute(Some(NOW_MS - ago_ms))
    }

    #[test]
    fn what_is_older_than_14_days_or_more_than_2_hours_ahead_is_refused_with_its_reason() {
        assert!(minute((13 * 24 + 23) * HOUR).is_ok());
        assert_eq!(minute(14 * 24 * HOUR + 1_000), Err(Reason::TooOld));
        assert!(minute(-(HOUR + 50 * MINUTE_MS)).is_ok());
        assert_eq!(minute(-(2 * HOUR + 1_000)), Err(Reason::TooNew));
        assert_eq!(minute(i64::MIN / 2), Err(Reason::TooNew));
    }

    #[test]
    fn what_is_accepted_is_accepted_by_cloudwatch_a_minute_later_too() {
        for ago_ms in (13 * 24 * HOUR..15 * 24 * HOUR).step_by(7_777) {
            if let Ok(minute) = minute(ago_ms) {
                assert!(minute * 1000 >= NOW_MS + MINUTE_MS - 14 * 24 * HOUR);
            }
        }
    }

    #[test]
    fn a_time_is_rounded_to_its_minute_and_defaults_to_now() {
        let window = Window::at(Timestamp::from_millisecond(NOW_MS).unwrap());
        assert_eq!(window.minute(Some(NOW_MS + 29_999)), Ok(NOW_MS / 1000 - 30));
        assert_eq!(window.minute(None), Ok(NOW_MS / 1000 - 30));
    }

    #[test]
    fn seconds_milliseconds_rfc_3339_and_common_log_times_are_the_same() {
        for text in [
            "1795348800",
            "1795348800.0",
            "1795348800000",
            "2026-11-22T12:00:00Z",
            "2026-11-22T13:00:00.000+01:00",
            "22/Nov/2026:12:00:00 +0000",
            " 22/Nov/2026:14:30:00 +0230 ",
        ] {
            assert_eq!(parse_ms(text), Some(1_795_348_800_000), "{text}");
        }
        assert!(parse_ms("2026-11-22T13:00:00+23:59").is_some());
        for text in ["2026-11-22T13:00:00+25:00", "2026-11-22T13:00:00-24:00"] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
        for text in ["", "-", "soon", "1e999", "NaN", "22/Nov/2026", "0x10"] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }
}
