//! The registry table as the administration reads it. Reads of items are consistent. The two
//! indexes contain keys alone and are a moment behind.
//!
//! IAM: dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query on RegistryTable
//! IAM: dynamodb:Query on RegistryTable/index/by-id
//! IAM: dynamodb:Query on RegistryTable/index/by-plan

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use dynamodb::RequestError;

use crate::item::{ItemKey, StoredItem};
use crate::table::ItemPage;
use crate::{KeyHash, RegistryError};

use super::item::{
    DOCUMENT, KEY, KEY_ID, PLAN, SHARD, SHARDS, attribute, deleted_shard_name, document,
    key_attributes, shard, shard_name, shard_number, stored_item,
};

/// The index in which keys are found by their id: partition key `shard`, sort key `key_id`.
pub(super) const BY_ID: &str = "by-id";
/// The index of a plan's keys: partition key `plan`, sort key `key_id`.
pub(super) const BY_PLAN: &str = "by-plan";
/// The greatest number of items of one `BatchGetItem`.
const MAX_BATCH_ITEMS: usize = 100;
/// The number of attempts of a batch. The pauses between them double.
pub(super) const BATCH_ATTEMPTS: u32 = 8;
const BATCH_PAUSE: Duration = Duration::from_millis(25);

/// The table, for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegistryTable<'s> {
    pub(super) client: &'s Client,
    pub(super) table: &'s str,
}

