//! The context that an authorizer returns.

use std::borrow::Cow;
use std::fmt;

use outcome::ContextField;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// The most fields that memory is reserved for before they are read.
const EXPECTED_FIELDS: usize = 32;

/// The fields of an authorizer's context by name, with scalars as values.
///
/// There are some twenty fields, and each request reads most of them several times. They are in a
/// list, because a search in it is faster than in a tree, and known names take no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizerContext(Vec<(Cow<'static, str>, Value)>);

impl AuthorizerContext {
    /// Returns a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    /// Sets a field, and replaces an earlier value.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name, value)),
        }
    }

    /// True if there is no field, as without an authorizer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names and values of all fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl Serialize for AuthorizerContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for AuthorizerContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

/// Reads all fields.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = AuthorizerContext;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<AuthorizerContext, A::Error> {
        let mut context = AuthorizerContext(Vec::with_capacity(EXPECTED_FIELDS));
        while let Some(name) = fields.next_key_seed(FieldName)? {
            context.insert(name, fields.next_value::<Value>()?);
        }
        Ok(context)
    }
}

/// Reads a name. Those that the authorizer of this project uses are not copied.
struct FieldName;

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Cow<'static, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName {
    type Value = Cow<'static, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(match ContextField::from_word(name) {
            Some(known) => Cow::Borrowed(known.as_str()),
            None => Cow::Owned(name.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn context_is_read_and_written_as_it_is() {
        let fields = json!({"plan": "pro", "own_name": 7, "is_on": true, "nothing": null});
        let context: AuthorizerContext = serde_json::from_value(fields.clone()).unwrap();

        assert_eq!(context.get("plan"), Some(&json!("pro")));
        assert_eq!(context.get("own_name"), Some(&json!(7)));
        assert_eq!(context.get("own"), None);
        assert_eq!(serde_json::to_value(&context).unwrap(), fields);
    }

    #[test]
    fn last_value_of_a_field_counts() {
        let text = r#"{"plan": "free", "x": 1, "plan": "pro"}"#;
        let context: AuthorizerContext = serde_json::from_str(text).unwrap();

        assert_eq!(context.get("plan"), Some(&json!("pro")));
        assert_eq!(context.iter().count(), 2);
    }

    #[test]
    fn context_is_an_object() {
        for text in ["[]", "\"plan\"", "7"] {
            assert!(serde_json::from_str::<AuthorizerContext>(text).is_err());
        }
    }
}
