//! The items of the registry in DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest as _, Sha256};

use crate::item::{Item, ItemKey, StoredItem};
use crate::schema_version::{self, READABLE};
use crate::{ManagedBy, RegistryError};

/// The names of the partition key and the sort key.
pub(crate) const KEY: [&str; 2] = ["pk", "sk"];
pub(super) const VERSION: &str = "v";
pub(super) const DOCUMENT: &str = "doc";
/// Partitions of the index of all keys. Each accepts 1,000 writes per second, a new on-demand table
/// 4,000.
pub(super) const SHARDS: u8 = 4;

/// The attributes that only keys have, for the indexes.
pub(super) const SHARD: &str = "shard";
pub(super) const KEY_ID: &str = "key_id";
pub(super) const PLAN: &str = "plan";
/// When DynamoDB may delete an item, in seconds since 1970.
pub(super) const TTL: &str = "ttl";
/// The program that created a plan, a policy or compositions.
pub(super) const MANAGED_BY: &str = "managed_by";

pub(super) fn key_attributes(key: &ItemKey) -> HashMap<String, AttributeValue> {
    let [pk, sk] = [&key.pk, &key.sk].map(|value| AttributeValue::S(value.clone()));
    HashMap::from([(KEY[0].to_owned(), pk), (KEY[1].to_owned(), sk)])
}

pub(super) fn attributes(item: Item) -> HashMap<String, AttributeValue> {
    let version = schema_version::of(&item.key, &item.document);
    let mut attributes = key_attributes(&item.key);
    let mut set = |name: &str, value| drop(attributes.insert(name.to_owned(), value));
    set(VERSION, AttributeValue::N(version.to_string()));
    set(DOCUMENT, AttributeValue::S(item.document));
    if let Some(ttl) = item.ttl {
        set(TTL, AttributeValue::N(ttl.to_string()));
    }
    if let Some(managed_by) = item.managed_by {
        let name = managed_by.as_str().to_owned();
        set(MANAGED_BY, AttributeValue::S(name));
    }
    if let Some(indexed) = item.indexed {
        let shard = if indexed.is_deleted {
            deleted_shard_name(shard_number(&indexed.key_id))
        } else {
            shard(&indexed.key_id)
        };
        set(SHARD, AttributeValue::S(shard));
        set(KEY_ID, AttributeValue::S(indexed.key_id));
        if let Some(plan) = indexed.plan {
            set(PLAN, AttributeValue::S(plan));
        }
    }
    attributes
}

pub(super) fn attribute<'a>(
    attributes: &'a HashMap<String, AttributeValue>,
    name: &str,
) -> Option<&'a str> {
    attributes.get(name)?.as_s().ok().map(String::as_str)
}

/// Returns an item's document.
///
/// # Errors
/// [`RegistryError::Item`] if this release does not know its schema version, or if it has none.
pub(super) fn document<'a>(
    kind: &'static str,
    attributes: &'a HashMap<String, AttributeValue>,
) -> Result<&'a str, RegistryError> {
    let invalid = |reason: String| RegistryError::Item { kind, reason };
    let version = attributes
        .get(VERSION)
        .and_then(|value| value.as_n().ok()?.parse::<u32>().ok());
    if !version.is_some_and(|version| READABLE.contains(&version)) {
        return Err(invalid(format!(
            "schema version {version:?}, expected one of {READABLE:?}"
        )));
    }

    let text = attributes.get(DOCUMENT).and_then(|value| value.as_s().ok());
    text.map(String::as_str)
        .ok_or_else(|| invalid("it has no document".to_owned()))
}

/// Returns what an item stores.
///
/// # Errors
/// As [`document`].
pub(super) fn stored_item(
    kind: &'static str,
    attributes: &HashMap<String, AttributeValue>,
) -> Result<StoredItem, RegistryError> {
    let document = document(kind, attributes)?.to_owned();
    let ttl = attributes
        .get(TTL)
        .and_then(|value| value.as_n().ok()?.parse().ok());
    let managed_by = attribute(attributes, MANAGED_BY).map(ManagedBy::stored);

    Ok(StoredItem {
        document,
        ttl,
        managed_by,
    })
}

/// Returns the partition of the index of all keys for an id. All items of a key have the same one.
pub(super) fn shard(key_id: &str) -> String {
    shard_name(shard_number(key_id))
}

pub(super) fn shard_number(key_id: &str) -> u8 {
    Sha256::digest(key_id.as_bytes())[0] % SHARDS
}

/// Returns a partition of the index of deleted keys. Lists of keys do not read it.
pub(super) fn deleted_shard_name(number: u8) -> String {
    format!("deleted-{number}")
}

pub(super) fn shard_name(number: u8) -> String {
    format!("keys-{number}")
}
