//! Text without characters that control a terminal.

use std::fmt::Write as _;

/// Returns a text in which control characters, which a terminal might execute, are escaped. So are
/// the characters that change the direction of text, because they hide what a line says.
pub(crate) fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Returns JSON in which the same characters are escaped as in [`escaped`], in the form of JSON.
/// The value does not change. Line breaks between values stay.
pub(super) fn escaped_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_unsafe(character) {
            // All of these characters are below U+FFFF, and JSON has them only inside strings.
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

/// True for control characters, line and paragraph separators, and for embeddings, overrides,
/// isolates and marks of direction.
fn is_unsafe(character: char) -> bool {
    let changes_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || changes_direction
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escaped("a\u{1b}[2J\n\u{9b}é"), "a\\u{1b}[2J\\n\\u{9b}é");
    }

    #[test]
    fn changes_of_direction_are_escaped() {
        assert_eq!(escaped("a\u{202e}b\u{2066}"), "a\\u{202e}b\\u{2066}");
        assert_eq!(escaped("עברית"), "עברית");
        assert_eq!(escaped("a\u{2028}b\u{2029}"), "a\\u{2028}b\\u{2029}");
    }

    #[test]
    fn json_is_escaped_without_a_change_of_its_value() {
        let value = json!({"a\u{9b}": ["\u{7f}\u{1b}\u{202e}", "é\n"]});
        let text = escaped_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(
            !text
                .chars()
                .any(|one| one != '\n' && (one.is_control() || one == '\u{202e}')),
            "{text:?}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
