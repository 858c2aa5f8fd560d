//! Keys from a file, many at a time.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::{ApiKey, KeyHash};

use super::item::ItemKey;
use super::{Admin, AdminError, Condition, KeyPatch, KeyRecord};

/// Items that one batch of DynamoDB's holds.
pub const IMPORT_BATCH: usize = 25;

/// A key of a file.
#[derive(Clone, Debug)]
pub struct ImportedKey {
    /// Of its secret.
    pub hash: KeyHash,
    /// Its id, unless the key is there already and has one.
    pub key_id: String,
    /// See [`KeyRecord::name`].
    pub name: String,
    /// See [`KeyRecord::description`].
    pub description: Option<String>,
    /// See [`ApiKey::plan`].
    pub plan: String,
    /// See [`ApiKey::enabled`].
    pub enabled: bool,
}

impl Admin<'_> {
    /// Whether there is such a plan.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn has_plan(&self, name: &str) -> Result<bool, AdminError> {
        Ok(self.table.get(&ItemKey::of_plan(name)).await?.is_some())
    }

    /// Writes keys, at most [`IMPORT_BATCH`] and no secret twice, in one batch. One that is there already keeps its id
    /// and whatever a file does not say. Says which were not written, being the earlier secrets of rotated keys.
    ///
    /// # Errors
    /// The store's failure; some of the keys may be there then, and to write them again does no harm.
    pub async fn import_keys(&self, keys: &[ImportedKey], now: Timestamp) -> Result<HashSet<KeyHash>, AdminError> {
        let hashes: Vec<_> = keys.iter().map(|key| key.hash).collect();
        let mut there = self.table.records(&hashes).await?;
        let (mut items, mut refused) = (Vec::with_capacity(keys.len()), HashSet::new());
        let mut rotated = HashMap::new();
        for key in keys {
            let before = there.remove(&key.hash).map(|(_, record)| record);
            if before.as_ref().is_some_and(|record| record.successor.is_some()) {
                refused.insert(key.hash);
            } else if let Some(record) = before.as_ref().filter(|record| !record.working(now).is_empty()) {
                rotated.insert(record.key.key_id.clone(), key);
            } else {
                items.push(super::keys::item(&key.hash, &key.record(before, now))?);
            }
        }
        self.table.put_each(items).await?;
        // A change of a key that has more than one secret has to reach all of them.
        for (key_id, key) in rotated {
            self.update_key(&key_id, &key.patch(), &Condition::None, now).await?;
        }
        Ok(refused)
    }
}

impl ImportedKey {
    fn record(&self, before: Option<KeyRecord>, now: Timestamp) -> KeyRecord {
        let new = || {
            let (key_id, plan, enabled) = (self.key_id.clone(), self.plan.clone(), self.enabled);
            let key = ApiKey { key_id, plan, enabled, expires_at: None, subject: None, scopes: Vec::new() };
            KeyRecord::new(key, now)
        };
        let mut record = before.unwrap_or_else(new).patched(&self.patch());
        record.retiring = Vec::new();
        record
    }

    fn patch(&self) -> KeyPatch {
        KeyPatch {
            name: Some(Some(self.name.clone())),
            description: self.description.clone().map(Some),
            plan: Some(self.plan.clone()),
            enabled: Some(self.enabled),
            ..KeyPatch::default()
        }
    }
}
