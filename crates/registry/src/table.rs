//! The items of the registry, in memory or in DynamoDB.

use std::collections::HashMap;

use crate::dynamodb::RegistryTable;
use crate::{KeyHash, RegistryError};

use crate::KeyRecord;
use crate::embedded::EmbeddedRegistry;
use crate::item::{CommitOutcome, ItemKey, StoredItem, Write};

/// The items. Reads of single items are consistent; the indexes may be a moment behind.
#[derive(Clone, Debug)]
pub(crate) enum Table<'s> {
    Embedded(&'s EmbeddedRegistry),
    DynamoDb(RegistryTable<'s>),
}

/// Names and documents of one partition.
#[derive(Debug, Default)]
pub(crate) struct ItemPage {
    pub(crate) items: Vec<(String, String)>,
    /// True if the partition may have more items.
    pub(crate) has_more: bool,
}

impl Table<'_> {
    /// Returns an item.
    pub(crate) async fn get(&self, key: &ItemKey) -> Result<Option<StoredItem>, RegistryError> {
        match self {
            Self::Embedded(catalogue) => Ok(catalogue.get(key)),
            Self::DynamoDb(table) => Box::pin(table.get(key)).await,
        }
    }

    /// Returns the documents of those items that exist. Any number of items is allowed. `kind`
    /// names them in errors.
    pub(crate) async fn documents(
        &self,
        kind: &'static str,
        keys: Vec<ItemKey>,
    ) -> Result<HashMap<ItemKey, String>, RegistryError> {
        match self {
            Self::Embedded(catalogue) => {
                let document = |key: ItemKey| {
                    let stored = catalogue.get(&key)?;
                    Some((key, stored.document))
                };
                Ok(keys.into_iter().filter_map(document).collect())
            }
            Self::DynamoDb(table) => Box::pin(table.documents(kind, keys)).await,
        }
    }

    /// Returns the records of those keys that exist.
    pub(crate) async fn records(
        &self,
        hashes: &[KeyHash],
    ) -> Result<HashMap<KeyHash, (String, KeyRecord)>, RegistryError> {
        let keys = hashes.iter().map(ItemKey::of_key).collect();
        let documents = self.documents("key", keys).await?;

        let mut records = HashMap::with_capacity(documents.len());
        for (key, document) in documents {
            let record = record(&document)?;
            records.extend(key.hash().map(|hash| (hash, (document, record))));
        }
        Ok(records)
    }

    /// Returns names and items of one kind after a name, in the order of names.
    pub(crate) async fn list(
        &self,
        pk: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<(String, StoredItem)>, RegistryError> {
        match self {
            Self::Embedded(catalogue) => Ok(catalogue.list(pk, after, most)),
            Self::DynamoDb(table) => Box::pin(table.list(pk, after, most)).await,
        }
    }

    /// Returns names and documents of the partition of `key` whose names are before that of `key`,
    /// the last one first. It can be fewer than `most` although there are more.
    pub(crate) async fn list_before(
        &self,
        key: &ItemKey,
        most: usize,
    ) -> Result<ItemPage, RegistryError> {
        match self {
            Self::Embedded(catalogue) => Ok(catalogue.list_before(key, most)),
            Self::DynamoDb(table) => Box::pin(table.list_before(key, most)).await,
        }
    }

    /// Returns the items of a key, as the index shows them.
    pub(crate) async fn by_id(&self, key_id: &str) -> Result<Vec<KeyHash>, RegistryError> {
        match self {
            Self::Embedded(catalogue) => Ok(catalogue.by_id(key_id)),
            Self::DynamoDb(table) => Box::pin(table.by_id(key_id)).await,
        }
    }

    /// Returns ids of keys with their items, as the indexes show them: of a plan or of all plans,
    /// after an id, in a stable order.
    pub(crate) async fn entries(
        &self,
        plan: Option<&str>,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<(String, KeyHash)>, RegistryError> {
        match self {
            Self::Embedded(catalogue) => Ok(catalogue.entries(plan, after, most)),
            Self::DynamoDb(table) => Box::pin(table.entries(plan, after, most)).await,
        }
    }

    /// Returns ids of deleted keys after an id, in a stable order, as the index shows them.
    pub(crate) async fn deleted_ids(
        &self,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, RegistryError> {
        match self {
            Self::Embedded(catalogue) => Ok(catalogue.deleted_ids(after, most)),
            Self::DynamoDb(table) => Box::pin(table.deleted_ids(after, most)).await,
        }
    }

    /// Makes all writes or none.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<CommitOutcome, RegistryError> {
        match self {
            Self::Embedded(catalogue) => catalogue.commit(writes),
            Self::DynamoDb(table) => Box::pin(table.commit(writes)).await,
        }
    }
}

pub(crate) fn record(document: &str) -> Result<KeyRecord, RegistryError> {
    serde_json::from_str(document).map_err(|error| RegistryError::Item {
        kind: "key",
        reason: error.to_string(),
    })
}
