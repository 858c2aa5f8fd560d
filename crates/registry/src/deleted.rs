//! Records of deleted keys. They are kept for 400 days, like usage, so that usage can be reported.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RegistryError;

use crate::item::{Guard, Item, ItemKey, Write};
use crate::plans::item_error;
use crate::{Admin, AdminError, KeyRecord};

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
        let Some((text, _)) = self.table.get(&ItemKey::of_deleted_key(key_id)).await? else {
            return Ok(None);
        };
        Ok(Some(
            serde_json::from_str(&text).map_err(|error| item_error("deleted key", &error))?,
        ))
    }
}

/// Returns the write that records the deletion of a key at `now`.
pub(super) fn remember(record: &KeyRecord, now: Timestamp) -> Result<Write, RegistryError> {
    let (key_id, plan) = (record.key.key_id.clone(), record.key.plan.clone());
    let deleted = DeletedKey {
        key_id,
        plan,
        name: record.name.clone(),
        deleted_at: now,
    };
    let item = Item::of_deleted_key(&deleted).map_err(|error| item_error("deleted key", &error))?;
    Ok(Write::Put(item, Guard::None))
}
