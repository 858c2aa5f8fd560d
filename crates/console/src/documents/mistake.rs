//! Mistakes in a document, with their positions.

use limiter::document_check::DocumentMistake;
use serde::Serialize;

use super::position::Position;

/// A mistake in a document, or a warning about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LocatedMistake {
    /// The JSON pointer of the field. It is empty for the whole document.
    pointer: String,
    #[serde(flatten)]
    position: Position,
    detail: String,
}

impl LocatedMistake {
    pub(crate) fn new(
        pointer: impl Into<String>,
        position: Position,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            position,
            detail: detail.into(),
        }
    }

    /// Finds mistakes in a text, and sorts them by their positions.
    pub(crate) fn locate(text: &str, mistakes: Vec<DocumentMistake>) -> Vec<Self> {
        let located = mistakes.into_iter().map(|mistake| {
            let position = Position::of_pointer(text, &mistake.pointer);
            Self::new(mistake.pointer, position, mistake.detail)
        });
        let mut located: Vec<_> = located.collect();
        located.sort_by_key(|mistake| mistake.position);
        located
    }
}
