//! What is kept of a deleted key, so that its usage can still be reported: for 400 days, as long as
//! the usage itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RegistryError;

use crate::item::{Guard, Item, ItemKey, Write};
use crate::plans::item_error;
use crate::{Admin, AdminError, KeyRecord};

/// A key that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedKey {
    /// Its id.
    pub key_id: String,
    /// The plan that it was on.
    pub plan: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

impl Admin<'_> {
    /// A deleted key by its id. `None` if there was no such key, if it was deleted more than 400
    /// days ago, or by a release that did not keep anything of it.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn deleted_key(&self, key_id: &str) -> Result<Option<DeletedKey>, AdminError> {
        let Some((text, _)) = self.table.get(&ItemKey::of_deleted_key(key_id)).await? else {
            return Ok(None);
        };
        Ok(Some(
            serde_json::from_str(&text).map_err(|error| item_error("deleted key", &error))?,
        ))
    }
}

/// The write that remembers a key that is deleted at `now`.
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
