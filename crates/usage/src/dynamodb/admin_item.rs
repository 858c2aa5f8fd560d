//! Items of the registry as DynamoDB holds them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::admin::{Item, ItemKey};

use super::admin::shard;
use super::registry::{DOCUMENT, FORM, KEY, VERSION};

/// Names of attributes that only keys have, for the indexes.
pub(super) const SHARD: &str = "shard";
pub(super) const KEY_ID: &str = "key_id";
pub(super) const PLAN: &str = "plan";
/// When DynamoDB may delete an item, in seconds since 1970.
pub(super) const TTL: &str = "ttl";

pub(super) fn key_attributes(key: &ItemKey) -> HashMap<String, AttributeValue> {
    let [pk, sk] = [&key.pk, &key.sk].map(|value| AttributeValue::S(value.clone()));
    HashMap::from([(KEY[0].to_owned(), pk), (KEY[1].to_owned(), sk)])
}

pub(super) fn attributes(item: Item) -> HashMap<String, AttributeValue> {
    let mut attributes = key_attributes(&item.key);
    let mut set = |name: &str, value| drop(attributes.insert(name.to_owned(), value));
    set(VERSION, AttributeValue::N(FORM.to_string()));
    set(DOCUMENT, AttributeValue::S(item.document));
    if let Some(ttl) = item.ttl {
        set(TTL, AttributeValue::N(ttl.to_string()));
    }
    if let Some(indexed) = item.indexed {
        set(SHARD, AttributeValue::S(shard(&indexed.key_id)));
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
