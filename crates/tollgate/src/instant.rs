//! Instants, days and durations in arguments and files.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Parses an RFC 3339 instant, a day (its start in UTC), or a duration from now such as `30d`.
///
/// # Errors
/// The expected forms.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    instant_from(text, Timestamp::now())
}

fn instant_from(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let expected =
        || "expected an instant such as 2027-01-31T12:00:00Z, a day, or a duration such as 30d";
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    if let Some(day) = civil_day(text) {
        let start = day.to_zoned(TimeZone::UTC).map_err(|_| expected())?;
        return Ok(start.timestamp());
    }

    let span = positive_span(text).ok_or_else(expected)?;
    let end = now.to_zoned(TimeZone::UTC).checked_add(span);
    let end = end.map_err(|_| "the instant is out of range")?.timestamp();
    // A fraction of a second would only make the instant harder to read.
    Ok(Timestamp::from_second(end.as_second()).map_err(|_| expected())?)
}

/// Parses a day such as `2026-11-22`, or a duration such as `90d` for the day that long ago, in UTC.
///
/// # Errors
/// The expected forms.
pub(crate) fn past_day(text: &str) -> Result<Date, String> {
    past_day_from(text, Timestamp::now())
}

fn past_day_from(text: &str, now: Timestamp) -> Result<Date, String> {
    if let Some(day) = civil_day(text) {
        return Ok(day);
    }
    let span = positive_span(text).ok_or(
        "expected a day such as 2026-11-22, or a duration such as 90d for the day that long ago",
    )?;
    let day = now.to_zoned(TimeZone::UTC).checked_sub(span);
    Ok(day.map_err(|_| "the day is out of range")?.date())
}

/// Parses a day such as `2026-11-22`.
///
/// # Errors
/// The expected form.
pub(crate) fn day(text: &str) -> Result<Date, String> {
    civil_day(text).ok_or_else(|| "expected a day such as 2026-11-22".to_owned())
}

/// The days of a calendar month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Month {
    pub(crate) first: Date,
    pub(crate) last: Date,
}

/// Parses a month such as `2026-11`.
///
/// # Errors
/// The expected form.
pub(crate) fn month(text: &str) -> Result<Month, String> {
    let first = civil_day(&format!("{text}-01")).ok_or("expected a month such as 2026-11")?;
    Ok(Month {
        first,
        last: first.last_of_month(),
    })
}

/// Parses a duration in whole seconds, such as `24h` or `7d`. A day has 24 hours.
///
/// # Errors
/// The expected form.
pub(crate) fn seconds(text: &str) -> Result<u32, String> {
    let expected = || "expected a duration such as 24h, 7d or 0s".to_owned();
    let span: Span = text.parse().map_err(|_| expected())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| expected())?;
    let is_whole = duration == SignedDuration::from_secs(duration.as_secs());
    u32::try_from(duration.as_secs())
        .ok()
        .filter(|_| is_whole)
        .ok_or_else(expected)
}

/// Reads a day. `Date` also accepts a date with a time.
fn civil_day(text: &str) -> Option<Date> {
    let day = text.parse::<Date>().ok()?;
    (day.to_string() == text).then_some(day)
}

fn positive_span(text: &str) -> Option<Span> {
    let span = text.parse::<Span>().ok()?;
    span.is_positive().then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-29T18:30:00.5Z".parse().unwrap()
    }

    #[test]
    fn instant_is_rfc_3339_or_a_day_or_a_duration() {
        for (text, expected) in [
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
            ("2027-01-31T12:00:00+01:00", "2027-01-31T11:00:00Z"),
            ("2027-01-31", "2027-01-31T00:00:00Z"),
            ("30d", "2026-12-29T18:30:00Z"),
            ("1h30m", "2026-11-29T20:00:00Z"),
            ("2w", "2026-12-13T18:30:00Z"),
            ("1y", "2027-11-29T18:30:00Z"),
        ] {
            let instant = instant_from(text, now());
            assert_eq!(instant.unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn other_text_is_not_an_instant() {
        for text in [
            "",
            "30",
            "tomorrow",
            "-30d",
            "30d ago",
            "0d",
            "2027-01-31T12:00:00",
            "2027-13-01",
            "90000y",
        ] {
            assert!(instant_from(text, now()).is_err(), "{text}");
        }
    }

    #[test]
    fn past_day_is_a_day_or_a_duration() {
        let day = |text| past_day_from(text, now()).map(|day| day.to_string());
        assert_eq!(day("2026-08-31").unwrap(), "2026-08-31");
        assert_eq!(day("90d").unwrap(), "2026-08-31");
        assert!(day("90").is_err() && day("2026-08-31T00:00:00Z").is_err());
    }

    #[test]
    fn month_has_its_first_and_last_day() {
        let days = |text| month(text).map(|it| (it.first.to_string(), it.last.to_string()));
        let (first, last) = days("2028-02").unwrap();
        assert_eq!((&*first, &*last), ("2028-02-01", "2028-02-29"));
        for text in ["", "2026", "2026-13", "2026-1", "2026-11-01", "11-2026"] {
            assert!(days(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_are_whole_and_at_least_0() {
        assert_eq!(seconds("24h").unwrap(), 86_400);
        assert_eq!(seconds("7d").unwrap(), 604_800);
        assert_eq!(seconds("0s").unwrap(), 0);
        assert_eq!(seconds("1h 30m").unwrap(), 5_400);
        for text in ["", "24", "-1h", "1mo", "500ms", "999999w"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
