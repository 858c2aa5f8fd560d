//! The end of a block: an instant, or a duration from now.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit};

/// Reads an instant in RFC 3339, or a duration such as `1h`, `30m` or `7d`. Days have 24 hours. The end
/// of a duration is a whole second.
///
/// # Errors
/// The problem, if the text is neither, or the end is not in the future.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    parse_at(text, Timestamp::now())
}

fn parse_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let expected = || {
        "expected a duration such as 1h, 30m or 7d, or an instant such as 2026-11-30T08:00:00Z"
            .to_owned()
    };

    let end = match text.parse::<Timestamp>() {
        Ok(instant) => instant,
        Err(_) => {
            let span: Span = text.parse().map_err(|_| expected())?;
            let start = now.to_zoned(TimeZone::UTC);
            let end = start.checked_add(span).map_err(|_| expected())?;
            end.timestamp()
                .round(Unit::Second)
                .map_err(|_| expected())?
        }
    };
    if end <= now {
        return Err("expected a time in the future".to_owned());
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Result<String, String> {
        let now = "2026-11-29T20:00:00.123456789Z".parse().unwrap();
        parse_at(text, now).map(|end| end.to_string())
    }

    #[test]
    fn duration_is_added_to_the_present() {
        for (text, expected) in [
            ("1h", "2026-11-29T21:00:00Z"),
            ("30m", "2026-11-29T20:30:00Z"),
            ("1h30m", "2026-11-29T21:30:00Z"),
            ("7d", "2026-12-06T20:00:00Z"),
            ("2 weeks", "2026-12-13T20:00:00Z"),
            ("PT90S", "2026-11-29T20:01:30Z"),
        ] {
            assert_eq!(end(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn instant_has_a_time_zone() {
        assert_eq!(
            end("2026-11-30T08:00:00+01:00").as_deref(),
            Ok("2026-11-30T07:00:00Z")
        );
        assert!(
            end("2026-11-30T08:00:00")
                .unwrap_err()
                .starts_with("expected a duration")
        );
        assert!(
            end("tomorrow")
                .unwrap_err()
                .starts_with("expected a duration")
        );
    }

    #[test]
    fn end_is_in_the_future() {
        for text in [
            "0s",
            "-1h",
            "1h ago",
            "2026-11-29T20:00:00Z",
            "2020-01-01T00:00:00Z",
        ] {
            assert_eq!(
                end(text).unwrap_err(),
                "expected a time in the future",
                "{text}"
            );
        }
        assert!(end("9999y").is_err());
    }
}
