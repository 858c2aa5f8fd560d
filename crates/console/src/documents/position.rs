//! Positions in a text, for people and editors.

use serde::Serialize;
use strict_json::{TextPosition, locate_json};

/// A position in a text, counted from 1. Columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Position {
    line: usize,
    column: usize,
}

impl Position {
    /// The beginning of a text.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// Returns the position of the value at a JSON pointer, or of the closest value around it.
    pub(crate) fn of_pointer(text: &str, pointer: &str) -> Self {
        let mut pointer = pointer;
        loop {
            if let Some(position) = locate_json(text, pointer) {
                return Self::in_characters(text, position);
            }
            match pointer.rsplit_once('/') {
                Some((parent, _)) => pointer = parent,
                None => return Self::START,
            }
        }
    }

    /// Converts a position whose column counts bytes.
    pub(crate) fn in_characters(text: &str, position: TextPosition) -> Self {
        let line = text.split('\n').nth(position.line.saturating_sub(1));
        let line = line.unwrap_or_default();
        let before = line
            .char_indices()
            .take_while(|(offset, _)| offset + 1 < position.column);
        Self {
            line: position.line.max(1),
            column: before.count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = "{\n \"éé\": {\"a\": [1, 2]}\n}";
        for (pointer, line, column) in [
            ("", 1, 1),
            ("/éé", 2, 8),
            ("/éé/a/1", 2, 18),
            ("/éé/missing", 2, 8),
            ("/missing", 1, 1),
        ] {
            let position = Position::of_pointer(text, pointer);
            assert_eq!(position, Position { line, column }, "{pointer}");
        }
        assert_eq!(Position::of_pointer("{", "/a"), Position::START);
    }
}
