//! An item of the registry, and what a write demands of it.

use crate::KeyHash;

use super::KeyRecord;

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
        Self { pk: format!("{}{}", Self::KEY, hash.hex()), sk: "key".to_owned() }
    }

    pub(crate) fn of_plan(name: &str) -> Self {
        Self { pk: Self::PLAN.to_owned(), sk: name.to_owned() }
    }

    pub(crate) fn of_policy(name: &str) -> Self {
        Self { pk: "policy".to_owned(), sk: name.to_owned() }
    }

    pub(crate) fn of_answer(id: &str) -> Self {
        Self { pk: format!("once#{id}"), sk: "answer".to_owned() }
    }

    pub(crate) fn of_secret(name: &str) -> Self {
        Self { pk: "secret".to_owned(), sk: name.to_owned() }
    }

    /// The hash of the key whose item it is.
    pub(crate) fn hash(&self) -> Option<KeyHash> {
        KeyHash::from_hex(self.pk.strip_prefix(Self::KEY)?)
    }

    pub(crate) const PLAN: &str = "plan";
    const KEY: &str = "key#";
}

/// What the indexes know of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Indexed {
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
    pub(crate) indexed: Option<Indexed>,
    /// When the store may delete it, in seconds since 1970.
    pub(crate) ttl: Option<i64>,
}

impl Item {
    pub(crate) fn new(key: ItemKey, document: String) -> Self {
        Self { key, document, indexed: None, ttl: None }
    }

    /// The item of a key. `document` is the record's, or for the seeds a bare key's.
    pub(crate) fn of_key(hash: &KeyHash, document: String, key_id: &str, plan: &str) -> Self {
        let indexed = Some(Indexed { key_id: key_id.to_owned(), plan: Some(plan.to_owned()) });
        Self { indexed, ..Self::new(ItemKey::of_key(hash), document) }
    }

    pub(crate) fn of_record(hash: &KeyHash, record: &KeyRecord) -> Result<Self, serde_json::Error> {
        let document = serde_json::to_string(record)?;
        let mut item = Self::of_key(hash, document, &record.key.key_id, &record.key.plan);
        if record.successor.is_some() {
            let plan = item.indexed.as_mut().map(|indexed| &mut indexed.plan);
            plan.map(Option::take);
            // Whoever reads it tests its end; the day is for clocks that disagree.
            item.ttl = record.key.expires_at.map(|end| end.as_second() + 86_400);
        }
        Ok(item)
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
pub(crate) enum Committed {
    /// All of them are there.
    Yes,
    /// None is: these demands did not hold, or, where none is named, another writer was in the way.
    No(Vec<usize>),
}
