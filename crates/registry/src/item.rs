//! An item of the registry, and what a write demands of it.

use jiff::Timestamp;

use crate::KeyHash;
use crate::partition_keys::{KEY_PREFIX, PLAN, POLICY};

use crate::{DeletedKey, KeyRecord};

/// How long an ended secret and a deleted key are remembered, in seconds: 400 days, as long as
/// usage.
const ENDED_KEPT_S: i64 = 400 * 86_400;

/// An item's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemKey {
    /// The kind, and for a key its hash.
    pub(crate) pk: String,
    /// The name.
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

    pub(crate) fn of_answer(id: &str) -> Self {
        Self {
            pk: format!("once#{id}"),
            sk: "answer".to_owned(),
        }
    }

    /// Claims the id of a key that is about to be made, until the index has it.
    pub(crate) fn of_key_id(key_id: &str) -> Self {
        Self {
            pk: format!("{}{key_id}", Self::KEY_ID),
            sk: "key-id".to_owned(),
        }
    }

    /// What is kept of a deleted key.
    pub(crate) fn of_deleted_key(key_id: &str) -> Self {
        Self {
            pk: format!("deleted-key#{key_id}"),
            sk: "deleted-key".to_owned(),
        }
    }

    /// Says which key was put on a plan last.
    pub(crate) fn of_plan_use(plan: &str) -> Self {
        Self {
            pk: format!("plan-use#{plan}"),
            sk: "plan-use".to_owned(),
        }
    }

    pub(crate) fn of_secret(name: &str) -> Self {
        Self {
            pk: "secret".to_owned(),
            sk: name.to_owned(),
        }
    }

    /// True if it claims the id of a key.
    pub(crate) fn is_key_id(&self) -> bool {
        self.pk.starts_with(Self::KEY_ID)
    }

    /// The hash of the key whose item it is.
    pub(crate) fn hash(&self) -> Option<KeyHash> {
        KeyHash::from_hex(self.pk.strip_prefix(Self::KEY)?)
    }

    pub(crate) const PLAN: &str = PLAN;
    pub(crate) const POLICY: &str = POLICY;
    const KEY: &str = KEY_PREFIX;
    const KEY_ID: &str = "key-id#";
}

/// What the indexes know of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) key_id: String,
    /// Absent where a rotated key's earlier secret is: it is found by the id, and listed nowhere.
    pub(crate) plan: Option<String>,
}

/// An item as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: ItemKey,
    /// JSON.
    pub(crate) document: String,
    pub(crate) indexed: Option<IndexEntry>,
    /// When the store may delete it, in seconds since 1970.
    pub(crate) ttl: Option<i64>,
}

impl Item {
    pub(crate) fn new(key: ItemKey, document: String) -> Self {
        Self {
            key,
            document,
            indexed: None,
            ttl: None,
        }
    }

    /// The item of a key. `document` is the record's, or for the seeds a bare key's.
    pub(crate) fn of_key(hash: &KeyHash, document: String, key_id: &str, plan: &str) -> Self {
        let indexed = Some(IndexEntry {
            key_id: key_id.to_owned(),
            plan: Some(plan.to_owned()),
        });
        Self {
            indexed,
            ..Self::new(ItemKey::of_key(hash), document)
        }
    }

    /// The item of a key's present secret.
    pub(crate) fn of_record(hash: &KeyHash, record: &KeyRecord) -> Result<Self, serde_json::Error> {
        let document = serde_json::to_string(record)?;
        Ok(Self::of_key(
            hash,
            document,
            &record.key.key_id,
            &record.key.plan,
        ))
    }

    /// The item of an earlier secret, which works until `end`. It is found by the key's id, and
    /// listed nowhere.
    pub(crate) fn of_retired(
        hash: &KeyHash,
        record: &KeyRecord,
        end: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let indexed = Some(IndexEntry {
            key_id: record.key.key_id.clone(),
            plan: None,
        });
        Ok(Self {
            indexed,
            ..Self::of_ended(hash, record, end)?
        })
    }

    /// What is kept of a deleted key. No index has it.
    pub(crate) fn of_deleted_key(key: &DeletedKey) -> Result<Self, serde_json::Error> {
        let document = serde_json::to_string(key)?;
        let ttl = Some(key.deleted_at.as_second() + ENDED_KEPT_S);
        Ok(Self {
            ttl,
            ..Self::new(ItemKey::of_deleted_key(&key.key_id), document)
        })
    }

    /// The item of a secret that ended at `end`. No index has it.
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

/// What has to hold for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Nothing.
    None,
    /// There is no such item.
    Absent,
    /// There is none, or its `ttl` has passed at this second.
    AbsentOrOver(i64),
    /// The item's document is still this one.
    Unchanged(String),
}

/// One of several writes that happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Put(Item, Guard),
    Delete(ItemKey, Guard),
    /// Nothing is written; the item has to be there.
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

/// How writes ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CommitOutcome {
    /// All of them are there.
    Yes,
    /// None is: these demands did not hold, or, where none is named, another writer was in the way.
    No(Vec<usize>),
}
