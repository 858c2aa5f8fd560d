//! A field that is a string or a list of strings.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// One string, or a list.
#[derive(Debug, Default)]
pub(crate) struct OneOrMany {
    pub(crate) names: Vec<String>,
    /// True if the document has a list.
    pub(crate) is_list: bool,
}

/// One name, or a list, in the description of a document.
#[cfg(feature = "schema")]
#[derive(utoipa::ToSchema)]
#[schema(as = CompositionPartNames)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum OneOrManyNames {
    /// One name.
    One(String),
    /// Several names.
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or a list of strings")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany {
            names: vec![name.to_owned()],
            is_list: false,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = items.next_element()? {
            names.push(name);
        }
        Ok(OneOrMany {
            names,
            is_list: true,
        })
    }
}
