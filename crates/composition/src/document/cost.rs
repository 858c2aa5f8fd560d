//! The calls that a request counts as.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The calls that a request counts as.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = CompositionCost, rename_all = "lowercase"))]
pub(crate) enum CostDocument {
    /// The cost of the policy's rule.
    #[default]
    Rule,
    /// The cost of the policy's rule, and one call more for each called part after the first.
    Parts,
}

impl<'de> Deserialize<'de> for CostDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(CostVisitor)
    }
}

struct CostVisitor;

impl Visitor<'_> for CostVisitor {
    type Value = CostDocument;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`rule` or `parts`")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<CostDocument, E> {
        match word {
            "rule" => Ok(CostDocument::Rule),
            "parts" => Ok(CostDocument::Parts),
            _ => Err(E::unknown_variant(word, &["rule", "parts"])),
        }
    }
}
