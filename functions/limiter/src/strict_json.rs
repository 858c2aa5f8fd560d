//! JSON in which no member stands twice: of two plans or rates of one name, the laxer might win.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::problem::{Mistake, Problem};
use http::StatusCode;

/// The value that this text is.
///
/// # Errors
/// 400 for what is no JSON, 422 for a member that stands twice.
pub(crate) fn value(text: &[u8]) -> Result<Value, Problem> {
    let syntax = |error: &serde_json::Error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("The request's body is not JSON: {error}."))
    };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let Strict(value) = Strict::deserialize(&mut deserializer).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::mistakes(vec![Mistake::at("", error.to_string())]),
        _ => syntax(&error),
    })?;
    deserializer.end().map_err(|error| syntax(&error))?;
    Ok(value)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON in which no member stands twice")
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
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{name}` stands there twice")));
            }
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> serde_json::Value {
        serde_json::to_value(value(text.as_bytes()).expect_err(text)).unwrap()
    }

    #[test]
    fn json_is_read_as_it_stands() {
        let text = r#"{"a":[1,-1,1.5,"x",null,true],"b":{"a":"\u00fc"}}"#;
        assert_eq!(value(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        for text in ["", "{", r#"{"a":1} x"#, "\u{feff}{}", &"[".repeat(200)] {
            let problem = refused(text);
            assert_eq!(problem["status"], 400, "{text}");
            assert!(problem["detail"].as_str().unwrap().contains("line 1 column"), "{problem}");
        }
    }

    #[test]
    fn a_member_that_stands_twice_is_named() {
        let problem = refused(r#"{"routes":{"GET /a":1,"GET /a":2}}"#);
        assert_eq!(problem["status"], 422);
        assert!(problem["errors"][0]["detail"].as_str().unwrap().starts_with("`GET /a` stands there twice"));
    }
}
