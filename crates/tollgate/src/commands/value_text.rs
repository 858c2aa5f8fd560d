//! JSON values as cells.

use serde_json::Value;

/// Returns a value as text: the items of a list, and the entries of an object, separated by spaces.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Object(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(name, value)| format!("{name}={}", text(value)));
            entries.collect::<Vec<_>>().join(" ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_objects_are_one_line() {
        assert_eq!(text(&json!(["a", "b"])), "a b");
        assert_eq!(text(&json!({"crm": "1", "mail": "a@b"})), "crm=1 mail=a@b");
        assert_eq!(text(&json!(null)), "");
        assert_eq!(text(&json!(true)), "true");
    }
}
