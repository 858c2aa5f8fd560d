//! JSON values as cells.

use jiff::Timestamp;
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

/// Returns an instant without the fraction of its second, which tables have no room for.
pub(super) fn instant(value: &Value) -> String {
    let parsed = value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let seconds = parsed.and_then(|instant| Timestamp::from_second(instant.as_second()).ok());
    seconds.map_or_else(|| text(value), |instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn instant_has_no_fraction() {
        assert_eq!(
            instant(&json!("2026-11-29T19:43:51.07Z")),
            "2026-11-29T19:43:51Z"
        );
        assert_eq!(instant(&json!("soon")), "soon");
        assert_eq!(instant(&json!(null)), "");
    }

    #[test]
    fn lists_and_objects_are_one_line() {
        assert_eq!(text(&json!(["a", "b"])), "a b");
        assert_eq!(text(&json!({"crm": "1", "mail": "a@b"})), "crm=1 mail=a@b");
        assert_eq!(text(&json!(null)), "");
        assert_eq!(text(&json!(true)), "true");
    }
}
