//! The keys of an import that are written in one transaction.

use std::collections::BTreeMap;

use crate::KeyHash;
use crate::RegistryError;
use crate::audit::KeyChange;
use crate::imported::{ImportRefusal, ImportedKey, ImportedRow};
use crate::item::{ItemKey, Write};
use crate::plan_use::plan_use;
use crate::transaction_size::{MAX_DOCUMENT_BYTES, MAX_WRITES, document_bytes};

/// The greatest number of keys in one transaction. Each may need a claim of its id. The check of
/// one plan, the record of the plan's last key and the audit record are three more writes.
pub(super) const TRANSACTION_KEYS: usize = 48;
/// The check of a plan, and the record of its last key.
const PLAN_WRITES: usize = 2;
const AUDIT_WRITES: usize = 1;

/// A key to write.
pub(super) struct KeyWrites {
    /// The number of the key in the import.
    pub(super) index: usize,
    pub(super) hash: KeyHash,
    pub(super) writes: Vec<Write>,
    /// The plan that must exist.
    pub(super) plan: Option<String>,
    pub(super) row: ImportedRow,
}

/// Keys that are written in one transaction.
#[derive(Default)]
pub(super) struct Group {
    writes: Vec<Write>,
    /// For each write: the number of the key, and whether the write claims the key's id.
    owners: Vec<(usize, bool)>,
    /// The plans that must exist, each with a key that is put on it.
    plans: BTreeMap<String, KeyHash>,
    rows: Vec<(usize, Option<String>, ImportedRow)>,
    bytes: usize,
}

impl Group {
    /// Returns the group of a single key.
    pub(super) fn of(key: KeyWrites) -> Self {
        let mut group = Self::default();
        group.add(key);
        group
    }

    /// Returns true if the key can be written in the same transaction.
    pub(super) fn has_room(&self, key: &KeyWrites) -> bool {
        let is_new_plan = |plan: &String| !self.plans.contains_key(plan);
        let plans = self.plans.len() + usize::from(key.plan.as_ref().is_some_and(is_new_plan));
        let writes = self.writes.len() + key.writes.len();

        self.rows.len() < TRANSACTION_KEYS
            && writes + plans * PLAN_WRITES + AUDIT_WRITES <= MAX_WRITES
            && self.bytes + document_bytes(&key.writes) <= MAX_DOCUMENT_BYTES
    }

    pub(super) fn add(&mut self, key: KeyWrites) {
        self.bytes += document_bytes(&key.writes);
        for write in key.writes {
            self.owners.push((key.index, write.key().is_key_id()));
            self.writes.push(write);
        }
        let plan = key.plan.clone().map(|plan| (plan, key.hash));
        self.plans.extend(plan);
        self.rows.push((key.index, key.plan, key.row));
    }

    /// Returns the change of each key.
    pub(super) fn changes(&self) -> Vec<KeyChange<'_>> {
        let written = self.rows.iter().filter_map(|(_, _, row)| row.written());
        let changes = written.map(|written| KeyChange {
            before: written.before.as_ref(),
            after: Some(&written.after),
        });
        changes.collect()
    }

    /// Takes the writes of the transaction: those of the keys, and then those of the plans.
    ///
    /// # Errors
    /// [`RegistryError::Item`] if a document cannot be serialized.
    pub(super) fn take_writes(&mut self) -> Result<Vec<Write>, RegistryError> {
        let mut writes = std::mem::take(&mut self.writes);
        let plans = self.plans.keys();
        writes.extend(plans.map(|plan| Write::Check(ItemKey::of_plan(plan))));
        for (plan, hash) in &self.plans {
            writes.push(plan_use(plan, hash)?);
        }
        Ok(writes)
    }

    /// Returns the number and the outcome of each key, if the transaction was made.
    pub(super) fn into_rows(self) -> impl Iterator<Item = (usize, ImportedRow)> {
        let rows = self.rows.into_iter();
        rows.map(|(index, _, row)| (index, row))
    }

    /// Returns the keys that cannot be imported because the condition of this write was not met. A
    /// key that another request changed can be imported again.
    pub(super) fn refused(&self, position: usize) -> Vec<(usize, ImportRefusal)> {
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

impl KeyWrites {
    /// Returns the writes of a key, the plan that must exist, and the outcome.
    pub(super) fn new(
        index: usize,
        key: &ImportedKey,
        writes: Vec<Write>,
        plan: Option<String>,
        row: ImportedRow,
    ) -> Self {
        Self {
            index,
            hash: key.hash,
            writes,
            plan,
            row,
        }
    }
}
