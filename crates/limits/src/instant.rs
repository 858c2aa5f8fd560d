//! Instants as people write them (RFC 3339).
//!
//! `9999-12-31T23:59:59Z` is how many programs write "never". [`Timestamp`] ends a day earlier, at
//! [`Timestamp::MAX`], which therefore stands for every later instant. It is stored instead of
//! them, because every release can read it, and it is shown as `9999-12-31T23:59:59Z`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Deserializer, Serializer, de};

/// The last second that RFC 3339 can write.
const LAST_SECOND: &str = "9999-12-31T23:59:59Z";
/// The day on which [`Timestamp`] ends.
const LAST_DAY: Date = Date::constant(9999, 12, 30);

/// Reads an instant, or returns `None` if the text is not one. Every instant after
/// [`Timestamp::MAX`] becomes that.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| is_after_max(text).then_some(Timestamp::MAX))
}

/// Writes an instant so that [`parse_instant`] reads the same one.
#[must_use]
pub fn instant_text(instant: Timestamp) -> String {
    if instant == Timestamp::MAX {
        LAST_SECOND.to_owned()
    } else {
        instant.to_string()
    }
}

/// True for a complete instant of the last days, given that it is not a [`Timestamp`].
fn is_after_max(text: &str) -> bool {
    let Ok(pieces) = Pieces::parse(text) else {
        return false;
    };
    let is_complete = pieces.time().is_some() && pieces.to_numeric_offset().is_some();
    is_complete && pieces.time_zone_annotation().is_none() && pieces.date() >= LAST_DAY
}

/// Reads the instant of a field that is present, for `#[serde(deserialize_with)]`.
///
/// # Errors
/// `null`, and a text that is not an instant.
pub fn present_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_instant(&text)
        .map(Some)
        .ok_or_else(|| de::Error::custom("expected an instant of RFC 3339"))
}

/// Writes the instant of a field, for `#[serde(serialize_with)]`.
///
/// # Errors
/// Those of the serializer.
pub fn optional_instant<S: Serializer>(
    instant: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match instant {
        Some(instant) => serializer.serialize_str(&instant_text(*instant)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_the_last_day_are_read_and_shown() {
        for text in [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-31T00:00:00Z",
            "9999-12-31T23:59:59+14:00",
            "9999-12-30T23:00:00Z",
            "9999-12-31 23:59:59-08:00",
        ] {
            let instant = parse_instant(text);
            assert_eq!(instant, Some(Timestamp::MAX), "{text}");
            assert_eq!(instant_text(Timestamp::MAX), "9999-12-31T23:59:59Z");
        }
        for text in [
            "9999-12-29T00:00:00Z",
            "2026-11-22T12:00:00Z",
            "2026-11-22T12:00:00.5Z",
        ] {
            assert_eq!(parse_instant(text).map(instant_text).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_not_an_instant_is_refused_in_every_year() {
        for text in [
            "",
            "never",
            "9999-12-31",
            "9999-12-31T23:59:59",
            "9999-13-31T23:59:59Z",
            "9999-12-31T25:00:00Z",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59[UTC]",
            "9999-12-31Z",
        ] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }
}
