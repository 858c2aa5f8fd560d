//! The same change to many keys. Keys are written in transactions of at most [`BULK_KEYS`], each
//! with the checks that a single change has.
//!
//! A key is only changed if it is as it was selected. A key that already is as the change would make
//! it is left as it is, so that a change can be repeated.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::audit::{Change, KeyChange};
use crate::item::{CommitOutcome, ItemKey, Write};
use crate::keys::{KeyEntry, replacement};
use crate::plan_use::plan_use;
use crate::plans::{ATTEMPTS, item_error};
use crate::transaction_size::{MAX_DOCUMENT_BYTES, document_bytes};
use crate::{Admin, AdminError, KeyHash, KeyPatch, KeyRecord, RegistryError, ScannedKey};

/// The greatest number of keys of one transaction.
pub const BULK_KEYS: usize = 50;
/// The most writes for keys in one transaction. DynamoDB has a limit of 100. The same transaction
/// checks the plan, records its use, and writes the audit record.
const MAX_KEY_WRITES: usize = 90;

/// A key that a bulk change has selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedKey {
    /// The id of the key.
    pub key_id: String,
    hash: KeyHash,
    /// A hash of the key as it was selected.
    before: [u8; 32],
    /// A hash of the key after the change.
    after: [u8; 32],
}

/// The outcome for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BulkRow {
    /// The key was changed.
    Changed {
        /// The key before.
        before: Box<KeyRecord>,
        /// The key now.
        after: Box<KeyRecord>,
    },
    /// The key is as the change would make it.
    Unchanged,
    /// The key was not changed.
    Refused(BulkRefusal),
}

/// The reason why a key was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BulkRefusal {
    /// The key was changed, rotated or deleted since it was selected.
    #[error("another request changed, rotated or deleted the key")]
    Changed,
    /// The plan was deleted.
    #[error("there is no plan `{0}`")]
    UnknownPlan(String),
    /// The key would be invalid.
    #[error("`{field}`: {detail}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The mistake.
        detail: String,
    },
    /// Other requests changed the key at every attempt.
    #[error("other requests change this key at the same time")]
    Busy,
}

impl SelectedKey {
    /// Selects a key for a change.
    ///
    /// # Errors
    /// [`RegistryError`] if the key cannot be serialized.
    pub fn new(key: &ScannedKey, patch: &KeyPatch) -> Result<Self, RegistryError> {
        let record = &key.stored.document;
        Ok(Self {
            key_id: record.key.key_id.clone(),
            hash: key.hash,
            before: state(record.clone())?,
            after: state(record.clone().patched(patch))?,
        })
    }

    /// Returns a hash of the key as it was selected, and one of the key after the change. The first
    /// differs if any field has changed, the second if the change is another one.
    #[must_use]
    pub fn states(&self) -> [&[u8]; 2] {
        [&self.before, &self.after]
    }

    /// Returns true if the change changes the key.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.before != self.after
    }
}

/// Returns a hash of what administrators set. Earlier secrets end by themselves, and the change itself
/// sets the instant of the last change.
fn state(mut record: KeyRecord) -> Result<[u8; 32], RegistryError> {
    record.retiring = Vec::new();
    record.updated_at = None;
    let text = serde_json::to_string(&record).map_err(|error| item_error("key", &error))?;
    Ok(Sha256::digest(text).into())
}

impl BulkRow {
    fn change(&self) -> Option<KeyChange<'_>> {
        match self {
            Self::Changed { before, after } => Some(KeyChange {
                before: Some(before),
                after: Some(after),
            }),
            Self::Unchanged | Self::Refused(_) => None,
        }
    }
}

/// The keys of one transaction.
#[derive(Default)]
struct Group {
    writes: Vec<Write>,
    /// The position of each key among the selected keys, and its outcome.
    rows: Vec<(usize, BulkRow)>,
    bytes: usize,
}

impl Group {
    fn has_room(&self, writes: &[Write]) -> bool {
        self.rows.is_empty()
            || self.rows.len() < BULK_KEYS
                && self.writes.len() + writes.len() <= MAX_KEY_WRITES
                && self.bytes + document_bytes(writes) <= MAX_DOCUMENT_BYTES
    }

    /// Returns the change of each key.
    fn changes(&self) -> Vec<KeyChange<'_>> {
        let rows = self.rows.iter();
        rows.filter_map(|(_, row)| row.change()).collect()
    }

    fn add(&mut self, index: usize, writes: Vec<Write>, row: BulkRow) {
        self.bytes += document_bytes(&writes);
        self.writes.extend(writes);
        self.rows.push((index, row));
    }
}

/// The decision on one key.
enum BulkDecision {
    Done(BulkRow),
    Write(Vec<Write>, BulkRow),
}

