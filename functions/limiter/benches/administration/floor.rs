//! The same items as the function reads and writes, in plain requests of the SDK: nothing is read
//! before a write, no document is parsed, and nothing is decided.
//!
//! The requests have the conditions of the function, because the emulator needs almost as long for
//! the conditions of a transaction as for its writes.

use std::collections::HashMap;

use aws::Retries;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, KeysAndAttributes, Put, TransactWriteItem,
};

use super::KEYS;
use super::world::{PLAN, World};

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
        // Other keys are in every table from the start.
        let mut keys = of_kind("key#");
        keys.retain(|item| item.get("plan") == Some(&AttributeValue::S(PLAN.to_owned())));
        assert_eq!(keys.len(), KEYS);

        Self {
            keys,
            records: of_kind("audit#"),
            plan_use: of_kind("plan-use#").remove(0),
        }
    }
}

/// Writes the items in transactions like those of the function, one after another.
pub(crate) async fn write(world: &World, items: &Items) {
    let (client, mut records) = (client(world), items.records.iter());
    for keys in items.keys.chunks(KEYS_OF_TRANSACTION) {
        let new = keys.iter().chain(records.next()).cloned();
        let mut writes: Vec<_> = new.map(|item| put(item, true)).collect();
        writes.push(put(items.plan_use.clone(), false));
        writes.push(check_plan());
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

/// Reads the index and the items of all keys, in pages of 100. A page begins after an id, as for a
/// client of the function.
pub(crate) async fn read_pages(world: &World) {
    let client = client(world);
    for shard in 0..SHARDS {
        // Before every id.
        let mut after = "!".to_owned();
        loop {
            let request = client
                .query()
                .table_name(TABLE)
                .index_name("by-id")
                .key_condition_expression("#p = :p AND #s > :s")
                .expression_attribute_names("#p", "shard")
                .expression_attribute_names("#s", "key_id")
                .expression_attribute_values(":p", AttributeValue::S(format!("keys-{shard}")))
                .expression_attribute_values(":s", AttributeValue::S(after))
                .limit(i32::try_from(BATCH_ITEMS).unwrap_or(i32::MAX));
            let page = request.send().await.expect("a page");
            read(&client, page.items()).await;

            let Some(last) = page.items().last().filter(|_| page.count() > 99) else {
                break;
            };
            after = last["key_id"].as_s().expect("a string").clone();
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

fn put(item: Item, is_new: bool) -> TransactWriteItem {
    let mut put = Put::builder().table_name(TABLE).set_item(Some(item));
    if is_new {
        put = put
            .condition_expression("attribute_not_exists(#p)")
            .expression_attribute_names("#p", "pk");
    }
    let write = TransactWriteItem::builder();
    write.put(put.build().expect("a write")).build()
}

fn check_plan() -> TransactWriteItem {
    let check = ConditionCheck::builder()
        .table_name(TABLE)
        .key("pk", AttributeValue::S("plan".to_owned()))
        .key("sk", AttributeValue::S(PLAN.to_owned()))
        .condition_expression("attribute_exists(#p)")
        .expression_attribute_names("#p", "pk");
    let write = TransactWriteItem::builder();
    write
        .condition_check(check.build().expect("a check"))
        .build()
}

fn partition(item: &Item) -> &str {
    item["pk"].as_s().expect("a string")
}

fn client(world: &World) -> Client {
    let aws = &world.aws;
    aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Off)
}
