//! Claims of the ids of new keys, so that two keys never have the same id.
//!
//! The index of ids may be a moment behind. A claim is read consistently and names the secret of the
//! key, so that the key is found although the index does not show it yet. The id of a deleted key
//! cannot be used again while the deletion is recorded, because usage is reported by the id.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::item::{ENDED_KEPT_S, Guard, Item, ItemKey, Write};
use crate::plans::item_error;
use crate::{Admin, AdminError, DeletedKey, KeyHash, RegistryError};

/// How long an id is claimed, in seconds.
const CLAIM_S: i64 = 86_400;

/// The document of a claim.
#[derive(Serialize, Deserialize)]
struct Claim {
    /// The first secret of the key. Unknown if an earlier release made the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<KeyHash>,
}

/// Returns the claim of the id of a new key. Of two keys that are created at the same moment, only
/// one gets the id, although the index shows neither of them yet.
pub(super) fn claim(key_id: &str, hash: KeyHash, now: Timestamp) -> Result<Write, RegistryError> {
    let claim = Claim { hash: Some(hash) };
    let document = serde_json::to_string(&claim).map_err(|error| item_error("key id", &error))?;
    let item = Item {
        ttl: Some(now.as_second() + CLAIM_S),
        ..Item::new(ItemKey::of_key_id(key_id), document)
    };
    Ok(Write::Put(item, Guard::AbsentOrOver(now.as_second())))
}

impl DeletedKey {
    /// Returns the instant from which on another key may have the id.
    #[must_use]
    pub fn id_is_free_at(&self) -> Timestamp {
        let second = self.deleted_at.as_second() + ENDED_KEPT_S;
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }
}

impl Admin<'_> {
    /// Returns the first secret of the key that claimed this id within a day.
    pub(super) async fn claimed(&self, key_id: &str) -> Result<Option<KeyHash>, RegistryError> {
        let Some(stored) = self.table.get(&ItemKey::of_key_id(key_id)).await? else {
            return Ok(None);
        };
        let claim: Claim =
            serde_json::from_str(&stored.document).map_err(|error| item_error("key id", &error))?;
        Ok(claim.hash)
    }

    /// Returns the instant from which on each id can be used again that a deleted key had.
    pub(super) async fn ids_free_at(
        &self,
        key_ids: &[&str],
        now: Timestamp,
    ) -> Result<HashMap<String, Timestamp>, AdminError> {
        let deleted = self.deleted_among(key_ids).await?;
        let free_at = deleted.into_iter();
        let free_at = free_at.map(|(key_id, deleted)| (key_id, deleted.id_is_free_at()));
        Ok(free_at.filter(|(_, free_at)| *free_at > now).collect())
    }

    /// Returns the instant from which on the id can be used again, if a deleted key had it.
    pub(super) async fn id_free_at(
        &self,
        key_id: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, AdminError> {
        let deleted = self.deleted_key(key_id).await?;
        let free_at = deleted.map(|deleted| deleted.id_is_free_at());
        Ok(free_at.filter(|free_at| *free_at > now))
    }
}
