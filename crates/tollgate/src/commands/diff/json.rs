//! Differences for programs.

use declaration::{Change, Difference, Differences};
use serde_json::{Value, json};

/// Returns the document of `diff --json`.
pub(super) fn document(target: &str, name: &str, differences: &Differences) -> Value {
    let changes: Vec<_> = differences.items.iter().map(change).collect();
    json!({
        "target": target,
        "name": name,
        "changes": changes,
        "refused": differences.refusals,
        "warnings": differences.warnings,
        "unchanged": differences.unchanged,
        "unpruned": differences.unpruned,
    })
}

fn change(difference: &Difference) -> Value {
    let action = match difference.change {
        Change::Create { .. } => "create",
        Change::Update { .. } => "update",
        Change::Delete { .. } => "delete",
    };
    json!({
        "action": action,
        "kind": difference.kind.name(),
        "name": difference.name,
        "fields": difference.fields,
    })
}
