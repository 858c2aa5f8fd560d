//! Splits one level of a JSON value into the texts of its fields or items.

use std::fmt;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::decode_string;

/// The name of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// A name that is the same in JSON, or that is not from JSON.
    Plain(&'a str),
    /// A JSON string with escapes, and its characters. They are absent for an unpaired surrogate.
    Escaped(&'a str, Option<Box<str>>),
}

impl<'a> Name<'a> {
    fn from_json(json: &'a str) -> Self {
        let content = json
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));

        match content {
            Some(content) if !content.contains('\\') => Self::Plain(content),
            _ => Self::Escaped(json, decode_string(json).map(|name| name.into())),
        }
    }

    /// Returns the characters of the name. `None` if it has an unpaired surrogate, which no other
    /// name equals.
    pub(crate) fn decoded(&self) -> Option<&str> {
        match self {
            Self::Plain(name) => Some(name),
            Self::Escaped(_, name) => name.as_deref(),
        }
    }

    /// True if the name has these characters.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.decoded() == Some(name)
    }
}

/// Calls `visit` with each field of an object. Other values have none.
pub(crate) fn for_each_field<'a>(json: &'a str, visit: impl FnMut(Name<'a>, &'a str)) {
    if json.starts_with('{') {
        // Values are checked before they are merged, so that an error is impossible here.
        let _ = serde_json::Deserializer::from_str(json).deserialize_map(Fields(visit));
    }
}

/// Calls `visit` with each item of an array. Other values have none.
pub(crate) fn for_each_item<'a>(json: &'a str, visit: impl FnMut(&'a str)) {
    if json.starts_with('[') {
        let _ = serde_json::Deserializer::from_str(json).deserialize_seq(Items(visit));
    }
}

struct Fields<F>(F);

impl<'a, F: FnMut(Name<'a>, &'a str)> Visitor<'a> for Fields<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some((name, value)) = fields.next_entry::<&RawValue, &RawValue>()? {
            self.0(Name::from_json(name.get()), value.get());
        }
        Ok(())
    }
}

struct Items<F>(F);

impl<'a, F: FnMut(&'a str)> Visitor<'a> for Items<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&RawValue>()? {
            self.0(item.get());
        }
        Ok(())
    }
}
