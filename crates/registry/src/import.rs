//! The import of keys from a file.
//!
//! A field that the file does not have stays as it is. A disabled or expired key stays so, and an
//! ended secret is never restored, because a file is often older than the registry.
//!
//! The transactions of an import are written one after another. Each checks the plan of its keys and
//! records the plan's last key, so that concurrent ones would conflict.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::KeyHash;
use crate::audit::Change;
use crate::import_decision::Decision;
use crate::import_group::{Group, KeyWrites, TRANSACTION_KEYS};
use crate::imported::{ImportChange, ImportRefusal, ImportedKey, ImportedRow};
use crate::item::{CommitOutcome, ItemKey};
use crate::keys::KeyEntry;
use crate::plans::ATTEMPTS;
use crate::{Admin, AdminError, KeyRecord};

/// The greatest number of keys that are imported at once: as many as two transactions have, whose
/// items are read in one request.
pub const IMPORT_BATCH: usize = 2 * TRANSACTION_KEYS;
/// The number of ids that are looked up in the index at the same time.
const CONCURRENT_QUERIES: usize = 24;

/// The items of the registry that belong to the keys of a file.
struct Stored {
    records: HashMap<KeyHash, (String, KeyRecord)>,
    /// Ids of the file that other keys have.
    ids_in_use: BTreeSet<String>,
    /// When each id of a deleted key can be used again.
    ids_free_at: HashMap<String, Timestamp>,
}

/// The transactions of one attempt.
#[derive(Default)]
struct Groups {
    shared: Vec<Group>,
    single: Vec<Group>,
}

impl Groups {
    /// Adds a key. A key with several secrets may need many writes, and one conflict fails the whole
    /// group, so that such a key is written alone.
    fn add(&mut self, key: KeyWrites, is_retry: bool) {
        if is_retry || key.writes.len() > 2 {
            return self.single.push(Group::of(key));
        }
        match self.shared.last_mut().filter(|last| last.has_room(&key)) {
            Some(last) => last.add(key),
            None => self.shared.push(Group::of(key)),
        }
    }

    fn into_all(self) -> impl Iterator<Item = Group> {
        self.shared.into_iter().chain(self.single)
    }
}

