//! The key that was put on a plan last.
//!
//! A plan is deleted only if no key uses it. The index of a plan's keys may be a moment behind, and
//! a key can be created while the plan is deleted. Every write that puts a key on a plan therefore
//! also records that key. The deletion looks this key up, and requires that no other key was
//! recorded since.
//!
//! One gap remains on DynamoDB: a key that the index does not show yet is missed if another key was
//! recorded after it and has left the plan again.

use serde::{Deserialize, Serialize};

use crate::{KeyHash, RegistryError};

use crate::item::{Guard, Item, ItemKey, StoredItem, Write};
use crate::keys::MAX_EARLIER_SECRETS;
use crate::plans::item_error;
use crate::table::record;
use crate::{Admin, KeyRecord};

/// The document of the item.
#[derive(Serialize, Deserialize)]
struct PlanUse {
    /// The hash of the key at that time.
    hash: KeyHash,
    /// A random number that distinguishes this record from every other, even of the same key.
    nonce: u64,
}

/// Returns the write that accompanies every write that puts the key under `hash` on a plan.
pub(super) fn plan_use(plan: &str, hash: &KeyHash) -> Result<Write, RegistryError> {
    let last = PlanUse {
        hash: *hash,
        nonce: fastrand::u64(..),
    };
    let document = serde_json::to_string(&last).map_err(|error| item_error("plan use", &error))?;
    Ok(Write::Put(
        Item::new(ItemKey::of_plan_use(plan), document),
        Guard::None,
    ))
}

impl Admin<'_> {
    /// Returns the key that was put on a plan last, if it still uses the plan, and the write that
    /// removes the plan's record only if no key was recorded since.
    pub(super) async fn last_key_on(
        &self,
        plan: &str,
    ) -> Result<(Option<KeyRecord>, Write), RegistryError> {
        let key = ItemKey::of_plan_use(plan);
        let Some(StoredItem { document, .. }) = self.table.get(&key).await? else {
            return Ok((None, Write::Delete(key, Guard::Absent)));
        };
        let last: PlanUse =
            serde_json::from_str(&document).map_err(|error| item_error("plan use", &error))?;
        let found = self
            .present(last.hash)
            .await?
            .filter(|record| record.key.plan == plan);
        Ok((found, Write::Delete(key, Guard::Unchanged(document))))
    }

    /// Returns the key that has or had this secret, unless it was deleted.
    async fn present(&self, mut hash: KeyHash) -> Result<Option<KeyRecord>, RegistryError> {
        for _ in 0..=MAX_EARLIER_SECRETS {
            let Some(stored) = self.table.get(&ItemKey::of_key(&hash)).await? else {
                break;
            };
            let record = record(&stored.document)?;
            match record.successor {
                None => return Ok(Some(record)),
                Some(next) if next == hash => break,
                Some(next) => hash = next,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::EmbeddedRegistry;
    use crate::item::CommitOutcome;
    use crate::{AdminError, ApiKey, Condition, KeyPatch, Refusal, Seeds};

    const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

    fn registry() -> EmbeddedRegistry {
        let seeds = Seeds::parse(r#"{"plans": {"p": {}, "other": {}}}"#).unwrap();
        EmbeddedRegistry::new(&seeds).unwrap()
    }

    fn key(plan: &str) -> (KeyHash, KeyRecord) {
        let key = ApiKey::new("k1".to_owned(), plan.to_owned());
        (
            KeyHash::of(&"k".repeat(20)).unwrap(),
            KeyRecord::new(key, NOW),
        )
    }

    fn move_to(plan: &str) -> KeyPatch {
        KeyPatch {
            plan: Some(plan.to_owned()),
            ..KeyPatch::default()
        }
    }

    /// Deletes the plan as it was when nobody had looked for a key that came since.
    async fn delete_with(admin: &Admin<'_>, unused: Write) -> CommitOutcome {
        admin
            .table
            .commit(vec![
                Write::Delete(ItemKey::of_plan("p"), Guard::None),
                unused,
            ])
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_plan_is_not_deleted_if_a_key_came_since_it_was_looked_at() {
        let registry = registry();
        let (admin, (hash, record)) = (Admin::embedded(&registry), key("p"));
        let (found, unused) = admin.last_key_on("p").await.unwrap();
        assert_eq!(found, None);
        admin.create_key(&hash, &record, &(), NOW).await.unwrap();
        assert_ne!(delete_with(&admin, unused).await, CommitOutcome::Yes);

        // The same key leaves and comes again.
        admin
            .update_key("k1", &move_to("other"), &Condition::None, NOW)
            .await
            .unwrap();
        let (found, unused) = admin.last_key_on("p").await.unwrap();
        assert_eq!(found, None);
        admin
            .update_key("k1", &move_to("p"), &Condition::None, NOW)
            .await
            .unwrap();
        assert_ne!(delete_with(&admin, unused).await, CommitOutcome::Yes);

        admin.delete_key("k1", &Condition::None, NOW).await.unwrap();
        let (found, unused) = admin.last_key_on("p").await.unwrap();
        assert_eq!(
            (found, delete_with(&admin, unused).await),
            (None, CommitOutcome::Yes)
        );
    }

    #[tokio::test]
    async fn a_key_that_no_index_shows_yet_keeps_its_plan() {
        let registry = registry();
        let (admin, (hash, record)) = (Admin::embedded(&registry), key("p"));
        let item = Item::new(
            ItemKey::of_key(&hash),
            serde_json::to_string(&record).unwrap(),
        );
        admin
            .table
            .commit(vec![
                Write::Put(item, Guard::Absent),
                plan_use("p", &hash).unwrap(),
            ])
            .await
            .unwrap();
        let refused = admin.delete_plan("p", &Condition::None).await;
        assert!(
            matches!(refused, Err(AdminError::Refused(Refusal::PlanInUse { key_id })) if key_id == "k1")
        );
    }

    #[tokio::test]
    async fn a_rotated_key_keeps_its_plan() {
        let registry = registry();
        let (admin, (hash, record)) = (Admin::embedded(&registry), key("p"));
        admin.create_key(&hash, &record, &(), NOW).await.unwrap();
        let new = KeyHash::of(&"n".repeat(20)).unwrap();
        admin
            .rotate_key("k1", &new.into(), NOW, &Condition::None, &(), NOW)
            .await
            .unwrap();
        assert_eq!(
            admin
                .last_key_on("p")
                .await
                .unwrap()
                .0
                .map(|record| record.key.key_id)
                .as_deref(),
            Some("k1")
        );
    }
}
