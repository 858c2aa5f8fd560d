//! Reads JSON in which no object has two fields with the same name.
//!
//! Parsers disagree on which of two fields with one name counts. A signed document that contains
//! both means different things to different parsers. `serde_json` itself refuses numbers that
//! overflow, lone surrogates and nesting beyond 128 levels.
//!
//! - [`value`] and [`object`] read whole documents
//! - [`StrictValue`] is a value inside another document
//! - [`parse_json`] reads a document that a person wrote. Its errors name the field and the position.
//! - [`map`] is for fields with `#[serde(deserialize_with = "strict_json::map")]`
//!
//! ```
//! assert!(strict_json::object(br#"{"alg": "RS256"}"#).is_some());
//! assert!(strict_json::object(br#"{"alg": "RS256", "alg": "none"}"#).is_none());
//! ```
//!
//! `serde_with::MapPreventDuplicates` covers maps only, at one level, so it was not enough.

mod json_text;

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, map as json_map};

pub use json_text::{JsonError, TextPosition, locate_json, parse_json};

/// Reads a JSON value.
///
/// # Errors
/// An error of [`Category::Data`](serde_json::error::Category::Data) for a duplicate field, and of
/// another category if the text is not JSON.
pub fn value(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice::<StrictValue>(text).map(|StrictValue(value)| value)
}

/// Reads a JSON object. Returns `None` for anything else.
#[must_use]
pub fn object(text: &[u8]) -> Option<Map<String, Value>> {
    match value(text).ok()? {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// Reads an object as a map, for `#[serde(deserialize_with)]`.
///
/// # Errors
/// An error of the deserializer for a duplicate name, for anything but an object, or for an invalid
/// value.
pub fn map<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    deserializer.deserialize_map(MapVisitor(PhantomData))
}

/// A JSON value in which no object has a duplicate field, at any depth.
#[derive(Debug)]
pub struct StrictValue(pub Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct MapVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for MapVisitor<V> {
    type Value = BTreeMap<String, V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        read_fields(fields, |name, value| match map.entry(name) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert(value);
                Ok(())
            }
            btree_map::Entry::Occupied(entry) => Err(entry.key().clone()),
        })?;
        Ok(map)
    }
}

/// Passes each field of an object to `insert`, which returns the name of a duplicate as its error.
fn read_fields<'de, A, V>(
    mut fields: A,
    mut insert: impl FnMut(String, V) -> Result<(), String>,
) -> Result<(), A::Error>
where
    A: MapAccess<'de>,
    V: Deserialize<'de>,
{
    while let Some((name, value)) = fields.next_entry()? {
        insert(name, value)
            .map_err(|name| A::Error::custom(format_args!("duplicate field `{name}`")))?;
    }
    Ok(())
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without duplicate fields")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(StrictValue(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        read_fields(fields, |name, StrictValue(value)| match map.entry(name) {
            json_map::Entry::Vacant(entry) => {
                entry.insert(value);
                Ok(())
            }
            json_map::Entry::Occupied(entry) => Err(entry.key().clone()),
        })?;
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_is_read_unchanged() {
        let text = r#"{"a":[1,-1,1.5,"x",null,true],"b":{"a":"\u00fc"}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()).map(Value::Object), Some(expected));
    }

    #[test]
    fn documents_that_parsers_read_differently_are_refused() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"b":[{"a":1,"a":2}]}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":1e999}"#,
            r#"{"a":1} x"#,
            r#"{"a":1,}"#,
            r#"{"a":01}"#,
            r#"{"a":NaN}"#,
            "[]",
            "\"a\"",
            "",
            "\u{feff}{}",
            &deep,
        ] {
            assert_eq!(object(text.as_bytes()), None, "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
    }

    #[test]
    fn error_names_the_duplicate_field_and_its_position() {
        let error = value(br#"{"routes":{"GET /a":1,"GET /a":2}}"#).unwrap_err();
        assert_eq!(error.classify(), serde_json::error::Category::Data);
        assert!(
            error
                .to_string()
                .starts_with("duplicate field `GET /a` at line 1 column"),
            "{error}"
        );
        for text in ["", "{", r#"{"a":1} x"#, "\u{feff}{}", &"[".repeat(200)] {
            assert_ne!(
                value(text.as_bytes()).unwrap_err().classify(),
                serde_json::error::Category::Data,
                "{text}"
            );
        }
    }

    #[test]
    fn map_refuses_duplicate_names() {
        let read = |text| {
            map::<_, u8>(&mut serde_json::Deserializer::from_str(text))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(r#"{"a":1,"b":1}"#).unwrap().len(), 2);
        assert!(
            read(r#"{"a":1,"b":1,"\u0061":1}"#)
                .unwrap_err()
                .starts_with("duplicate field `a`")
        );
        assert!(read("[]").unwrap_err().contains("expected an object"));
    }
}
