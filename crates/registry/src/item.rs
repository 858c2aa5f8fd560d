//! The items of the registry, and the conditions of writes.

use jiff::Timestamp;

use crate::KeyHash;
use crate::partition_keys::{
    AUDIT_PREFIX, BLOCKS, CANDIDATE, COMPOSITION, KEY_PREFIX, PLAN, POLICY,
};

use crate::{DeletedKey, KeyRecord, ManagedBy};

/// How long an ended secret and a deleted key are recorded, in seconds: 400 days, like usage.
pub(crate) const ENDED_KEPT_S: i64 = 400 * 86_400;

/// The key of an item in the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ItemKey {
    /// The partition key: the kind of item, and for an API key its hash.
    pub(crate) pk: String,
    /// The sort key: the name.
    pub(crate) sk: String,
}

impl ItemKey {
    pub(crate) fn of_key(hash: &KeyHash) -> Self {
        Self {
            pk: format!("{}{}", Self::KEY, hash.hex()),
            sk: "key".to_owned(),
        }
    }

    pub(crate) fn of_plan(name: &str) -> Self {
        Self {
            pk: Self::PLAN.to_owned(),
            sk: name.to_owned(),
        }
    }

    pub(crate) fn of_policy(name: &str) -> Self {
        Self {
            pk: Self::POLICY.to_owned(),
            sk: name.to_owned(),
        }
    }

    pub(crate) fn of_composition(name: &str) -> Self {
        Self {
            pk: Self::COMPOSITION.to_owned(),
            sk: name.to_owned(),
        }
    }

    /// The one document of all blocks.
    pub(crate) fn of_blocks() -> Self {
        Self {
            pk: Self::BLOCKS.to_owned(),
            sk: "blocks".to_owned(),
        }
    }

    pub(crate) fn of_candidate(policy: &str) -> Self {
        Self {
            pk: Self::CANDIDATE.to_owned(),
            sk: policy.to_owned(),
        }
    }

    pub(crate) fn of_answer(id: &str) -> Self {
        Self {
            pk: format!("once#{id}"),
            sk: "answer".to_owned(),
        }
    }

    /// The claim of the id of a new key, until the index shows the key.
    pub(crate) fn of_key_id(key_id: &str) -> Self {
        Self {
            pk: format!("{}{key_id}", Self::KEY_ID),
            sk: "key-id".to_owned(),
        }
    }

    /// The record of a deleted key.
    pub(crate) fn of_deleted_key(key_id: &str) -> Self {
        Self {
            pk: format!("{}{key_id}", Self::DELETED_KEY),
            sk: "deleted-key".to_owned(),
        }
    }

    /// The record of the key that was put on a plan last.
    pub(crate) fn of_plan_use(plan: &str) -> Self {
        Self {
            pk: format!("plan-use#{plan}"),
            sk: "plan-use".to_owned(),
        }
    }

    /// The record of an administrative change, on a UTC day.
    pub(crate) fn of_audit(day: &str, name: &str) -> Self {
        Self {
            pk: format!("{AUDIT_PREFIX}{day}"),
            sk: name.to_owned(),
        }
    }

    pub(crate) fn of_secret(name: &str) -> Self {
        Self {
            pk: "secret".to_owned(),
            sk: name.to_owned(),
        }
    }

    /// True if the item claims the id of a key.
    pub(crate) fn is_key_id(&self) -> bool {
        self.pk.starts_with(Self::KEY_ID)
    }

    /// Returns the hash of the API key of this item.
    pub(crate) fn hash(&self) -> Option<KeyHash> {
        KeyHash::from_hex(self.pk.strip_prefix(Self::KEY)?)
    }

    pub(crate) const PLAN: &str = PLAN;
    pub(crate) const POLICY: &str = POLICY;
    pub(crate) const CANDIDATE: &str = CANDIDATE;
    pub(crate) const COMPOSITION: &str = COMPOSITION;
    pub(crate) const BLOCKS: &str = BLOCKS;
    const KEY: &str = KEY_PREFIX;
    const KEY_ID: &str = "key-id#";
    pub(crate) const DELETED_KEY: &str = "deleted-key#";
}

