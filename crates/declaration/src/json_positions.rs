//! The positions of all values of a JSON document, found in one pass.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;

use crate::position::Position;

/// Returns the position of each value by JSON Pointer. `None` if the text is not JSON.
pub(crate) fn json_positions(text: &str) -> Option<HashMap<String, Position>> {
    let root: &RawValue = serde_json::from_str(text).ok()?;
    let line_ends = text.match_indices('\n').map(|(end, _)| end + 1);
    let mut document = Document {
        text,
        line_starts: std::iter::once(0).chain(line_ends).collect(),
        positions: HashMap::new(),
    };
    document.add(root, String::new())?;
    Some(document.positions)
}

struct Document<'t> {
    text: &'t str,
    /// The offset of each line in bytes.
    line_starts: Vec<usize>,
    positions: HashMap<String, Position>,
}

impl Document<'_> {
    fn add(&mut self, value: &RawValue, pointer: String) -> Option<()> {
        let json = value.get();
        let offset = json
            .as_ptr()
            .addr()
            .checked_sub(self.text.as_ptr().addr())?;
        let position = self.position(offset)?;

        if json.starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            for (index, item) in items.into_iter().enumerate() {
                self.add(item, format!("{pointer}/{index}"))?;
            }
        } else if json.starts_with('{') {
            let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).ok()?;
            for (name, item) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                self.add(item, format!("{pointer}/{name}"))?;
            }
        }
        self.positions.insert(pointer, position);
        Some(())
    }

    fn position(&self, offset: usize) -> Option<Position> {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = *self.line_starts.get(line.checked_sub(1)?)?;
        let before = self.text.get(start..offset)?;
        Some(Position {
            line,
            column: before.chars().count() + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_position() {
        let text = "{\n\t\"é\": [1, {\"a/b\": 2}],\n\t\"c\": 3}";
        let positions = json_positions(text).unwrap();
        for (pointer, expected) in [
            ("", "1:1"),
            ("/é", "2:7"),
            ("/é/0", "2:8"),
            ("/é/1", "2:11"),
            ("/é/1/a~1b", "2:19"),
            ("/c", "3:7"),
        ] {
            assert_eq!(positions[pointer].to_string(), expected, "{pointer}");
        }
        assert_eq!(positions.len(), 6);
        assert!(json_positions("{").is_none());
    }
}
