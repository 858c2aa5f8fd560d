//! The registry table: plans, keys and policies, each one JSON document.
//!
//! IAM: dynamodb:GetItem on RegistryTable key#*, plan, policy

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use aws::{Breaker, Deadline};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use tokio::time::timeout_at;

use crate::admin::{Guard, Item, ItemKey};
use crate::plan::check_name;
use crate::{ApiKey, KeyHash, Plan, PlanDocument, Seeds, StoreError};

use super::admin::RegistryTable;
use super::admin_item::key_attributes;
use super::documents::Documents;
use super::outage::{Attempt, Outage, permit, settle};

/// The partition key's and the sort key's names.
pub(super) const KEY: [&str; 2] = ["pk", "sk"];
pub(super) const VERSION: &str = "v";
pub(super) const DOCUMENT: &str = "doc";
/// The form that this release writes. Each release reads that of the one before it as well.
pub(super) const FORM: u32 = 1;
const MAX_KEYS: usize = 10_000;
const MAX_PLANS: usize = 1_000;

/// Reads plans and keys, and writes them.
#[derive(Debug)]
pub(super) struct Registry {
    client: Client,
    table: String,
    keys: Documents<KeyHash, ApiKey>,
    plans: Documents<String, Plan>,
    breaker: Breaker,
}

impl Registry {
    pub(super) fn new(client: Client, table: String) -> Self {
        let (keys, plans) = (Documents::new(MAX_KEYS), Documents::new(MAX_PLANS));
        Self {
            client,
            table,
            keys,
            plans,
            breaker: Breaker::new("registry"),
        }
    }

    /// What is known of a key; `None` where there is no such key.
    pub(super) async fn key(
        &self,
        hash: &KeyHash,
        now: Instant,
        deadline: Deadline,
    ) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let read = |deadline| async move {
            let document = self.read("key", ItemKey::of_key(hash), deadline).await?;
            document.map(checked_key).transpose()
        };
        self.keys.get(hash, "key", now, deadline, read).await
    }

    /// A plan; `None` where there is no such plan.
    pub(super) async fn plan(
        &self,
        name: &str,
        now: Instant,
        deadline: Deadline,
    ) -> Result<Option<Arc<Plan>>, StoreError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        let read = |deadline| async move {
            let found = self.read_plan(name, deadline).await;
            found.inspect_err(|error| match error {
                // Why it gave no answer is in the log already.
                StoreError::Unavailable(_) => {}
                _ => tracing::warn!(plan = name, %error, "the plan {name} cannot be used: {error}"),
            })
        };
        self.plans.get(name, "plan", now, deadline, read).await
    }

    async fn read_plan(&self, name: &str, deadline: Deadline) -> Result<Option<Plan>, StoreError> {
        let document: Option<PlanDocument> =
            self.read("plan", ItemKey::of_plan(name), deadline).await?;
        document
            .map(|document| Plan::from_stored(name, document).map_err(StoreError::Plan))
            .transpose()
    }

    /// A policy's document as it was put there; `None` where there is no such policy. Never cached:
    /// who reads it knows how old it may be.
    pub(super) async fn policy(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, StoreError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        let attributes = self
            .answered("policy", ItemKey::of_policy(name), deadline)
            .await?;
        attributes
            .map(|attributes| document("policy", &attributes).map(str::to_owned))
            .transpose()
    }

    pub(super) async fn put_plan(
        &self,
        name: &str,
        document: &PlanDocument,
    ) -> Result<(), StoreError> {
        Plan::new(name, document.clone())?;
        self.put(plan_item(name, document)?, Guard::None).await
    }

    pub(super) async fn put_key(&self, hash: &KeyHash, key: &ApiKey) -> Result<(), StoreError> {
        key.check()?;
        self.put(key_item(hash, key)?, Guard::None).await
    }

    /// The document is kept as it is: what a policy may say is the authorizer's to judge.
    pub(super) async fn put_policy(&self, name: &str, document: &str) -> Result<(), StoreError> {
        check_name(name)?;
        self.put(
            Item::new(ItemKey::of_policy(name), document.to_owned()),
            Guard::None,
        )
        .await
    }

    /// What is there already stays as it is.
    pub(super) async fn seed(&self, seeds: &Seeds) -> Result<(), StoreError> {
        seeds.plans()?;
        let keys = seeds.keys()?;
        for (name, document) in &seeds.plans {
            self.put(plan_item(name, document)?, Guard::Absent).await?;
        }
        for (hash, record) in &keys {
            let item = Item::of_record(hash, record).map_err(|error| call("PutItem", error))?;
            self.put(item, Guard::Absent).await?;
        }
        Ok(())
    }

    async fn read<D: DeserializeOwned>(
        &self,
        kind: &'static str,
        item: ItemKey,
        deadline: Deadline,
    ) -> Result<Option<D>, StoreError> {
        let attributes = self.answered(kind, item, deadline).await?;
        attributes
            .map(|attributes| parse(kind, &attributes))
            .transpose()
    }

    async fn answered(
        &self,
        kind: &'static str,
        item: ItemKey,
        deadline: Deadline,
    ) -> Result<Option<HashMap<String, AttributeValue>>, StoreError> {
        self.attributes(item, deadline).await.map_err(|outage| {
            let (reason, throttle) = (&*outage.reason, outage.throttle.as_deref());
            tracing::warn!(
                reason,
                throttle,
                kind,
                "a {kind} could not be read: {outage}"
            );
            StoreError::Unavailable(kind)
        })
    }

    async fn attributes(
        &self,
        item: ItemKey,
        deadline: Deadline,
    ) -> Result<Option<HashMap<String, AttributeValue>>, Outage> {
        let permit = permit(&self.breaker, deadline)?;
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_attributes(&item)))
            .send();
        let outcome = timeout_at(deadline.instant().into(), request).await.ok();
        Ok(settle(permit, outcome, Attempt::First)?.item)
    }

    /// Where the guard does not hold, what is there stays.
    async fn put(&self, item: Item, guard: Guard) -> Result<(), StoreError> {
        let table = RegistryTable {
            client: &self.client,
            table: &self.table,
        };
        table.put_item(item, guard).await.map(drop)
    }
}