impl Admin<'_> {
    /// Changes at most [`BULK_KEYS`] keys, and returns the outcome of each. If an attempt fails
    /// because of one key, the next one writes each key alone.
    ///
    /// # Errors
    /// [`AdminError::Registry`]. Some of the keys may have been changed. It is safe to change all of
    /// them again.
    pub async fn change_keys(
        &self,
        keys: &[SelectedKey],
        patch: &KeyPatch,
        now: Timestamp,
    ) -> Result<Vec<BulkRow>, AdminError> {
        let mut rows: Vec<Option<BulkRow>> = vec![None; keys.len()];
        let mut tried: Vec<Option<BulkRow>> = vec![None; keys.len()];

        for attempt in 0..ATTEMPTS {
            let mut groups: Vec<Group> = Vec::new();
            for (index, decision) in self.decide_all(keys, &rows, patch, now).await? {
                match decision {
                    // If the response to an earlier attempt was lost, this may be its own write.
                    BulkDecision::Done(BulkRow::Unchanged) => {
                        rows[index] = tried[index].take().or(Some(BulkRow::Unchanged));
                    }
                    BulkDecision::Done(row) => rows[index] = Some(row),
                    BulkDecision::Write(writes, row) => {
                        tried[index] = Some(row.clone());
                        let last = groups.last_mut().filter(|_| attempt == 0);
                        match last.filter(|last| last.has_room(&writes)) {
                            Some(last) => last.add(index, writes, row),
                            None => {
                                let mut group = Group::default();
                                group.add(index, writes, row);
                                groups.push(group);
                            }
                        }
                    }
                }
            }
            if groups.is_empty() {
                break;
            }
            for group in groups {
                self.commit_changes(group, keys, patch, &mut rows).await?;
            }
        }

        let busy = || BulkRow::Refused(BulkRefusal::Busy);
        Ok(rows
            .into_iter()
            .map(|row| row.unwrap_or_else(busy))
            .collect())
    }

    /// Decides on the keys that have no outcome yet.
    async fn decide_all(
        &self,
        keys: &[SelectedKey],
        rows: &[Option<BulkRow>],
        patch: &KeyPatch,
        now: Timestamp,
    ) -> Result<Vec<(usize, BulkDecision)>, AdminError> {
        let open = || (0..keys.len()).filter(|index| rows[*index].is_none());
        let hashes: Vec<KeyHash> = open().map(|index| keys[index].hash).collect();
        let mut stored = self.table.records(&hashes).await?;

        let mut decisions = Vec::with_capacity(hashes.len());
        for index in open() {
            let found = stored.remove(&keys[index].hash);
            let found = found.map(|(text, record)| KeyEntry {
                hash: keys[index].hash,
                text,
                record,
            });
            decisions.push((index, keys[index].decide(found, patch, now)?));
        }
        Ok(decisions)
    }

    /// Writes a group. A key that another request changes meanwhile stays open.
    async fn commit_changes(
        &self,
        group: Group,
        keys: &[SelectedKey],
        patch: &KeyPatch,
        rows: &mut [Option<BulkRow>],
    ) -> Result<(), AdminError> {
        let Some((first, _)) = group.rows.first() else {
            return Ok(());
        };
        let record = self.record_of(&Change::Keys(&group.changes()));
        let (mut writes, check) = (group.writes, patch.plan.as_deref());
        let position = writes.len();
        if let Some(plan) = check {
            writes.push(Write::Check(ItemKey::of_plan(plan)));
            writes.push(plan_use(plan, &keys[*first].hash)?);
        }
        writes.extend(record);

        match self.table.commit(writes).await? {
            CommitOutcome::Yes => {
                for (index, row) in group.rows {
                    rows[index] = Some(row);
                }
            }
            CommitOutcome::No(failed) => {
                if let Some(plan) = check.filter(|_| failed.contains(&position)) {
                    for (index, _) in group.rows {
                        let refusal = BulkRefusal::UnknownPlan(plan.to_owned());
                        rows[index] = Some(BulkRow::Refused(refusal));
                    }
                }
            }
        }
        Ok(())
    }
}

impl SelectedKey {
    fn decide(
        &self,
        found: Option<KeyEntry>,
        patch: &KeyPatch,
        now: Timestamp,
    ) -> Result<BulkDecision, RegistryError> {
        let refused = |refusal| Ok(BulkDecision::Done(BulkRow::Refused(refusal)));
        let is_current = |found: &KeyEntry| found.record.successor.is_none();
        let Some(found) = found.filter(is_current) else {
            return refused(BulkRefusal::Changed);
        };

        let present = state(found.record.clone())?;
        if present == self.after {
            return Ok(BulkDecision::Done(BulkRow::Unchanged));
        }
        if present != self.before {
            return refused(BulkRefusal::Changed);
        }

        let changed = found.record.clone().patched(patch);
        if let Some((field, detail)) = changed.mistakes().into_iter().next() {
            return refused(BulkRefusal::Invalid { field, detail });
        }

        let changed = changed.changed_at(&found.record, now);
        let (after, writes) = replacement(&found, changed, now)?;
        let row = BulkRow::Changed {
            before: Box::new(found.record),
            after: Box::new(after),
        };
        Ok(BulkDecision::Write(writes, row))
    }
}
