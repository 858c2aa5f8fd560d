//! API compositions: documents, templates, and the merged and shaped response.
//!
//! A composition is a route whose response is merged from the responses of several services, its
//! parts. This crate checks the documents, fills the paths of parts, and merges and shapes their
//! responses. It makes no calls.

mod missing;
mod model;

pub use missing::{Missing, MissingPart};
pub use model::{Change, Cost, Part, PartMethod, Route, Service, VersionShape};
