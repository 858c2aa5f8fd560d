//! Keys: one item per secret. The items refer to each other, so that an index that is behind still
//! leads to the current one.

use std::time::Duration;

use jiff::Timestamp;

use crate::{KeyHash, RegistryError};

use crate::audit::{Attempt, Change, KeyChange};
use crate::deleted::remember;
use crate::ended::{end_all, end_expired};
use crate::item::{CommitOutcome, Guard, Item, ItemKey, Write};
use crate::key_id::claim;
use crate::once::Keep;
use crate::plan_use::plan_use;
use crate::plans::{ATTEMPTS, item_error};
use crate::table::record;
use crate::{
    Admin, AdminError, Condition, KeyPatch, KeyRecord, Refusal, Retirement, Version,
    VersionedDocument,
};

/// The greatest number of earlier secrets that work at the same time.
pub(super) const MAX_EARLIER_SECRETS: usize = 4;
/// Pauses before further lookups of a key that is not in the index yet.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];

/// A key that was changed.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatedKey {
    /// The key before the change.
    pub before: KeyRecord,
    /// The key after the change.
    pub after: VersionedDocument<KeyRecord>,
}

/// The current item of a key.
pub(super) struct KeyEntry {
    pub(super) hash: KeyHash,
    pub(super) text: String,
    pub(super) record: KeyRecord,
}

