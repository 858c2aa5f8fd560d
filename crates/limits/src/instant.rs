//! The text form of instants (RFC 3339).
//!
//! Many programs write "never" as `9999-12-31T23:59:59Z`, but [`Timestamp`] ends one day earlier,
//! at [`Timestamp::MAX`]. That instant is stored instead of all later ones, because every release
//! can read it. It is shown as `9999-12-31T23:59:59Z`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Deserializer, Serializer, de};

/// The last second that RFC 3339 can express.
const LAST_SECOND: &str = "9999-12-31T23:59:59Z";
/// The last day of [`Timestamp`].
const LAST_DAY: Date = Date::constant(9999, 12, 30);

/// Reads an instant. `None` if the text is invalid. Every instant after [`Timestamp::MAX`] becomes
/// `Timestamp::MAX`.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| is_after_max(text).then_some(Timestamp::MAX))
}

/// Writes an instant in the form that [`parse_instant`] reads.
#[must_use]
pub fn instant_text(instant: Timestamp) -> String {
    if instant == Timestamp::MAX {
        LAST_SECOND.to_owned()
    } else {
        instant.to_string()
    }
}

/// True if a text that is not a valid [`Timestamp`] is an instant of the last two days.
fn is_after_max(text: &str) -> bool {
    let Ok(pieces) = Pieces::parse(text) else {
        return false;
    };

    let is_complete = pieces.time().is_some() && pieces.to_numeric_offset().is_some();
    is_complete && pieces.time_zone_annotation().is_none() && pieces.date() >= LAST_DAY
}

/// Reads a field that is an instant, for `#[serde(deserialize_with)]`.
///
/// # Errors
/// An error of the deserializer if the field is `null` or not an instant.
pub fn present_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_instant(&text)
        .map(Some)
        .ok_or_else(|| de::Error::custom("expected an instant such as 2026-11-22T12:00:00Z"))
}

/// Writes an optional field that is an instant, for `#[serde(serialize_with)]`.
///
/// # Errors
/// Every error of the serializer.
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
    fn instants_of_the_last_days_are_read_and_shown() {
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
    fn invalid_instants_are_errors_in_every_year() {
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
