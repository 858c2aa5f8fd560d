//! The audit records that are written in the same transaction as a change of the registry, or as a
//! grant.
//!
//! A record contains no secret, no hash and no metadata value, like the log line.

use registry::{AuditRecord, AuditTrail, Change, KeyChange};
use serde_json::{Map, Value, json};

use super::PendingChange;
use super::changes::Changes;
use crate::blocks;
use crate::plans::stored_fields;

impl AuditTrail for PendingChange<'_> {
    fn record(&self, change: &Change<'_>) -> Option<AuditRecord> {
        let fields = match change {
            Change::Key(change) => changed(&of_key(change)),
            Change::Keys(changes) => keys(changes),
            Change::Secret { key, grace_end } => {
                let grace_s = grace_end.duration_since(self.at).as_secs().max(0);
                changed(&of_key(key).with_secret(grace_s))
            }
            Change::Plan { before, after } => {
                let [before, after] = [before, after].map(|plan| plan.map(stored_fields));
                changed(&Changes::between(before.as_ref(), after.as_ref()))
            }
            Change::Block { before, after } => {
                let [before, after] = [before, after].map(|block| block.map(blocks::fields));
                changed(&Changes::between(before.as_ref(), after.as_ref()))
            }
            Change::Calls { quota, amount } => {
                let fields = [("quota", (*quota).into()), ("amount", (*amount).into())];
                let fields = fields.map(|(name, value): (&str, Value)| (name.to_owned(), value));
                Some(Map::from_iter(fields))
            }
            // These are writes even if both documents are equal.
            Change::Candidate { before, after } => Some(fields(&of_document(*before, *after))),
            Change::Promotion { before, after } => {
                Some(fields(&of_document(Some(before), Some(after))))
            }
            Change::Document { before, after } => changed(&of_document(*before, *after)),
            // A change of an unknown kind is recorded without its fields.
            _ => Some(Map::new()),
        };
        Some(self.to_record(fields?))
    }
}

impl PendingChange<'_> {
    fn to_record(&self, fields: Map<String, Value>) -> AuditRecord {
        let mut record = json!({
            "at": limits::instant_text(self.at),
            "principal": self.administrator.principal,
            "action": self.action.name(),
            "target": self.target,
            "request_id": self.administrator.request_id,
        });
        if let Value::Object(record) = &mut record {
            record.extend(fields);
        }

        AuditRecord {
            at: self.at,
            request_id: self.administrator.request_id.clone(),
            number: fastrand::u64(..),
            document: record.to_string(),
        }
    }
}

fn of_key(change: &KeyChange<'_>) -> Changes {
    Changes::of_key(change.before, change.after)
}

fn of_document(before: Option<&str>, after: Option<&str>) -> Changes {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let [before, after] = [before, after].map(|text| text.map(read));
    Changes::between(before.as_ref(), after.as_ref())
}

/// Returns the fields of a record. `None` if nothing was changed.
fn changed(changes: &Changes) -> Option<Map<String, Value>> {
    (!changes.is_empty()).then(|| fields(changes))
}

fn fields(changes: &Changes) -> Map<String, Value> {
    let mut fields = Map::new();
    if !changes.fields.is_empty() {
        fields.insert("changes".to_owned(), changes.fields.clone().into());
    }
    if changes.unlisted > 0 {
        fields.insert("unlisted_changes".to_owned(), changes.unlisted.into());
    }
    fields
}

/// Returns the fields of the record of several keys, which leaves out unchanged ones.
fn keys(changes: &[KeyChange<'_>]) -> Option<Map<String, Value>> {
    let key = |change: &KeyChange<'_>| {
        let mut fields = changed(&of_key(change))?;
        fields.insert("target".to_owned(), change.key_id().into());
        Some(Value::Object(fields))
    };
    let keys: Vec<_> = changes.iter().filter_map(key).collect();
    if keys.is_empty() {
        return None;
    }
    Some([("keys".to_owned(), keys.into())].into_iter().collect())
}
