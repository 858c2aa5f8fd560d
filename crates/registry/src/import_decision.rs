//! The decision on the import of one key, from the file and the registry.

use jiff::Timestamp;

use crate::{ApiKey, KeyStatus, RegistryError};

use crate::KeyRecord;
use crate::api_key::is_key_id;
use crate::imported::{
    ImportChange, ImportNote, ImportRefusal, ImportedKey, ImportedRow, WrittenKey,
};
use crate::item::{Guard, Write};
use crate::key_id::claim as claim_of;
use crate::keys::{KeyEntry, item, replacement};

/// The decision on a key of a file.
pub(super) enum Decision {
    /// Nothing changes.
    Done(ImportedRow),
    /// Writes of one transaction, the plan that must exist, and the outcome.
    Write {
        writes: Vec<Write>,
        plan: Option<String>,
        row: ImportedRow,
    },
}

impl ImportedKey {
    /// Decides on a key whose secret is known.
    pub(super) fn over(&self, found: KeyEntry, now: Timestamp) -> Result<Decision, RegistryError> {
        let key_id = found.record.key.key_id.clone();
        let refused = |refusal| Ok(Decision::Done(ImportedRow::Refused(refusal)));
        if let Some(ended_at) = found.record.end_of_secret(now) {
            return refused(ImportRefusal::EndedSecret { key_id, ended_at });
        }
        if found.record.successor.is_some() {
            return refused(ImportRefusal::EarlierSecret { key_id });
        }
        if self.key_id.as_ref().is_some_and(|wanted| *wanted != key_id) {
            return refused(ImportRefusal::OtherKeyId { key_id });
        }

        let (changed, notes) = self.changed(&found.record, now);
        if changed == found.record {
            return Ok(Decision::Done(ImportedRow::Key {
                key_id,
                change: ImportChange::Unchanged,
                notes,
                written: None,
            }));
        }
        let plan = (changed.key.plan != found.record.key.plan).then(|| changed.key.plan.clone());
        let mut changed = changed.changed_at(&found.record, now);
        changed.hint = changed.hint.or_else(|| self.hint.clone());
        let (after, writes) = replacement(&found, changed, now)?;
        let written = Some(Box::new(WrittenKey {
            before: Some(found.record),
            after,
        }));
        let row = ImportedRow::Key {
            key_id,
            change: ImportChange::Updated,
            notes,
            written,
        };
        Ok(Decision::Write { writes, plan, row })
    }

    /// Returns the key of the file, but never with a later expiry or enabled if it had ended.
    fn changed(&self, before: &KeyRecord, now: Timestamp) -> (KeyRecord, Vec<ImportNote>) {
        let (mut changed, mut notes) = (before.clone(), Vec::new());
        set(&mut changed.name, self.name.clone().map(Some));
        set(&mut changed.description, self.description.clone().map(Some));
        set(&mut changed.key.subject, self.subject.clone().map(Some));
        set(&mut changed.key.scopes, self.scopes.clone());
        set(&mut changed.metadata, self.metadata.clone());
        set(&mut changed.key.plan, self.plan.clone());
        set(&mut changed.key.enabled, self.enabled);
        set(&mut changed.key.expires_at, self.expires_at.map(Some));
        set(&mut changed.key.not_before, self.not_before.map(Some));
        set(&mut changed.key.allowed_ips, self.allowed_ips.clone());
        set(&mut changed.key.group, self.group.clone().map(Some));

        if changed.key.enabled && !before.key.enabled {
            changed.key.enabled = false;
            notes.push(ImportNote::StaysDisabled);
        }
        let is_over = |key: &ApiKey| {
            let enabled = ApiKey {
                enabled: true,
                ..key.clone()
            };
            enabled.standing(now.as_nanosecond()) == KeyStatus::Expired
        };
        if is_over(&before.key) && !is_over(&changed.key) {
            changed.key.expires_at = before.key.expires_at;
            notes.push(ImportNote::StaysExpired);
        }
        if changed.key.plan != before.key.plan {
            let (from, to) = (before.key.plan.clone(), changed.key.plan.clone());
            notes.push(ImportNote::Moves { from, to });
        }
        (changed, notes)
    }

    /// Decides on a key whose secret is unknown.
    pub(super) fn anew(&self, now: Timestamp) -> Result<Decision, RegistryError> {
        let Some(plan) = self.plan.clone() else {
            return Ok(Decision::Done(ImportedRow::Refused(ImportRefusal::NoPlan)));
        };
        if self
            .key_id
            .as_deref()
            .is_some_and(|key_id| !is_key_id(key_id))
        {
            return Ok(Decision::Done(ImportedRow::Refused(
                ImportRefusal::KeyIdForm,
            )));
        }
        let record = self.record(plan.clone(), now);
        let key_id = record.key.key_id.clone();

        let mut writes = vec![Write::Put(item(&self.hash, &record)?, Guard::Absent)];
        let claim = self.key_id.as_deref();
        let claim = claim.map(|key_id| claim_of(key_id, self.hash, now));
        writes.extend(claim.transpose()?);
        let written = Some(Box::new(WrittenKey {
            before: None,
            after: record,
        }));
        let row = ImportedRow::Key {
            key_id,
            change: ImportChange::Created,
            notes: Vec::new(),
            written,
        };
        Ok(Decision::Write {
            writes,
            plan: Some(plan),
            row,
        })
    }

    fn record(&self, plan: String, now: Timestamp) -> KeyRecord {
        let key_id = self.key_id.as_ref().unwrap_or(&self.new_key_id);
        let key = ApiKey {
            enabled: self.enabled.unwrap_or(true),
            expires_at: self.expires_at,
            not_before: self.not_before,
            allowed_ips: self.allowed_ips.clone().unwrap_or_default(),
            group: self.group.clone(),
            subject: self.subject.clone(),
            scopes: self.scopes.clone().unwrap_or_default(),
            ..ApiKey::new(key_id.clone(), plan)
        };
        let mut record = KeyRecord::new(key, now);
        record.created_at = self.created_at.or(record.created_at);
        record.hint.clone_from(&self.hint);
        record.name.clone_from(&self.name);
        record.description.clone_from(&self.description);
        record.metadata = self.metadata.clone().unwrap_or_default();
        record
    }

    /// Returns what is invalid in any registry, by the field of the key.
    #[must_use]
    pub fn mistakes(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        self.record("plan".to_owned(), now).mistakes()
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
