//! Differences between a requested key and an existing one.

use serde_json::{Map, Value};

use crate::commands::value_text::text;

/// Returns a warning if an existing key has other values than those requested. It was not changed.
pub(super) fn warning(key_id: &str, requested: &Map<String, Value>, key: &Value) -> Option<String> {
    let fields = different_fields(requested, key);
    if fields.is_empty() {
        return None;
    }
    let fields = fields.join(", ");
    Some(format!(
        "warning: key {key_id} exists and is not changed, but differs in {fields}; see `tollgate keys set`"
    ))
}

/// Returns the names of the fields whose values in the row differ from the key.
fn different_fields(row: &Map<String, Value>, key: &Value) -> Vec<String> {
    let differs = |name: &str, value: &Value| match (name, value) {
        // Instants and networks have several forms.
        ("expires_at" | "not_before", Value::String(instant)) => {
            let instant = instant.parse::<jiff::Timestamp>().ok();
            let other = text(&key[name]).parse::<jiff::Timestamp>().ok();
            instant != other
        }
        ("allowed_ips", _) => key[name].as_array().map(Vec::len) != value.as_array().map(Vec::len),
        ("metadata", Value::Object(entries)) => {
            let mut entries = entries.iter();
            entries.any(|(entry, value)| key["metadata"][entry] != *value)
        }
        // A key has its prefix only if it is not the default.
        ("prefix", _) => key.get(name).is_some_and(|other| other != value),
        _ => key[name] != *value,
    };
    let fields = row.iter().filter(|(name, value)| differs(name, value));
    fields.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_different_fields_are_named() {
        let row = json!({"plan": "free", "name": "A", "expires_at": "2027-01-01T00:00:00+00:00", "prefix": "tg_",
            "allowed_ips": ["192.0.2.1"], "metadata": {"a": "1"}});
        let key = json!({"key_id": "a", "plan": "free", "name": "A", "enabled": true, "expires_at": "2027-01-01T00:00:00Z",
            "allowed_ips": ["192.0.2.1/32"], "metadata": {"a": "1", "b": "2"}, "scopes": []});
        let row = row.as_object().cloned().unwrap();
        assert_eq!(different_fields(&row, &key), [""; 0]);

        let other = json!({"plan": "pro", "name": "A", "expires_at": null, "metadata": {}});
        let mut fields = different_fields(&row, &other);
        fields.sort();
        assert_eq!(fields, ["allowed_ips", "expires_at", "metadata", "plan"]);
    }
}
