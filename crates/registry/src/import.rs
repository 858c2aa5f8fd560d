//! Keys from a file, many at a time.
//!
//! What the file does not say stays as it is. A key that is disabled or has expired stays so, and a
//! secret that has ended never comes back, whatever the file says: a file is often older than what
//! it is imported into.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::KeyHash;
use crate::import_decision::Decision;
use crate::imported::{ImportChange, ImportRefusal, ImportedKey, ImportedRow};
use crate::item::{CommitOutcome, ItemKey, Write};
use crate::keys::KeyEntry;
use crate::plan_use::plan_use;
use crate::plans::ATTEMPTS;
use crate::{Admin, AdminError};

/// The most keys that are written together. With the claim of an id, the check of a plan and the
/// plan's last key for each, these are at most the 100 writes of one transaction.
pub const IMPORT_BATCH: usize = 25;

/// Keys that are written in one transaction.
#[derive(Default)]
struct Group {
    writes: Vec<Write>,
    /// Of each write: the key by its number, and whether it claims the key's id.
    owners: Vec<(usize, bool)>,
    /// Plans that have to exist, each with a key that is put on it.
    plans: BTreeMap<String, KeyHash>,
    rows: Vec<(usize, Option<String>, ImportedRow)>,
}

impl Admin<'_> {
    /// True if there is such a plan.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn has_plan(&self, name: &str) -> Result<bool, AdminError> {
        Ok(self.table.get(&ItemKey::of_plan(name)).await?.is_some())
    }

    /// Imports keys, at most [`IMPORT_BATCH`], with no secret and no id twice, and returns what
    /// became of each. A dry run writes nothing.
    ///
    /// # Errors
    /// The store's failure. Some of the keys may have been imported then; to import all of them
    /// again is safe.
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
                    // The reply to an earlier attempt may have been lost, and then this is its own
                    // work.
                    Decision::Done(row) => {
                        rows[index] = Some(unchanged_by_others(row, tried.remove(&index)))
                    }
                    Decision::Write { row, .. } if dry_run => rows[index] = Some(row),
                    Decision::Write { writes, plan, row } => {
                        tried.insert(index, row.clone());
                        // A key with several secrets may be many writes, and a contested one fails
                        // its whole group.
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

    /// The keys that cannot be imported because the demand of this write was not met. A key that
    /// another request changed can be.
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

/// What an attempt was about to do, if the key is now as that attempt would have made it.
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
