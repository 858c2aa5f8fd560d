//! Records of deleted keys. They are kept for 400 days, like usage, so that usage can be reported.
//! They have partitions of the index of their own, which lists of keys do not read.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RegistryError;

use crate::item::{Guard, Item, ItemKey, Write};
use crate::plans::item_error;
use crate::{Admin, AdminError, KeyRecord, Page};

/// The name of these items in errors.
const KIND: &str = "deleted key";

/// A deleted key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedKey {
    /// The id of the key.
    pub key_id: String,
    /// The plan of the key.
    pub plan: String,
    /// The name of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The group of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The instant of the creation, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The instant of the deletion.
    pub deleted_at: Timestamp,
}

impl Admin<'_> {
    /// Returns a deleted key. `None` if there was no such key, if it was deleted more than 400 days
    /// ago, or if an earlier release deleted it without a record.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn deleted_key(&self, key_id: &str) -> Result<Option<DeletedKey>, AdminError> {
        let stored = self.table.get(&ItemKey::of_deleted_key(key_id)).await?;
        let deleted = stored.map(|stored| deleted_key(&stored.document));
        Ok(deleted.transpose()?)
    }

    /// Returns those of the keys that were deleted, by their ids, as [`Self::deleted_key`] does.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub(super) async fn deleted_among(
        &self,
        key_ids: &[&str],
    ) -> Result<HashMap<String, DeletedKey>, AdminError> {
        let items = key_ids.iter().map(|key_id| ItemKey::of_deleted_key(key_id));
        let documents = self.table.documents(KIND, items.collect()).await?;

        let mut deleted = HashMap::with_capacity(documents.len());
        for document in documents.values() {
            let key = deleted_key(document)?;
            deleted.insert(key.key_id.clone(), key);
        }
        Ok(deleted)
    }

    /// Returns at most `limit` deleted keys after an id, in a stable order. Keys that an earlier
    /// release deleted are not listed.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn deleted_keys(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<DeletedKey>, AdminError> {
        let mut ids = self.table.deleted_ids(after, limit + 1).await?;
        let has_more = ids.len() > limit;
        ids.truncate(limit);

        let key_ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut deleted = self.deleted_among(&key_ids).await?;
        let items = ids.iter().filter_map(|key_id| deleted.remove(key_id));
        Ok(Page {
            items: items.collect(),
            next: ids.pop().filter(|_| has_more),
        })
    }
}

fn deleted_key(document: &str) -> Result<DeletedKey, RegistryError> {
    serde_json::from_str(document).map_err(|error| item_error(KIND, &error))
}

/// Returns the write that records the deletion of a key at `now`.
pub(super) fn remember(record: &KeyRecord, now: Timestamp) -> Result<Write, RegistryError> {
    let (key_id, plan) = (record.key.key_id.clone(), record.key.plan.clone());
    let deleted = DeletedKey {
        key_id,
        plan,
        name: record.name.clone(),
        group: record.key.group.clone(),
        created_at: record.created_at,
        deleted_at: now,
    };
    let item = Item::of_deleted_key(&deleted).map_err(|error| item_error(KIND, &error))?;
    Ok(Write::Put(item, Guard::None))
}
