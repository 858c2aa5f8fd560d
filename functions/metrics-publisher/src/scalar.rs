//! A field that is a string, or a number or boolean as a string. Some log formats quote numbers.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A string, borrowed if possible. `null`, an empty string and the hyphen that API Gateway logs count
/// as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scalar<'a>(Cow<'a, str>);

impl<'a> Scalar<'a> {
    pub(crate) fn borrowed(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// Returns the string, even if it counts as missing.
    pub(crate) fn raw(&self) -> &str {
        &self.0
    }

    /// Returns the string, even if it counts as missing.
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        self.0
    }

    /// Returns the string, or `None` if it counts as missing.
    pub(crate) fn get(&self) -> Option<&str> {
        Some(self.0.as_ref()).filter(|text| !matches!(*text, "" | "-"))
    }
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, number or boolean")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Scalar(Cow::Owned(text)))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.visit_string(value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_string(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_string(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.visit_string(value.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::default())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_texts_and_a_hyphen_is_nothing() {
        let read = |json| {
            serde_json::from_str::<Scalar<'_>>(json).map(|scalar| scalar.get().map(str::to_owned))
        };
        for (json, text) in [
            (r#""200""#, Some("200")),
            ("200", Some("200")),
            ("-1", Some("-1")),
            ("1.5", Some("1.5")),
            (r#""a\"b""#, Some("a\"b")),
            ("true", Some("true")),
            (r#""-""#, None),
            (r#""""#, None),
            ("null", None),
        ] {
            assert_eq!(read(json).unwrap().as_deref(), text, "{json}");
        }
        assert!(read("[]").is_err() && read("{}").is_err());
    }
}
