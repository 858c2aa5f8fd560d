//! The query of a deletion that can be forced.

use super::query::{Parameters, QueryParameters};

/// The query of a deletion.
pub(crate) struct DeletionQuery {
    /// True if the document is deleted although it is in use.
    pub(crate) is_forced: bool,
}

impl QueryParameters for DeletionQuery {
    const NAMES: &'static [&'static str] = &["force"];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            is_forced: parameters.flag("force"),
        }
    }
}