/// The entry of a key in the indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) key_id: String,
    /// `None` for an earlier secret: it is found by the id, and in no list.
    pub(crate) plan: Option<String>,
    /// True for the record of a deleted key, which is in a list of its own.
    pub(crate) is_deleted: bool,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: ItemKey,
    /// The document, as JSON.
    pub(crate) document: String,
    pub(crate) indexed: Option<IndexEntry>,
    /// When the store may delete the item, in seconds since 1970.
    pub(crate) ttl: Option<i64>,
    /// The program that created a plan, a policy or compositions.
    pub(crate) managed_by: Option<ManagedBy>,
}

/// An item as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredItem {
    /// The document, as JSON.
    pub(crate) document: String,
    /// When the store may delete the item, in seconds since 1970.
    pub(crate) ttl: Option<i64>,
    /// The program that created a plan, a policy or compositions.
    pub(crate) managed_by: Option<ManagedBy>,
}

impl Item {
    pub(crate) fn new(key: ItemKey, document: String) -> Self {
        Self {
            key,
            document,
            indexed: None,
            ttl: None,
            managed_by: None,
        }
    }

    /// Returns what is read from the item.
    pub(crate) fn stored(&self) -> StoredItem {
        StoredItem {
            document: self.document.clone(),
            ttl: self.ttl,
            managed_by: self.managed_by.clone(),
        }
    }

    /// Returns the item of a key. `document` is a record, or for seeds a key.
    pub(crate) fn of_key(hash: &KeyHash, document: String, key_id: &str, plan: &str) -> Self {
        let indexed = Some(IndexEntry {
            key_id: key_id.to_owned(),
            plan: Some(plan.to_owned()),
            is_deleted: false,
        });
        Self {
            indexed,
            ..Self::new(ItemKey::of_key(hash), document)
        }
    }

    /// Returns the item of the current secret of a key.
    pub(crate) fn of_record(hash: &KeyHash, record: &KeyRecord) -> Result<Self, serde_json::Error> {
        let document = serde_json::to_string(record)?;
        Ok(Self::of_key(
            hash,
            document,
            &record.key.key_id,
            &record.key.plan,
        ))
    }

    /// Returns the item of an earlier secret, which works until `end`. It is found by the id of the
    /// key, and in no list.
    pub(crate) fn of_retired(
        hash: &KeyHash,
        record: &KeyRecord,
        end: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let indexed = Some(IndexEntry {
            key_id: record.key.key_id.clone(),
            plan: None,
            is_deleted: false,
        });
        Ok(Self {
            indexed,
            ..Self::of_ended(hash, record, end)?
        })
    }

    /// Returns the item of a deleted key, which is found by its id and in the list of deleted keys.
    pub(crate) fn of_deleted_key(key: &DeletedKey) -> Result<Self, serde_json::Error> {
        let document = serde_json::to_string(key)?;
        let ttl = Some(key.deleted_at.as_second() + ENDED_KEPT_S);
        let indexed = Some(IndexEntry {
            key_id: key.key_id.clone(),
            plan: None,
            is_deleted: true,
        });
        Ok(Self {
            indexed,
            ttl,
            ..Self::new(ItemKey::of_deleted_key(&key.key_id), document)
        })
    }

    /// Returns the item of a secret that ended at `end`, which is in no index.
    pub(crate) fn of_ended(
        hash: &KeyHash,
        record: &KeyRecord,
        end: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let document = serde_json::to_string(record)?;
        let ttl = Some(end.as_second() + ENDED_KEPT_S);
        Ok(Self {
            ttl,
            ..Self::new(ItemKey::of_key(hash), document)
        })
    }
}

/// The condition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// No condition.
    None,
    /// The item does not exist.
    Absent,
    /// The item does not exist, or its `ttl` is before this second.
    AbsentOrOver(i64),
    /// The document of the item is unchanged.
    Unchanged(String),
    /// The document of a plan, a policy or compositions is unchanged, and so is the program that
    /// created it.
    UnchangedObject(String, Option<ManagedBy>),
}

/// One of several writes of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Put(Item, Guard),
    Delete(ItemKey, Guard),
    /// Nothing is written, but the item must exist.
    Check(ItemKey),
}

impl Write {
    pub(crate) fn key(&self) -> &ItemKey {
        match self {
            Self::Put(item, _) => &item.key,
            Self::Delete(key, _) | Self::Check(key) => key,
        }
    }
}

/// The outcome of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CommitOutcome {
    /// All writes were made.
    Yes,
    /// No write was made: these conditions were not met, or if none is named, another writer
    /// interfered.
    No(Vec<usize>),
}