fn plan_item(name: &str, document: &PlanDocument) -> Result<Item, StoreError> {
    let text =
        serde_json::to_string(&document.stored(None)).map_err(|error| call("PutItem", error))?;
    Ok(Item::new(ItemKey::of_plan(name), text))
}

fn key_item(hash: &KeyHash, key: &ApiKey) -> Result<Item, StoreError> {
    let text = serde_json::to_string(key).map_err(|error| call("PutItem", error))?;
    Ok(Item::of_key(hash, text, &key.key_id, &key.plan))
}

pub(super) fn call(
    operation: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Call {
        operation,
        source: source.into(),
    }
}

/// A document that cannot be understood is a failure, not an absence. Its item's name stays out of
/// the error: for a key that is its hash.
fn parse<D: DeserializeOwned>(
    kind: &'static str,
    attributes: &HashMap<String, AttributeValue>,
) -> Result<D, StoreError> {
    let text = document(kind, attributes)?;
    serde_json::from_str(text).map_err(|error| StoreError::Item {
        kind,
        reason: error.to_string(),
    })
}

/// An item's document, where its form is one that this release reads.
pub(super) fn document<'a>(
    kind: &'static str,
    attributes: &'a HashMap<String, AttributeValue>,
) -> Result<&'a str, StoreError> {
    let refuse = |reason: String| StoreError::Item { kind, reason };
    let form = attributes
        .get(VERSION)
        .and_then(|value| value.as_n().ok()?.parse::<u32>().ok());
    if form != Some(FORM) {
        return Err(refuse(format!(
            "its form is {form:?}, and this release reads {FORM}"
        )));
    }
    let text = attributes.get(DOCUMENT).and_then(|value| value.as_s().ok());
    text.map(String::as_str)
        .ok_or_else(|| refuse("it has no document".to_owned()))
}

fn checked_key(key: ApiKey) -> Result<ApiKey, StoreError> {
    key.check()?;
    Ok(key)
}

#[cfg(test)]
mod tests;