impl Admin<'_> {
    /// Returns true if the plan exists.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn has_plan(&self, name: &str) -> Result<bool, AdminError> {
        Ok(self.table.get(&ItemKey::of_plan(name)).await?.is_some())
    }

    /// Imports at most [`IMPORT_BATCH`] keys with distinct secrets and ids, and returns the outcome
    /// of each. A dry run writes nothing.
    ///
    /// # Errors
    /// [`AdminError::Registry`]. Some of the keys may have been imported. It is safe to import all
    /// of them again.
    pub async fn import_keys(
        &self,
        keys: &[ImportedKey],
        dry_run: bool,
        now: Timestamp,
    ) -> Result<Vec<ImportedRow>, AdminError> {
        let mut rows: Vec<Option<ImportedRow>> = vec![None; keys.len()];
        let mut tried: HashMap<usize, ImportedRow> = HashMap::new();

        for attempt in 0..ATTEMPTS {
            let open: Vec<usize> = (0..keys.len())
                .filter(|index| rows[*index].is_none())
                .collect();
            if open.is_empty() {
                break;
            }

            let mut groups = Groups::default();
            for (index, decision) in self.decide(keys, &open, now).await? {
                match decision {
                    // If the response to an earlier attempt was lost, this may be its own write.
                    Decision::Done(row) => {
                        rows[index] = Some(unchanged_by_others(row, tried.remove(&index)));
                    }
                    Decision::Write { row, .. } if dry_run => rows[index] = Some(row),
                    Decision::Write { writes, plan, row } => {
                        tried.insert(index, row.clone());
                        let key = KeyWrites::new(index, &keys[index], writes, plan, row);
                        groups.add(key, attempt > 0);
                    }
                }
            }
            for group in groups.into_all() {
                self.commit_group(group, &mut rows).await?;
            }
        }

        let busy = || ImportedRow::Refused(ImportRefusal::Busy);
        Ok(rows
            .into_iter()
            .map(|row| row.unwrap_or_else(busy))
            .collect())
    }

    /// Reads what the registry has of these keys. The ids are looked up only for new keys.
    async fn stored(&self, keys: &[&ImportedKey], now: Timestamp) -> Result<Stored, AdminError> {
        let hashes: Vec<_> = keys.iter().map(|key| key.hash).collect();
        let records = self.table.records(&hashes).await?;
        let new = keys.iter().filter(|key| !records.contains_key(&key.hash));
        let ids: Vec<&str> = new.filter_map(|key| key.key_id.as_deref()).collect();

        let mut ids_in_use = BTreeSet::new();
        for ids in ids.chunks(CONCURRENT_QUERIES) {
            let found = try_join_all(ids.iter().map(|key_id| self.table.by_id(key_id))).await?;
            let in_use = ids.iter().zip(found).filter(|(_, found)| !found.is_empty());
            ids_in_use.extend(in_use.map(|(key_id, _)| (*key_id).to_owned()));
        }
        let ids_free_at = self.ids_free_at(&ids, now).await?;

        Ok(Stored {
            records,
            ids_in_use,
            ids_free_at,
        })
    }

    async fn decide(
        &self,
        keys: &[ImportedKey],
        open: &[usize],
        now: Timestamp,
    ) -> Result<Vec<(usize, Decision)>, AdminError> {
        let open_keys: Vec<_> = open.iter().map(|index| &keys[*index]).collect();
        let mut stored = self.stored(&open_keys, now).await?;

        let mut decisions = Vec::with_capacity(open.len());
        for (index, key) in open.iter().zip(open_keys) {
            decisions.push((*index, stored.decide(key, now)?));
        }
        Ok(decisions)
    }

    /// Writes a group. A key that another request changed meanwhile stays open.
    async fn commit_group(
        &self,
        mut group: Group,
        rows: &mut [Option<ImportedRow>],
    ) -> Result<(), AdminError> {
        let mut writes = group.take_writes()?;
        writes.extend(self.record_of(&Change::Keys(&group.changes())));

        match self.table.commit(writes).await? {
            CommitOutcome::Yes => {
                for (index, row) in group.into_rows() {
                    rows[index] = Some(row);
                }
            }
            CommitOutcome::No(failed) => {
                let failed = failed.into_iter();
                for (index, refusal) in failed.flat_map(|position| group.refused(position)) {
                    rows[index] = Some(ImportedRow::Refused(refusal));
                }
            }
        }
        Ok(())
    }
}

impl Stored {
    fn decide(&mut self, key: &ImportedKey, now: Timestamp) -> Result<Decision, AdminError> {
        if let Some((text, record)) = self.records.remove(&key.hash) {
            let found = KeyEntry {
                hash: key.hash,
                text,
                record,
            };
            return Ok(key.over(found, now)?);
        }

        let refused = |refusal| Ok(Decision::Done(ImportedRow::Refused(refusal)));
        if let Some(key_id) = &key.key_id {
            if self.ids_in_use.contains(key_id) {
                return refused(ImportRefusal::KeyIdInUse);
            }
            if let Some(until) = self.ids_free_at.get(key_id) {
                return refused(ImportRefusal::KeyIdDeleted { until: *until });
            }
        }
        Ok(key.anew(now)?)
    }
}

/// The outcome that an attempt would have had, if the key is now as that attempt would have made
/// it.
fn unchanged_by_others(row: ImportedRow, tried: Option<ImportedRow>) -> ImportedRow {
    match (&row, tried) {
        (
            ImportedRow::Key {
                change: ImportChange::Unchanged,
                ..
            },
            Some(tried),
        ) => tried,
        _ => row,
    }
}
