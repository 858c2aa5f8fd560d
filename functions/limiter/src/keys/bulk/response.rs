//! The responses to a bulk change.

use std::collections::BTreeMap;

use registry::BulkRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::selection::{PreviewedKey, Selection};

/// The result of a dry run or of a change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
#[schema(as = BulkResponse)]
#[serde(untagged)]
pub(crate) enum BulkResponse {
    Preview(BulkPreview),
    Result(BulkResult),
}

/// The result of a dry run.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkPreview {
    /// True: nothing was changed.
    dry_run: bool,
    /// The number of keys that the filter selects.
    matched: usize,
    /// The number of keys that would be changed. The others already have the values.
    changing: usize,
    /// The first 20 keys that would be changed.
    changes: Vec<BulkChange>,
    /// The token of this selection, for the request that makes the change.
    token: String,
}

/// The changes of a key.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkChange {
    /// The id of the key.
    key_id: String,
    /// The old and the new value of each field, by JSON pointer. Values of metadata are not shown.
    changes: BTreeMap<String, Value>,
}

/// The result of a change.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct BulkResult {
    /// False: the change was made.
    dry_run: bool,
    /// The number of keys that the filter selects.
    matched: usize,
    /// The number of keys that were changed.
    changed: usize,
    /// The number of keys that already had the values.
    unchanged: usize,
    /// The number of keys that were not reached in time. Another dry run has the token to change
    /// them.
    remaining: usize,
    /// The keys that could not be changed.
    failed: Vec<BulkFailure>,
}

/// A key that could not be changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkFailure {
    /// The id of the key.
    key_id: String,
    /// The reason.
    reason: String,
}

impl BulkPreview {
    pub(super) fn new(selection: Selection) -> Self {
        Self {
            dry_run: true,
            matched: selection.keys.len(),
            changing: selection.changing,
            changes: selection.preview.into_iter().map(BulkChange::of).collect(),
            token: selection.token,
        }
    }
}

impl BulkChange {
    fn of(key: PreviewedKey) -> Self {
        Self {
            key_id: key.key_id,
            changes: key.changes.fields.into_iter().collect(),
        }
    }
}

impl BulkResult {
    pub(super) fn new(matched: usize) -> Self {
        Self {
            matched,
            remaining: matched,
            ..Self::default()
        }
    }

    /// Counts the outcome of a key.
    pub(super) fn add(&mut self, key_id: &str, row: BulkRow) {
        self.remaining = self.remaining.saturating_sub(1);
        match row {
            BulkRow::Changed { .. } => self.changed += 1,
            BulkRow::Unchanged => self.unchanged += 1,
            BulkRow::Refused(refusal) => self.failed.push(BulkFailure {
                key_id: key_id.to_owned(),
                reason: refusal.to_string(),
            }),
        }
    }
}
