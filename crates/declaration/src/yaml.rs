//! YAML text of JSON values.

use std::borrow::Cow;

use saphyr::{Mapping, Scalar, ScalarStyle, Yaml, YamlEmitter};
use serde_json::Value;

/// Returns the YAML text of a value, in blocks. Strings that could be read as another type are
/// quoted. Fields keep their order. The text ends with a line break.
#[must_use]
pub fn yaml_text(value: &Value) -> String {
    let mut text = String::new();
    let mut emitter = YamlEmitter::new(&mut text);
    // The only failure is one of the writer, and a string has none.
    let _ = emitter.dump(&yaml(value));

    let text = text.strip_prefix("---\n").unwrap_or(&text);
    format!("{text}\n")
}

fn yaml(value: &Value) -> Yaml<'_> {
    match value {
        Value::Null => Yaml::Value(Scalar::Null),
        Value::Bool(value) => Yaml::Value(Scalar::Boolean(*value)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Yaml::Value(Scalar::Integer(number)),
            (None, Some(number)) => Yaml::Value(Scalar::FloatingPoint(number.into())),
            (None, None) => text(&number.to_string()),
        },
        Value::String(string) => text(string),
        Value::Array(items) => Yaml::Sequence(items.iter().map(yaml).collect()),
        Value::Object(fields) => {
            let mut mapping = Mapping::new();
            for (name, value) in fields {
                mapping.insert(text(name), yaml(value));
            }
            Yaml::Mapping(mapping)
        }
    }
}

fn text(string: &str) -> Yaml<'static> {
    if string.contains(is_unsafe) {
        let escaped = Cow::Owned(escaped(string));
        return Yaml::Representation(escaped, ScalarStyle::DoubleQuoted, None);
    }
    Yaml::Value(Scalar::String(Cow::Owned(string.to_owned())))
}

/// True for characters that control a terminal or change the direction of text. They would hide what
/// a file says, and the emitter escapes only those of ASCII.
fn is_unsafe(character: char) -> bool {
    let is_control = character.is_control() && !character.is_ascii();
    let is_hidden = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    is_control || is_hidden
}

/// Returns the content of a string in double quotes. YAML has the escapes of JSON.
fn escaped(string: &str) -> String {
    let quoted = Value::from(string).to_string();
    let content = quoted.get(1..quoted.len() - 1).unwrap_or_default();

    let mut text = String::with_capacity(content.len());
    for character in content.chars() {
        if is_unsafe(character) || character == '\u{7f}' {
            // All of these characters are below U+FFFF.
            text.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Located;

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e12..1e12_f64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[a:\u{85}\u{9b}\u{202e}\u{2028}\u{feff}\\\\\" ]{0,6}".prop_map(Value::from),
            "(yes|no|null|~|0x1f|1e3|-|\\?|: |- a|# b|\\.inf|nan|2026-11-29|=|<<)"
                .prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_read_back(value in values()) {
            let text = yaml_text(&value);
            let read = Located::parse("a.yaml", &text);
            prop_assert_eq!(read.map(|located| located.value), Ok(value), "{}", text);
        }
    }

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        let string = "a\u{9b}31m\u{202e}b\"\\\n\u{7f}\u{1b}";
        let value = json!({ string: [string, "c\u{85}", "plain é"] });
        let text = yaml_text(&value);
        let expected = r#""a\u009b31m\u202eb\"\\\n\u007f\u001b": "#;
        assert!(text.contains(expected.trim_end()), "{text}");
        assert!(text.contains("plain é"), "{text}");
        let is_raw = |letter: char| letter != '\n' && (letter.is_control() || is_unsafe(letter));
        assert!(!text.contains(is_raw), "{text:?}");
        assert_eq!(Located::parse("a.yaml", &text).unwrap().value, value);
    }

    #[test]
    fn text_is_in_blocks() {
        let value = json!({"plans": {"free": {"throttle": {"rate": 1.5, "burst": 5}}}, "keys": [{"key_id": "a", "scopes": ["b"]}]});
        assert_eq!(
            yaml_text(&value),
            "plans:\n  free:\n    throttle:\n      rate: 1.5\n      burst: 5\nkeys:\n  - key_id: a\n    scopes:\n      - b\n"
        );
    }
}