impl Admin<'_> {
    /// Returns a key by its id.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`AdminError::Registry`].
    pub async fn key(&self, key_id: &str) -> Result<VersionedDocument<KeyRecord>, AdminError> {
        let found = self.find(key_id).await?;
        Ok(VersionedDocument {
            version: Version::of(&found.text),
            document: found.record,
        })
    }

    /// Creates a key with the secret of `hash`. The response that `keep` makes is stored in the
    /// same transaction.
    ///
    /// # Errors
    /// [`Refusal::UnknownPlan`], [`Refusal::SecretInUse`], [`Refusal::Repeated`],
    /// [`AdminError::Registry`].
    pub async fn create_key(
        &self,
        hash: &KeyHash,
        record: &KeyRecord,
        keep: &dyn Keep,
        now: Timestamp,
    ) -> Result<Version, AdminError> {
        self.create(hash, record, keep, None, now).await
    }

    /// Like [`Self::create_key`], for an id that the client chose.
    ///
    /// # Errors
    /// As [`Self::create_key`], and [`Refusal::KeyIdInUse`], [`Refusal::KeyIdDeleted`].
    pub async fn create_key_with_id(
        &self,
        hash: &KeyHash,
        record: &KeyRecord,
        keep: &dyn Keep,
        now: Timestamp,
    ) -> Result<Version, AdminError> {
        let key_id = &record.key.key_id;
        if let Some(until) = self.id_free_at(key_id, now).await? {
            return Err(Refusal::KeyIdDeleted { until }.into());
        }
        let claim = claim(key_id, *hash, now)?;
        self.create(hash, record, keep, Some(claim), now).await
    }

    async fn create(
        &self,
        hash: &KeyHash,
        record: &KeyRecord,
        keep: &dyn Keep,
        claim: Option<Write>,
        now: Timestamp,
    ) -> Result<Version, AdminError> {
        let item = item(hash, record)?;
        let text = item.document.clone();
        let stored = VersionedDocument {
            version: Version::of(&text),
            document: record.clone(),
        };
        let plan = &record.key.plan;
        let mut writes = vec![
            Write::Check(ItemKey::of_plan(plan)),
            Write::Put(item, Guard::Absent),
        ];
        let kept = keep.keep(&stored)?;
        let repeated = kept.as_ref().map(|_| writes.len());
        writes.extend(kept.map(|once| once.write(now)).transpose()?);
        let claimed = claim.as_ref().map(|_| writes.len());
        writes.extend(claim);
        writes.push(plan_use(plan, hash)?);
        writes.extend(self.record_of(&Change::Key(KeyChange {
            before: None,
            after: Some(record),
        })));
        let is_failed = |failed: &[usize], write: Option<usize>| {
            write.is_some_and(|write| failed.contains(&write))
        };
        for attempt in 0..ATTEMPTS {
            match self.table.commit(writes.clone()).await? {
                CommitOutcome::Yes => return Ok(stored.version),
                // If a response of DynamoDB was lost, the next attempt finds its own write.
                CommitOutcome::No(_) if attempt > 0 && self.is_stored(hash, &text).await? => {
                    return Ok(stored.version);
                }
                // The response first: if the request is repeated, the plan may have been deleted
                // since.
                CommitOutcome::No(failed) if is_failed(&failed, repeated) => {
                    return Err(Refusal::Repeated.into());
                }
                CommitOutcome::No(failed) if is_failed(&failed, claimed) => {
                    return Err(Refusal::KeyIdInUse.into());
                }
                CommitOutcome::No(failed) if failed.contains(&0) => {
                    return Err(Refusal::UnknownPlan(plan.clone()).into());
                }
                CommitOutcome::No(failed) if failed.contains(&1) => {
                    return Err(Refusal::SecretInUse.into());
                }
                CommitOutcome::No(_) => tokio::time::sleep(LOOK_AGAIN[0]).await,
            }
        }
        Err(Refusal::Busy.into())
    }

    /// Returns true if the item of a secret is this document.
    async fn is_stored(&self, hash: &KeyHash, text: &str) -> Result<bool, RegistryError> {
        let stored = self.table.get(&ItemKey::of_key(hash)).await?;
        Ok(stored.is_some_and(|stored| stored.document == text))
    }

    /// Changes a key with all of its secrets. Returns it as it was and as it is.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Precondition`], [`Refusal::UnknownPlan`],
    /// [`Refusal::OtherSecret`], [`RegistryError::Key`] if it becomes invalid, [`AdminError::Registry`].
    pub async fn update_key(
        &self,
        key_id: &str,
        patch: &KeyPatch,
        condition: &Condition,
        now: Timestamp,
    ) -> Result<UpdatedKey, AdminError> {
        let mut before = None;
        for attempt in 0..ATTEMPTS {
            let found = self.find(key_id).await?;
            if patch.hash.is_some_and(|hash| hash != found.hash) {
                return Err(Refusal::OtherSecret.into());
            }
            let changed = found.record.clone().patched(patch);
            let changed = changed.changed_at(&found.record, now);
            changed.key.check().map_err(RegistryError::Key)?;
            let (changed, mut writes) = replacement(&found, changed, now)?;
            let text =
                serde_json::to_string(&changed).map_err(|error| item_error("key", &error))?;
            let version = Version::of(&text);
            let done = text == found.text;
            let after = VersionedDocument {
                document: changed,
                version,
            };
            // If a response of DynamoDB was lost, the next attempt finds its own write.
            if done && attempt > 0 {
                return Ok(UpdatedKey {
                    before: before.unwrap_or(found.record),
                    after,
                });
            }
            if !condition.holds(Some(&Version::of(&found.text))) {
                return Err(Refusal::Precondition.into());
            }
            writes.extend(
                patch
                    .plan
                    .iter()
                    .map(|plan| Write::Check(ItemKey::of_plan(plan))),
            );
            let check = writes.len() - 1;
            writes.extend(
                patch
                    .plan
                    .iter()
                    .map(|plan| plan_use(plan, &found.hash))
                    .collect::<Result<Vec<_>, _>>()?,
            );
            writes.extend(self.record_of(&Change::Key(KeyChange {
                before: Some(&found.record),
                after: Some(&after.document),
            })));
            match self.table.commit(writes).await? {
                CommitOutcome::Yes => {
                    return Ok(UpdatedKey {
                        before: found.record,
                        after,
                    });
                }
                CommitOutcome::No(failed) if patch.plan.is_some() && failed.contains(&check) => {
                    return Err(Refusal::UnknownPlan(after.document.key.plan).into());
                }
                CommitOutcome::No(_) => before = Some(found.record),
            }
        }
        Err(Refusal::Busy.into())
    }

    /// Deletes a key, ends all of its secrets, and returns it as it was. Its usage remains
    /// readable: see [`Admin::deleted_key`].
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Precondition`], [`AdminError::Registry`].
    pub async fn delete_key(
        &self,
        key_id: &str,
        condition: &Condition,
        now: Timestamp,
    ) -> Result<KeyRecord, AdminError> {
        let mut tried = None;
        for _ in 0..ATTEMPTS {
            let found = match self.find(key_id).await {
                // An earlier attempt, whose response was lost, may have deleted it.
                Err(error) if error.is_not_found() => return self.outcome_of(tried, error).await,
                found => found?,
            };
            if !condition.holds(Some(&Version::of(&found.text))) {
                return Err(Refusal::Precondition.into());
            }
            let mut writes = end_all(found.hash, found.text, &found.record, now)?;
            writes.push(remember(&found.record, now)?);
            let record = self.record_of(&Change::Key(KeyChange {
                before: Some(&found.record),
                after: None,
            }));
            let attempt = Attempt::of(record.as_ref());
            writes.extend(record);
            if self.table.commit(writes).await? == CommitOutcome::Yes {
                return Ok(found.record);
            }
            tried = attempt.map(|attempt| attempt.with(found.record));
        }
        Err(Refusal::Busy.into())
    }

    /// The index only says where to look. The item is read, and an item of an earlier secret names
    /// its successor.
    pub(super) async fn find(&self, key_id: &str) -> Result<KeyEntry, AdminError> {
        for pause in LOOK_AGAIN.iter().map(Some).chain([None]) {
            if let Some(found) = self.look(key_id).await? {
                return Ok(found);
            }
            match pause.filter(|_| self.indexes_lag()) {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => break,
            }
        }
        Err(Refusal::NotFound.into())
    }

    pub(super) async fn look(&self, key_id: &str) -> Result<Option<KeyEntry>, RegistryError> {
        let mut hashes = self.table.by_id(key_id).await?;
        if hashes.is_empty() && self.indexes_lag() {
            hashes.extend(self.claimed(key_id).await?);
        }
        let mut successor = None;
        for (hash, (text, record)) in self.table.records(&hashes).await? {
            match record.successor {
                _ if record.key.key_id != key_id => {}
                // The key is deleted, and the index does not show it yet.
                Some(next) if next == hash => {}
                Some(next) => successor = Some(next),
                None => return Ok(Some(KeyEntry { hash, text, record })),
            }
        }
        match successor {
            Some(successor) => self.follow(successor).await,
            None => Ok(None),
        }
    }

    /// Returns the key that the item of an earlier secret names as its successor.
    pub(super) async fn follow(
        &self,
        successor: KeyHash,
    ) -> Result<Option<KeyEntry>, RegistryError> {
        let mut successor = Some(successor);
        for _ in 0..=MAX_EARLIER_SECRETS {
            let Some(hash) = successor else { break };
            let Some(stored) = self.table.get(&ItemKey::of_key(&hash)).await? else {
                break;
            };
            let text = stored.document;
            let record = record(&text)?;
            successor = record.successor.filter(|next| *next != hash);
            if record.successor.is_none() {
                return Ok(Some(KeyEntry { hash, text, record }));
            }
        }
        Ok(None)
    }
}

/// Returns the changed key and the writes that change it. The first write requires that the key is
/// unchanged. The others update the earlier secrets, or end them if their grace period is over.
pub(super) fn replacement(
    found: &KeyEntry,
    mut changed: KeyRecord,
    now: Timestamp,
) -> Result<(KeyRecord, Vec<Write>), RegistryError> {
    changed.retiring = changed.working(now);
    let mut writes = vec![Write::Put(
        item(&found.hash, &changed)?,
        Guard::Unchanged(found.text.clone()),
    )];
    for retiring in &changed.retiring {
        writes.push(Write::Put(
            retired(&changed, retiring, found.hash)?,
            Guard::None,
        ));
    }
    writes.extend(end_expired(&found.record, found.hash, now)?);
    Ok((changed, writes))
}

/// Returns the item of an earlier secret of the key under `successor`.
pub(super) fn retired(
    record: &KeyRecord,
    retiring: &Retirement,
    successor: KeyHash,
) -> Result<Item, RegistryError> {
    let item = Item::of_retired(
        &retiring.hash,
        &record.retired(retiring, successor),
        retiring.ends_at,
    );
    item.map_err(|error| item_error("key", &error))
}

pub(super) fn item(hash: &KeyHash, record: &KeyRecord) -> Result<Item, RegistryError> {
    Item::of_record(hash, record).map_err(|error| item_error("key", &error))
}
