//! The import of keys from a file.
//!
//! A field that the file does not have stays as it is. A disabled or expired key stays so, and an
//! ended secret is never restored, because a file is often older than the registry.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::KeyHash;
use crate::audit::{Change, KeyChange};
use crate::import_decision::Decision;
use crate::imported::{ImportChange, ImportRefusal, ImportedKey, ImportedRow};
use crate::item::{CommitOutcome, ItemKey, Write};
use crate::keys::KeyEntry;
use crate::plan_use::plan_use;
use crate::plans::ATTEMPTS;
use crate::{Admin, AdminError};

/// The greatest number of keys in one transaction. Each may need a claim of its id, a check of its
/// plan and a record of the plan's last key. The audit record is one more write, and a transaction
/// has at most 100.
pub const IMPORT_BATCH: usize = 24;

/// Keys that are written in one transaction.
#[derive(Default)]
struct Group {
    writes: Vec<Write>,
    /// For each write: the number of the key, and whether the write claims the key's id.
    owners: Vec<(usize, bool)>,
    /// The plans that must exist, each with a key that is put on it.
    plans: BTreeMap<String, KeyHash>,
    rows: Vec<(usize, Option<String>, ImportedRow)>,
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
            let decisions = self.decide(keys, &open, now).await?;
            let mut groups = vec![Group::default()];
            for (index, decision) in decisions {
                match decision {
                    // If the response to an earlier attempt was lost, this may be its own write.
                    Decision::Done(row) => {
                        rows[index] = Some(unchanged_by_others(row, tried.remove(&index)))
                    }
                    Decision::Write { row, .. } if dry_run => rows[index] = Some(row),
                    Decision::Write { writes, plan, row } => {
                        tried.insert(index, row.clone());
                        // A key with several secrets may need many writes, and one conflict fails
                        // the whole group.
                        let is_alone = writes.len() > 2 || attempt > 0;
                        let group = if is_alone {
                            push_new(&mut groups)
                        } else {
                            &mut groups[0]
                        };
                        group.add(index, &keys[index], writes, plan, row);
                    }
                }
            }
            for group in groups {
                self.commit_group(group, &mut rows).await?;
            }
        }

        let busy = || ImportedRow::Refused(ImportRefusal::Busy);
        Ok(rows
            .into_iter()
            .map(|row| row.unwrap_or_else(busy))
            .collect())
    }

    async fn decide(
        &self,
        keys: &[ImportedKey],
        open: &[usize],
        now: Timestamp,
    ) -> Result<Vec<(usize, Decision)>, AdminError> {
        let hashes: Vec<_> = open.iter().map(|index| keys[*index].hash).collect();
        let mut stored = self.table.records(&hashes).await?;
        let new = open
            .iter()
            .map(|index| &keys[*index])
            .filter(|key| !stored.contains_key(&key.hash));
        let ids: Vec<&str> = new.filter_map(|key| key.key_id.as_deref()).collect();
        let found = try_join_all(ids.iter().map(|key_id| self.table.by_id(key_id))).await?;
        let free_at = try_join_all(ids.iter().map(|key_id| self.id_free_at(key_id, now))).await?;
        let deleted = ids.iter().copied().zip(free_at);
        let deleted: BTreeMap<&str, Timestamp> = deleted
            .filter_map(|(key_id, until)| Some((key_id, until?)))
            .collect();
        let in_use: BTreeSet<&str> = ids
            .into_iter()
            .zip(found)
            .filter(|(_, found)| !found.is_empty())
            .map(|(key_id, _)| key_id)
            .collect();

        let mut decisions = Vec::with_capacity(open.len());
        for index in open {
            let key = &keys[*index];
            let is_in_use = key
                .key_id
                .as_deref()
                .is_some_and(|key_id| in_use.contains(key_id));
            let until = key.key_id.as_deref().and_then(|key_id| deleted.get(key_id));
            let decision = match stored.remove(&key.hash) {
                Some((text, record)) => key.over(
                    KeyEntry {
                        hash: key.hash,
                        text,
                        record,
                    },
                    now,
                )?,
                None if is_in_use => {
                    Decision::Done(ImportedRow::Refused(ImportRefusal::KeyIdInUse))
                }
                None if let Some(until) = until => {
                    let refusal = ImportRefusal::KeyIdDeleted { until: *until };
                    Decision::Done(ImportedRow::Refused(refusal))
                }
                None => key.anew(now)?,
            };
            decisions.push((*index, decision));
        }
        Ok(decisions)
    }

    /// Writes a group. A key that another request changed meanwhile stays open.
    async fn commit_group(
        &self,
        group: Group,
        rows: &mut [Option<ImportedRow>],
    ) -> Result<(), AdminError> {
        if group.writes.is_empty() {
            return Ok(());
        }
        let mut writes = group.writes.clone();
        writes.extend(
            group
                .plans
                .keys()
                .map(|plan| Write::Check(ItemKey::of_plan(plan))),
        );
        for (plan, hash) in &group.plans {
            writes.push(plan_use(plan, hash)?);
        }
        writes.extend(self.record_of(&Change::Keys(&group.changes())));

        match self.table.commit(writes).await? {
            CommitOutcome::Yes => {
                for (index, _, row) in group.rows {
                    rows[index] = Some(row);
                }
            }
            CommitOutcome::No(failed) => {
                for (index, refusal) in failed
                    .into_iter()
                    .flat_map(|position| group.refused(position))
                {
                    rows[index] = Some(ImportedRow::Refused(refusal));
                }
            }
        }
        Ok(())
    }
}

impl Group {
    fn changes(&self) -> Vec<KeyChange<'_>> {
        let written = self.rows.iter().filter_map(|(_, _, row)| row.written());
        written
            .map(|written| KeyChange {
                before: written.before.as_ref(),
                after: Some(&written.after),
            })
            .collect()
    }

    fn add(
        &mut self,
        index: usize,
        key: &ImportedKey,
        writes: Vec<Write>,
        plan: Option<String>,
        row: ImportedRow,
    ) {
        for write in writes {
            self.owners.push((index, write.key().is_key_id()));
            self.writes.push(write);
        }
        self.plans.extend(plan.clone().map(|plan| (plan, key.hash)));
        self.rows.push((index, plan, row));
    }

    /// Returns the keys that cannot be imported because the condition of this write was not met. A
    /// key that another request changed can be imported again.
    fn refused(&self, position: usize) -> Vec<(usize, ImportRefusal)> {
        if let Some((index, is_claim)) = self.owners.get(position) {
            return if *is_claim {
                vec![(*index, ImportRefusal::KeyIdInUse)]
            } else {
                Vec::new()
            };
        }
        let plan = self.plans.keys().nth(position - self.owners.len());
        let of_plan = self
            .rows
            .iter()
            .filter(|(_, wanted, _)| plan.is_some() && wanted.as_ref() == plan);
        let unknown = || ImportRefusal::UnknownPlan(plan.cloned().unwrap_or_default());
        of_plan.map(|(index, _, _)| (*index, unknown())).collect()
    }
}

fn push_new(groups: &mut Vec<Group>) -> &mut Group {
    groups.push(Group::default());
    let last = groups.len() - 1;
    &mut groups[last]
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
