//! The same items as the function reads and writes, in plain requests of the SDK: no conditions, no
//! documents that are parsed, and no decisions.

use std::collections::HashMap;

use aws::Retries;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem};

use super::world::World;

const TABLE: &str = "tollgate-registry";
/// The keys that the function writes in one transaction.
const KEYS_OF_TRANSACTION: usize = 48;
/// The most items of `BatchGetItem`.
const BATCH_ITEMS: usize = 100;
/// The partitions of the index of all keys.
const SHARDS: usize = 4;

type Item = HashMap<String, AttributeValue>;

/// The items that an import wrote.
pub(crate) struct Items {
    keys: Vec<Item>,
    /// The audit records, one per transaction.
    records: Vec<Item>,
    plan_use: Item,
}

impl Items {
    /// Reads the items of the table.
    pub(crate) async fn scan(world: &World) -> Self {
        let mut pages = client(world)
            .scan()
            .table_name(TABLE)
            .into_paginator()
            .send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            all.extend(page.expect("a page").items.unwrap_or_default());
        }

        let of_kind = |kind: &str| {
            let items = all.iter().filter(|item| partition(item).starts_with(kind));
            items.cloned().collect::<Vec<_>>()
        };
        Self {
            keys: of_kind("key#"),
            records: of_kind("audit#"),
            plan_use: of_kind("plan-use#").remove(0),
        }
    }
}

/// Writes the items in transactions like those of the function, one after another.
pub(crate) async fn write(world: &World, items: &Items) {
    let (client, mut records) = (client(world), items.records.iter());
    for keys in items.keys.chunks(KEYS_OF_TRANSACTION) {
        let with_keys = [&items.plan_use].into_iter().chain(records.next());
        let writes = keys.iter().chain(with_keys).cloned().map(put).collect();
        let request = client.transact_write_items();
        let written = request.set_transact_items(Some(writes)).send().await;
        written.expect("a transaction");
    }
}

/// Reads the items of all keys, 100 at a time.
pub(crate) async fn read_keys(world: &World, items: &Items) {
    let client = client(world);
    for keys in items.keys.chunks(BATCH_ITEMS) {
        read(&client, keys).await;
    }
}

/// Reads the index and the items of all keys, in pages of 100.
pub(crate) async fn read_pages(world: &World) {
    let client = client(world);
    for shard in 0..SHARDS {
        let mut pages = client
            .query()
            .table_name(TABLE)
            .index_name("by-id")
            .key_condition_expression("#p = :p")
            .expression_attribute_names("#p", "shard")
            .expression_attribute_values(":p", AttributeValue::S(format!("keys-{shard}")))
            .limit(i32::try_from(BATCH_ITEMS).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            read(&client, page.expect("a page").items()).await;
        }
    }
}

async fn read(client: &Client, items: &[Item]) {
    if items.is_empty() {
        return;
    }
    let key = |item: &Item| {
        let attributes = item
            .iter()
            .filter(|(name, _)| matches!(&***name, "pk" | "sk"));
        attributes
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let keys = KeysAndAttributes::builder()
        .set_keys(Some(items.iter().map(key).collect()))
        .consistent_read(true)
        .build();
    let request = client.batch_get_item();
    let found = request.request_items(TABLE, keys.expect("keys")).send();
    let found = found.await.expect("items").responses.unwrap_or_default();
    assert_eq!(found[TABLE].len(), items.len());
}

fn put(item: Item) -> TransactWriteItem {
    let put = Put::builder().table_name(TABLE).set_item(Some(item));
    let write = TransactWriteItem::builder();
    write.put(put.build().expect("a write")).build()
}

fn partition(item: &Item) -> &str {
    item["pk"].as_s().expect("a string")
}

fn client(world: &World) -> Client {
    let aws = &world.aws;
    aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Off)
}
