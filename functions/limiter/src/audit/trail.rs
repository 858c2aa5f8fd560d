//! The audit records that are written in the same transaction as a change of the registry, or as a
//! grant.
//!
//! A record contains no secret, no hash and no metadata value, like the log line.

use registry::{AuditRecord, AuditTrail, Change, KeyChange, ManagedBy};
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
            Change::Plan {
                before,
                after,
                creator,
            } => {
                let [before, after] = [before, after].map(|plan| plan.map(stored_fields));
                let (before, after) = (before.as_ref(), after.as_ref());
                changed(&Changes::of_object(before, after, *creator))
            }
            Change::Block { before, after } => {
                let [before, after] = [before, after].map(|block| block.map(blocks::fields));
                changed(&Changes::between(before.as_ref(), after.as_ref()))
            }
            Change::Calls {
                quota,
                amount,
                grant_id,
            } => {
                let fields = [
                    ("quota", (*quota).into()),
                    ("amount", (*amount).into()),
                    ("grant_id", (*grant_id).into()),
                ];
                let fields = fields.map(|(name, value): (&str, Value)| (name.to_owned(), value));
                Some(Map::from_iter(fields))
            }
            // These are writes even if both documents are equal.
            Change::Candidate { before, after } => {
                Some(fields(&of_document(*before, *after, None)))
            }
            Change::Promotion { before, after } => {
                Some(fields(&of_document(Some(before), Some(after), None)))
            }
            Change::Document {
                before,
                after,
                creator,
            } => changed(&of_document(*before, *after, *creator)),
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

