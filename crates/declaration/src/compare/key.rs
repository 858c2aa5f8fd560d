//! The comparison of one key.

use serde_json::{Map, Value};

use super::canonical::declared_fields;
use super::field_difference::field_differences;
use super::{Change, Difference, ENABLED, ObjectKind, with_enabled};
use crate::declaration::DeclaredKey;

const METADATA: &str = "metadata";

/// Returns the creation of a key that the API does not have.
pub(super) fn creation(declared: &DeclaredKey) -> Difference {
    let fields = Value::Object(declared_fields(&declared.fields));
    let mut body = fields.clone();
    if let Some(hash) = &declared.hash {
        body["hash"] = hash.clone().into();
    }

    Difference {
        kind: ObjectKind::Key,
        name: declared.key_id.clone(),
        change: Change::Create { body },
        fields: field_differences(&Value::Null, &fields),
    }
}

/// Returns the change of a key that the API has, or `None` if it has the declared form.
pub(super) fn update(declared: &DeclaredKey, remote: &Value) -> Option<Difference> {
    let before = remote.as_object().map(declared_fields).unwrap_or_default();
    let mut after = declared_fields(&declared.fields);
    // Absent means enabled, and a key is never enabled here.
    if let Some(disabled) = before.get(ENABLED) {
        after.insert(ENABLED.to_owned(), disabled.clone());
    }
    if before == after {
        return None;
    }

    let mut body = changed_fields(&before, &after);
    if let Some(hash) = &declared.hash {
        // The API then refuses the change of a key that has another secret.
        body.insert("hash".to_owned(), hash.clone().into());
    }
    Some(Difference {
        kind: ObjectKind::Key,
        name: declared.key_id.clone(),
        change: Change::Update {
            body: Value::Object(body),
            etag: remote["etag"].as_str().unwrap_or_default().to_owned(),
        },
        fields: field_differences(
            &with_enabled(Value::Object(before)),
            &with_enabled(Value::Object(after)),
        ),
    })
}

/// True if the key is disabled and the file does not say so.
pub(super) fn stays_disabled(declared: &DeclaredKey, remote: &Value) -> bool {
    remote[ENABLED] == false && declared.fields.get(ENABLED) != Some(&Value::Bool(false))
}

/// Returns the changed fields as a merge patch: null removes a field or an entry of `metadata`.
fn changed_fields(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let removed = before.keys().filter(|field| !after.contains_key(*field));
    let mut changed: Map<_, _> = removed.map(|field| (field.clone(), Value::Null)).collect();
    let set = after
        .iter()
        .filter(|(field, value)| before.get(*field) != Some(value));
    changed.extend(set.map(|(field, value)| (field.clone(), value.clone())));

    if changed.contains_key(METADATA) {
        let entries = |fields: &Map<String, Value>| {
            let entries = fields.get(METADATA).and_then(Value::as_object);
            entries.cloned().unwrap_or_default()
        };
        let entries = changed_fields(&entries(before), &entries(after));
        changed.insert(METADATA.to_owned(), Value::Object(entries));
    }
    changed
}
