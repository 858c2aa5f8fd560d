//! Audit records as rows of a table.

use serde_json::{Map, Value};

use crate::commands::list::{cell, instant_cell};
use crate::output::Table;

/// Returns an empty table of audit records.
pub(super) fn table() -> Table {
    Table::new(&["AT", "PRINCIPAL", "ACTION", "TARGET", "CHANGES"])
}

/// Returns the cells of a record.
pub(super) fn cells(record: &Value) -> Vec<String> {
    vec![
        instant_cell(record, "at"),
        short_principal(&cell(record, "principal")),
        cell(record, "action"),
        cell(record, "target"),
        changes(record),
    ]
}

/// Returns the name in an ARN: `Admin/alice` for an assumed role with its session, `user/bob` for a
/// user.
fn short_principal(arn: &str) -> String {
    let resource = arn.splitn(6, ':').nth(5);
    let name = resource.filter(|_| arn.starts_with("arn:"));
    let name = name.unwrap_or(arn);
    name.strip_prefix("assumed-role/")
        .unwrap_or(name)
        .to_owned()
}

/// Returns what was changed, in one line.
fn changes(record: &Value) -> String {
    let mut parts = Vec::new();
    if let (Some(quota), Some(amount)) = (record["quota"].as_str(), record["amount"].as_i64()) {
        parts.push(format!("{quota} {amount:+}"));
    }
    parts.extend(record["changes"].as_object().into_iter().flat_map(fields));
    if let Some(unlisted) = record["unlisted_changes"].as_u64() {
        parts.push(format!("{unlisted} more"));
    }
    if let Some(keys) = record["keys"].as_array() {
        parts.push(format!("{} keys", keys.len()));
    }
    parts.join(", ")
}

fn fields(changes: &Map<String, Value>) -> impl Iterator<Item = String> {
    changes.iter().map(|(pointer, change)| {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        let field = field.replace("~1", "/").replace("~0", "~");
        match change {
            Value::Object(values) => match (values.get("old"), values.get("new")) {
                (None, Some(new)) => format!("{field}: {}", shown(new)),
                (old, new) => format!("{field}: {} → {}", optional(old), optional(new)),
            },
            other => format!("{field}: {}", shown(other)),
        }
    })
}

fn optional(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), shown)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn principal_is_the_name_in_its_arn() {
        for (arn, expected) in [
            (
                "arn:aws:sts::123456789012:assumed-role/Admin/alice",
                "Admin/alice",
            ),
            ("arn:aws:iam::123456789012:user/ops/bob", "user/ops/bob"),
            ("arn:aws-us-gov:iam::123456789012:root", "root"),
            ("local", "local"),
            ("a:b:c:d:e:f", "a:b:c:d:e:f"),
        ] {
            assert_eq!(short_principal(arn), expected);
        }
    }

    #[test]
    fn changes_are_one_line() {
        for (record, expected) in [
            (
                json!({"changes": {"/enabled": {"old": true, "new": false}, "/metadata/crm": "changed"}}),
                "enabled: true → false, metadata.crm: changed",
            ),
            (
                json!({"changes": {"/routes/GET ~1a/rate": {"new": 1}, "/note": {"old": "a"}}, "unlisted_changes": 3}),
                "routes.GET /a.rate: 1, note: a → none, 3 more",
            ),
            (json!({"quota": "month", "amount": 500}), "month +500"),
            (
                json!({"quota": "day", "amount": -5, "grant_id": "1"}),
                "day -5",
            ),
            (
                json!({"keys": [{"target": "a"}, {"target": "b"}]}),
                "2 keys",
            ),
            (json!({}), ""),
        ] {
            assert_eq!(changes(&record), expected);
        }
    }
}
