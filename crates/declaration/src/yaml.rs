//! YAML text of JSON values.

use std::borrow::Cow;

use saphyr::{Mapping, Scalar, Yaml, YamlEmitter};
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
    Yaml::Value(Scalar::String(Cow::Owned(string.to_owned())))
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
    fn text_is_in_blocks() {
        let value = json!({"plans": {"free": {"throttle": {"rate": 1.5, "burst": 5}}}, "keys": [{"key_id": "a", "scopes": ["b"]}]});
        assert_eq!(
            yaml_text(&value),
            "plans:\n  free:\n    throttle:\n      rate: 1.5\n      burst: 5\nkeys:\n  - key_id: a\n    scopes:\n      - b\n"
        );
    }
}