fn of_document(before: Option<&str>, after: Option<&str>, creator: Option<&ManagedBy>) -> Changes {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let [before, after] = [before, after].map(|text| text.map(read));
    Changes::of_object(before.as_ref(), after.as_ref(), creator)
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use registry::{ApiKey, BULK_KEYS, KeyRecord};

    use super::*;
    use crate::audit::{Action, Administrator};

    const SECRET_NAMES: [&str; 9] = [
        "client_secret",
        "Secret",
        "k",
        "d",
        "p",
        "q",
        "dp",
        "dq",
        "qi",
    ];
    /// DynamoDB's limit of an item, without 16 KiB for its other attributes.
    const MAX_DOCUMENT_BYTES: usize = (400 - 16) * 1024;

    /// Returns the document of the record of a change.
    fn document(change: &Change<'_>) -> Option<String> {
        let administrator = Administrator {
            principal: "p".to_owned(),
            request_id: "r".to_owned(),
        };
        let pending = administrator.begin(Action::UpdateKey, "k1", Timestamp::UNIX_EPOCH);
        let record = AuditTrail::record(&pending, change);
        pending.discard();
        Some(record?.document)
    }

    fn change<'c>(before: &'c KeyRecord, after: &'c KeyRecord) -> KeyChange<'c> {
        KeyChange {
            before: Some(before),
            after: Some(after),
        }
    }

    prop_compose! {
        /// A key whose metadata values contain `hush`.
        fn key()(
            name in prop::option::of("\\PC{0,80}"),
            description in prop::option::of("\\PC{0,80}"),
            group in prop::option::of("[a-z]{1,8}"),
            scopes in prop::collection::vec("[a-z:/]{1,20}", 0..4),
            metadata in prop::collection::btree_map("\\PC{1,20}", "\\PC{0,20}hush\\PC{0,20}", 0..8),
        ) -> KeyRecord {
            let key = ApiKey { group, scopes, ..ApiKey::new("k1".to_owned(), "free".to_owned()) };
            let mut record = KeyRecord::new(key, Timestamp::UNIX_EPOCH);
            (record.name, record.description, record.metadata) = (name, description, metadata);
            record
        }
    }

    /// Returns a document in which a secret has one of its names, at some depth.
    fn document_with_secret() -> impl Strategy<Value = String> {
        let secret = "\\PC{0,20}hush\\PC{0,20}".prop_map(Value::from);
        let secret = prop_oneof![
            secret.clone(),
            secret.clone().prop_map(|secret| json!([secret])),
            secret.prop_map(|secret| json!({"base64url": secret})),
        ];
        let pair = (prop::sample::select(&SECRET_NAMES[..]), secret);
        let document = pair.prop_map(|(name, secret)| json!({name: secret}));

        let nested = document.prop_recursive(5, 16, 4, |inner| {
            let other = "\\PC{0,20}".prop_map(Value::from);
            prop_oneof![
                (inner.clone(), other.clone()).prop_map(|(inner, other)| json!([inner, other])),
                (inner.clone(), inner.clone()).prop_map(|(one, other)| json!([one, other])),
                ("\\PC{0,8}", inner, other)
                    .prop_map(|(name, inner, other)| json!({name: inner, "other": other})),
            ]
        });
        nested.prop_map(|document| document.to_string())
    }

    proptest! {
        #[test]
        fn record_of_a_key_contains_no_metadata_value(before in key(), after in key()) {
            let rotation = Change::Secret {
                key: change(&before, &after),
                grace_end: Timestamp::UNIX_EPOCH,
            };
            let create = KeyChange { before: None, after: Some(&after) };
            let delete = KeyChange { before: Some(&before), after: None };
            let update = change(&before, &after);

            let keys = [create, delete, update];
            let singles = keys.map(Change::Key);
            for change in singles.iter().chain([&rotation, &Change::Keys(&keys)]) {
                let text = document(change).unwrap_or_default();
                prop_assert!(!text.contains("hush"), "{text}");
            }
        }

        #[test]
        fn record_of_a_document_contains_no_secret(before in document_with_secret(), after in document_with_secret()) {
            let (before, after) = (before.as_str(), after.as_str());
            for change in [
                Change::Document { before: Some(before), after: Some(after), creator: None },
                Change::Document { before: None, after: Some(after), creator: None },
                Change::Candidate { before: Some(before), after: None },
                Change::Promotion { before, after },
            ] {
                let text = document(&change).unwrap_or_default();
                prop_assert!(!text.contains("hush"), "{text}");
            }
        }
    }

    #[test]
    fn record_of_the_largest_change_fits_into_an_item() {
        let text = "\u{1}".repeat(1_024);
        let key = |number: usize, letter: &str| {
            let mut record = KeyRecord::new(
                ApiKey {
                    scopes: (0..64)
                        .map(|scope| format!("{letter}{scope:0127}"))
                        .collect(),
                    ..ApiKey::new(format!("{number:064}"), format!("{letter}{number}"))
                },
                Timestamp::UNIX_EPOCH,
            );
            record.name = Some(format!("{letter}{text}"));
            record.description = Some(format!("{letter}{text}"));
            let names = (0..16).map(|name| format!("{letter}{name}{}", &text[..200]));
            record.metadata = names.map(|name| (name, text[..256].to_owned())).collect();
            record
        };
        let keys: Vec<_> = (0..BULK_KEYS)
            .map(|number| (key(number, "a"), key(number, "b")))
            .collect();
        let changes: Vec<_> = keys
            .iter()
            .map(|(before, after)| change(before, after))
            .collect();

        let text = document(&Change::Keys(&changes)).unwrap();
        assert!(text.len() < MAX_DOCUMENT_BYTES, "{} bytes", text.len());
        assert!(text.matches("unlisted_changes").count() == BULK_KEYS);
    }

    #[test]
    fn candidate_that_is_written_again_and_equal_promotion_are_recorded() {
        let both = "{}";
        let is_recorded = |change| document(&change).is_some();
        assert!(is_recorded(Change::Candidate {
            before: Some(both),
            after: Some(both)
        }));
        assert!(is_recorded(Change::Promotion {
            before: both,
            after: both
        }));
        assert!(!is_recorded(Change::Document {
            before: Some(both),
            after: Some(both),
            creator: None
        }));
    }
}
