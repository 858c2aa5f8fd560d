//! API compositions: documents, templates, and the merged and shaped response.
//!
//! A composition is a route whose response is merged from the responses of several services, its
//! parts. This crate checks the documents, fills the paths of parts, and merges and shapes their
//! responses. It makes no calls.

mod absent_parts;
mod cache_control;
mod check;
mod client_version;
mod compositions;
mod document;
mod edit;
mod entity_tag;
mod error;
mod fields;
mod invalid_value;
mod json;
mod json_reader;
mod merge;
mod missing;
mod model;
mod names;
mod next_link;
mod node;
mod part;
mod shape;
mod stages;
mod template;
mod values;

pub use cache_control::{PartCaching, strictest_cache_control};
pub use client_version::client_version;
pub use compositions::{Compositions, ReplacedUrls, Settings};
pub use document::{CompositionsDocument, MAX_DOCUMENT_BYTES};
pub use entity_tag::{entity_tag, matches_entity_tag};
pub use error::{CompositionError, CompositionWarning};
pub use fields::{
    FieldSelection, FieldsError, MAX_FIELDS_BYTES, MAX_FIELDS_DEPTH, MAX_FIELDS_NAMES, Unexpected,
};
pub use invalid_value::{InvalidValue, ValueSource};
pub use json::{MAX_JSON_DEPTH, check_json, scalar};
pub use merge::{Answer, render};
pub use missing::{Missing, MissingPart};
pub use model::{Change, Cost, Part, PartMethod, Route, Service, VersionShape};
pub use next_link::with_next_link;
pub use template::Target;
pub use values::Values;

#[cfg(test)]
mod properties;
