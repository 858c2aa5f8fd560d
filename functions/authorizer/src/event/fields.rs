//! The fields of a JSON object in an event.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::json_str::JsonStr;

/// The fields of an object in the order of the document, without those that are null. A name can
/// occur several times.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fields<'e, T>(pub(crate) Vec<(JsonStr<'e>, T)>);

impl<T> Default for Fields<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'e> Fields<'e, JsonStr<'e>> {
    /// Returns the field with this name, or `None` if several have it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| **known == *name);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(&**value)
    }
}

impl<'de: 'e, 'e, T: Deserialize<'de>> Deserialize<'de> for Fields<'e, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor(PhantomData))
    }
}

struct FieldsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldsVisitor<T> {
    type Value = Fields<'de, T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(16);
        while let Some((name, value)) = map.next_entry::<JsonStr<'de>, Option<T>>()? {
            fields.extend(value.map(|value| (name, value)));
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_field_counts_as_missing() {
        let fields: Fields<'_, JsonStr<'_>> =
            serde_json::from_str(r#"{"a":"1","b":"2","a":"3"}"#).unwrap();

        assert_eq!((fields.get("a"), fields.get("b")), (None, Some("2")));
    }
}
