//! Deserializers for fields of a document, for `#[serde(deserialize_with)]`.
//!
//! A field may be absent, but not `null`. A `null` is often a lost value, and must not remove a
//! limit. A whole number may be written as `1.0`, as JSON Schema defines an integer.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// The number up to which a 64-bit float represents every whole number exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a field that is present. With `#[serde(default)]`, an absent field is `None`.
///
/// # Errors
/// An error of the deserializer if the field is `null` or invalid.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a whole number.
///
/// # Errors
/// An error of the deserializer if the field is `null`, has a fraction, is `-0.0`, or is out of the
/// range of `N`.
pub(crate) fn whole<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    deserializer.deserialize_u64(Whole(PhantomData))
}

/// Reads a field that is present and a whole number. With `#[serde(default)]`, an absent field is
/// `None`.
///
/// # Errors
/// As [`whole`].
pub(crate) fn present_whole<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    whole(deserializer).map(Some)
}

struct Whole<N>(PhantomData<N>);

impl<N: TryFrom<u64>> Visitor<'_> for Whole<N> {
    type Value = N;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number of at least 0")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<N, E> {
        let Ok(unsigned) = u64::try_from(number) else {
            return Err(E::invalid_value(Unexpected::Signed(number), &self));
        };

        self.visit_u64(unsigned)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<N, E> {
        let is_whole = number.fract() == 0.0 && number.is_sign_positive() && number <= MAX_EXACT;
        if !is_whole {
            return Err(E::invalid_type(Unexpected::Float(number), &self));
        }

        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number is whole and at most 2⁵³"
        )]
        self.visit_u64(number as u64)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Document {
        #[serde(default, deserialize_with = "super::present")]
        text: Option<String>,
        #[serde(deserialize_with = "super::whole")]
        number: u8,
        #[serde(default, deserialize_with = "super::present_whole")]
        other: Option<u64>,
    }

    fn read(json: &str) -> Result<Document, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn absent_fields_are_none_and_null_is_an_error() {
        assert_eq!(
            read(r#"{"number":1}"#),
            Ok(Document {
                text: None,
                number: 1,
                other: None
            })
        );

        for json in [
            r#"{"number":1,"text":null}"#,
            r#"{"number":null}"#,
            r#"{"number":1,"other":null}"#,
        ] {
            assert!(
                read(json)
                    .unwrap_err()
                    .starts_with("invalid type: null, expected"),
                "{json}"
            );
        }
    }

    #[test]
    fn whole_numbers_may_have_a_decimal_point() {
        for (number, expected) in [("1.0", 1), ("0", 0), ("0.0", 0), ("2e2", 200)] {
            assert_eq!(
                read(&format!(r#"{{"number":{number}}}"#)).map(|document| document.number),
                Ok(expected)
            );
        }

        for number in ["-0.0", "-1", "1.5", "256", "1e300", "\"1\"", "true"] {
            assert!(
                read(&format!(r#"{{"number":{number}}}"#)).is_err(),
                "{number}"
            );
        }
    }
}