impl RegistryTable<'_> {
    pub(crate) async fn get(&self, key: &ItemKey) -> Result<Option<StoredItem>, RegistryError> {
        let request = self
            .client
            .get_item()
            .table_name(self.table)
            .consistent_read(true);
        let output = request
            .set_key(Some(key_attributes(key)))
            .send()
            .await
            .map_err(|error| RequestError::of_sdk("GetItem", self.table, &error))?;
        let attributes = output.item;
        attributes
            .map(|attributes| stored_item("document", &attributes))
            .transpose()
    }

    /// Returns the documents of those items that exist. The batches are read one after another:
    /// they already read thousands of items per second, and the authorizer reads the same table.
    pub(crate) async fn documents(
        &self,
        kind: &'static str,
        mut keys: Vec<ItemKey>,
    ) -> Result<HashMap<ItemKey, String>, RegistryError> {
        keys.sort_unstable();
        keys.dedup();

        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(MAX_BATCH_ITEMS) {
            let mut keys: Vec<_> = keys.iter().map(key_attributes).collect();
            for attempt in 0.. {
                if keys.is_empty() {
                    break;
                }
                pause(attempt, "BatchGetItem").await?;
                keys = self.read_batch(kind, keys, &mut found).await?;
            }
        }
        Ok(found)
    }

    /// Reads items, and returns the keys of those that DynamoDB did not process.
    async fn read_batch(
        &self,
        kind: &'static str,
        keys: Vec<HashMap<String, AttributeValue>>,
        found: &mut HashMap<ItemKey, String>,
    ) -> Result<Vec<HashMap<String, AttributeValue>>, RegistryError> {
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build();
        let keys = keys.map_err(|error| RegistryError::request("BatchGetItem", error))?;
        let output = self
            .client
            .batch_get_item()
            .request_items(self.table, keys)
            .send()
            .await
            .map_err(|error| RequestError::of_sdk("BatchGetItem", self.table, &error))?;
        for attributes in output
            .responses
            .into_iter()
            .flatten()
            .flat_map(|(_, items)| items)
        {
            let key = attribute(&attributes, KEY[0]).zip(attribute(&attributes, KEY[1]));
            let key = key.map(|(pk, sk)| ItemKey {
                pk: pk.to_owned(),
                sk: sk.to_owned(),
            });
            if let Some(key) = key {
                found.insert(key, document(kind, &attributes)?.to_owned());
            }
        }
        let undone = output
            .unprocessed_keys
            .into_iter()
            .flatten()
            .flat_map(|(_, keys)| keys.keys);
        Ok(undone.collect())
    }

    pub(crate) async fn list(
        &self,
        pk: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<(String, StoredItem)>, RegistryError> {
        let query = self.after(KEY, pk, after, most).consistent_read(true);
        let mut found = Vec::new();
        for attributes in items(query).await? {
            let name = attribute(&attributes, KEY[1])
                .unwrap_or_default()
                .to_owned();
            found.push((name, stored_item(DOCUMENT, &attributes)?));
        }
        Ok(found)
    }

    pub(crate) async fn list_before(
        &self,
        key: &ItemKey,
        most: usize,
    ) -> Result<ItemPage, RegistryError> {
        let query = self
            .client
            .query()
            .table_name(self.table)
            .consistent_read(true)
            .key_condition_expression("#p = :p AND #s < :s")
            .expression_attribute_names("#p", KEY[0])
            .expression_attribute_names("#s", KEY[1])
            .expression_attribute_values(":p", AttributeValue::S(key.pk.clone()))
            .expression_attribute_values(":s", AttributeValue::S(key.sk.clone()))
            .scan_index_forward(false)
            .limit(i32::try_from(most).unwrap_or(i32::MAX));
        let output = query
            .send()
            .await
            .map_err(|error| RequestError::of_sdk("Query", self.table, &error))?;

        let mut page = ItemPage {
            has_more: output.last_evaluated_key.is_some(),
            ..ItemPage::default()
        };
        for attributes in output.items.unwrap_or_default() {
            let name = attribute(&attributes, KEY[1]).unwrap_or_default();
            let document = document("audit record", &attributes)?;
            page.items.push((name.to_owned(), document.to_owned()));
        }
        Ok(page)
    }

    pub(crate) async fn by_id(&self, key_id: &str) -> Result<Vec<KeyHash>, RegistryError> {
        let query = self.client.query().table_name(self.table).index_name(BY_ID);
        let query = query
            .key_condition_expression("#p = :p AND #s = :s")
            .expression_attribute_names("#p", SHARD)
            .expression_attribute_names("#s", KEY_ID)
            .expression_attribute_values(":p", AttributeValue::S(shard(key_id)))
            .expression_attribute_values(":s", AttributeValue::S(key_id.to_owned()));
        Ok(items(query)
            .await?
            .iter()
            .filter_map(entry)
            .map(|(_, hash)| hash)
            .collect())
    }

    pub(crate) async fn entries(
        &self,
        plan: Option<&str>,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<(String, KeyHash)>, RegistryError> {
        if let Some(plan) = plan {
            let query = self
                .after([PLAN, KEY_ID], plan, after, most)
                .index_name(BY_PLAN);
            return Ok(items(query).await?.iter().filter_map(entry).collect());
        }
        let (mut found, mut after) = (Vec::new(), after);
        let first = after.map_or_else(|| shard_name(0), shard);
        for shard in (0..SHARDS)
            .map(shard_name)
            .skip_while(|shard| *shard != first)
        {
            if found.len() >= most {
                break;
            }
            let query = self
                .after([SHARD, KEY_ID], &shard, after.take(), most - found.len())
                .index_name(BY_ID);
            found.extend(items(query).await?.iter().filter_map(entry));
        }
        Ok(found)
    }

    /// Returns ids of deleted keys after an id, in a stable order.
    pub(crate) async fn deleted_ids(
        &self,
        mut after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, RegistryError> {
        let mut found = Vec::new();
        for number in after.map_or(0, shard_number)..SHARDS {
            if found.len() >= most {
                break;
            }
            let shard = deleted_shard_name(number);
            let query = self
                .after([SHARD, KEY_ID], &shard, after.take(), most - found.len())
                .index_name(BY_ID);
            let entries = items(query).await?;
            let ids = entries.iter().filter_map(|entry| attribute(entry, KEY_ID));
            found.extend(ids.map(str::to_owned));
        }
        Ok(found)
    }

    fn after(
        &self,
        names: [&str; 2],
        partition: &str,
        after: Option<&str>,
        most: usize,
    ) -> QueryFluentBuilder {
        let condition = if after.is_some() {
            "#p = :p AND #s > :s"
        } else {
            "#p = :p"
        };
        let mut query = self
            .client
            .query()
            .table_name(self.table)
            .key_condition_expression(condition);
        query = query.expression_attribute_names("#p", names[0]);
        query = query.expression_attribute_values(":p", AttributeValue::S(partition.to_owned()));
        if let Some(after) = after {
            query = query.expression_attribute_names("#s", names[1]);
            query = query.expression_attribute_values(":s", AttributeValue::S(after.to_owned()));
        }
        query.limit(i32::try_from(most).unwrap_or(i32::MAX))
    }
}

async fn items(
    query: QueryFluentBuilder,
) -> Result<Vec<HashMap<String, AttributeValue>>, RegistryError> {
    let table = query.get_table_name().clone().unwrap_or_default();
    Ok(query
        .send()
        .await
        .map_err(|error| RequestError::of_sdk("Query", &table, &error))?
        .items
        .unwrap_or_default())
}

/// Reads an entry of an index: the id of a key, and its item.
fn entry(attributes: &HashMap<String, AttributeValue>) -> Option<(String, KeyHash)> {
    let key = ItemKey {
        pk: attribute(attributes, KEY[0])?.to_owned(),
        sk: String::new(),
    };
    Some((attribute(attributes, KEY_ID)?.to_owned(), key.hash()?))
}

/// Waits before the next attempt of a batch. There is no wait before the first.
pub(super) async fn pause(attempt: u32, operation: &'static str) -> Result<(), RegistryError> {
    match attempt {
        0 => Ok(()),
        BATCH_ATTEMPTS.. => Err(RegistryError::request(
            operation,
            "items were left undone again and again",
        )),
        _ => {
            tokio::time::sleep(
                BATCH_PAUSE * 2u32.pow(attempt - 1) * (100 + fastrand::u32(..100)) / 200,
            )
            .await;
            Ok(())
        }
    }
}
