//! The registry table: plans, keys, policies and compositions, each one JSON document, and the
//! document of blocks.
//!
//! IAM: dynamodb:GetItem on RegistryTable key#*, plan, policy, policy-candidate, blocks, composition
//!
//! An authorizer does not read compositions. A composer reads only plans, policies and compositions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use aws::{Breaker, Deadline};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use dynamodb::{Attempt, Call, Outage};
use limits::{Plan, PlanDocument, check_name};
use serde::de::DeserializeOwned;
use tokio::time::timeout_at;

use crate::candidates::candidate_policy;
use crate::item::{Guard, Item, ItemKey};
use crate::seeds::log_warnings;
use crate::{ApiKey, Blocks, KeyHash, RegistryError, Seeds};

use super::block_cache::BlockCache;
use super::documents::Documents;
use super::item::{document, key_attributes};
use super::table::RegistryTable;

const MAX_KEYS: usize = 10_000;
const MAX_PLANS: usize = 1_000;

/// The registry in a table of DynamoDB, with a cache.
#[derive(Debug)]
pub struct DynamoDbRegistry {
    client: Client,
    table: String,
    keys: Documents<KeyHash, ApiKey>,
    plans: Documents<String, Plan>,
    blocks: Arc<BlockCache>,
    breaker: Arc<Breaker>,
}

impl DynamoDbRegistry {
    /// Returns the registry in `table`. Nothing is called yet.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        let (keys, plans) = (Documents::new(MAX_KEYS), Documents::new(MAX_PLANS));
        let breaker = Arc::new(Breaker::new("registry"));
        let blocks = BlockCache::new(client.clone(), table.clone(), Arc::clone(&breaker));

        Self {
            client,
            table,
            keys,
            plans,
            blocks: Arc::new(blocks),
            breaker,
        }
    }

    /// Returns the key with this hash, or `None` if there is none.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] if it cannot be read by the deadline,
    /// [`RegistryError::Item`] if its item is invalid, unless it was read within 15 minutes.
    pub async fn key(
        &self,
        hash: &KeyHash,
        now: Instant,
        deadline: Deadline,
    ) -> Result<Option<Arc<ApiKey>>, RegistryError> {
        let read = |deadline| async move {
            let document = self.read("key", ItemKey::of_key(hash), deadline).await?;
            document.map(checked_key).transpose()
        };
        self.keys.get(hash, "key", now, deadline, read).await
    }

    /// Returns the plan with this name, or `None` if there is none.
    ///
    /// # Errors
    /// As for [`DynamoDbRegistry::key`].
    pub async fn plan(
        &self,
        name: &str,
        now: Instant,
        deadline: Deadline,
    ) -> Result<Option<Arc<Plan>>, RegistryError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        let read = |deadline| async move {
            let found = self.read_plan(name, deadline).await;
            found.inspect_err(|error| match error {
                // The reason is in the log already.
                RegistryError::Unavailable { .. } => {}
                _ => tracing::warn!(plan = name, %error, "the plan {name} cannot be used"),
            })
        };
        self.plans.get(name, "plan", now, deadline, read).await
    }

    /// Returns the blocks. They are at most 30 s old, unless the table does not respond: then the
    /// blocks that were read last are returned, however old they are. A read of the next ones
    /// usually runs in the background.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] if they were never read and cannot be read by the deadline,
    /// [`RegistryError::Item`] if the document is invalid and was never valid.
    pub async fn blocks(
        &self,
        now: Instant,
        deadline: Deadline,
    ) -> Result<Arc<Blocks>, RegistryError> {
        self.blocks.get(now, deadline).await
    }

    async fn read_plan(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<Plan>, RegistryError> {
        let document: Option<PlanDocument> =
            self.read("plan", ItemKey::of_plan(name), deadline).await?;
        document
            .map(|document| Plan::from_stored(name, document).map_err(RegistryError::Plan))
            .transpose()
    }

    /// Returns the document of the policy with this name, or `None` if there is none. It is never
    /// cached: the authorizer knows how old its policy may be.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] if it cannot be read by the deadline,
    /// [`RegistryError::Item`] if its item is invalid.
    pub async fn policy(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, RegistryError> {
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

    /// Returns the candidate of the policy with this name, or `None` if there is none. It is never
    /// cached.
    ///
    /// # Errors
    /// As for [`Self::policy`].
    pub async fn candidate(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, RegistryError> {
        const KIND: &str = "policy candidate";
        if check_name(name).is_err() {
            return Ok(None);
        }
        let attributes = self
            .answered(KIND, ItemKey::of_candidate(name), deadline)
            .await?;
        attributes
            .map(|attributes| candidate_policy(document(KIND, &attributes)?))
            .transpose()
    }

    /// Returns the document of compositions with this name, or `None` if there is none. It is never
    /// cached.
    ///
    /// # Errors
    /// As for [`Self::policy`].
    pub async fn composition(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, RegistryError> {
        const KIND: &str = "document of compositions";
        if check_name(name).is_err() {
            return Ok(None);
        }
        let attributes = self
            .answered(KIND, ItemKey::of_composition(name), deadline)
            .await?;
        attributes
            .map(|attributes| document(KIND, &attributes).map(str::to_owned))
            .transpose()
    }

    /// Writes a plan, or replaces it, and logs its warnings.
    ///
    /// # Errors
    /// [`RegistryError::Plan`] if the plan is invalid, [`RegistryError::Request`].
    pub async fn put_plan(&self, name: &str, document: &PlanDocument) -> Result<(), RegistryError> {
        log_warnings(name, document);
        Plan::new(name, document.clone())?;
        self.put(plan_item(name, document)?, Guard::None).await
    }

    /// Writes a key, or replaces it.
    ///
    /// # Errors
    /// [`RegistryError::Key`] if the key is invalid, [`RegistryError::Request`].
    pub async fn put_key(&self, hash: &KeyHash, key: &ApiKey) -> Result<(), RegistryError> {
        key.check()?;
        self.put(key_item(hash, key)?, Guard::None).await
    }

    /// Writes a policy, or replaces it. Its document is not checked.
    ///
    /// # Errors
    /// [`RegistryError::Plan`] if the name is invalid, [`RegistryError::Request`].
    pub async fn put_policy(&self, name: &str, document: &str) -> Result<(), RegistryError> {
        check_name(name)?;
        self.put(
            Item::new(ItemKey::of_policy(name), document.to_owned()),
            Guard::None,
        )
        .await
    }

    /// Writes a document of compositions, or replaces it. It is not checked.
    ///
    /// # Errors
    /// As for [`Self::put_policy`].
    pub async fn put_composition(&self, name: &str, document: &str) -> Result<(), RegistryError> {
        check_name(name)?;
        let item = Item::new(ItemKey::of_composition(name), document.to_owned());
        self.put(item, Guard::None).await
    }

    /// Writes those plans and keys that do not exist yet, and logs the plans' warnings.
    ///
    /// # Errors
    /// [`RegistryError::Seeds`] for the first one that is invalid: then nothing is written.
    /// [`RegistryError::Request`].
    pub async fn seed(&self, seeds: &Seeds) -> Result<(), RegistryError> {
        seeds.log_warnings();
        seeds.plans()?;
        let keys = seeds.keys()?;
        for (name, document) in &seeds.plans {
            self.put(plan_item(name, document)?, Guard::Absent).await?;
        }
        for (hash, record) in &keys {
            let item = Item::of_record(hash, record)
                .map_err(|error| RegistryError::request("PutItem", error))?;
            self.put(item, Guard::Absent).await?;
        }
        Ok(())
    }

    async fn read<D: DeserializeOwned>(
        &self,
        kind: &'static str,
        item: ItemKey,
        deadline: Deadline,
    ) -> Result<Option<D>, RegistryError> {
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
    ) -> Result<Option<HashMap<String, AttributeValue>>, RegistryError> {
        let read = read_item(&self.client, &self.table, &self.breaker, &item, deadline).await;
        read.map_err(|outage| unavailable(kind, &outage))
    }

    /// Writes an item unless its condition is not met.
    async fn put(&self, item: Item, guard: Guard) -> Result<(), RegistryError> {
        self.table().put_item(item, guard).await.map(drop)
    }

    pub(crate) fn table(&self) -> RegistryTable<'_> {
        RegistryTable {
            client: &self.client,
            table: &self.table,
        }
    }
}

/// Reads an item by the deadline, unless the breaker is open.
pub(super) async fn read_item(
    client: &Client,
    table: &str,
    breaker: &Breaker,
    item: &ItemKey,
    deadline: Deadline,
) -> Result<Option<HashMap<String, AttributeValue>>, Outage> {
    let call = Call::begin("GetItem", table, breaker, deadline)?;
    let request = client
        .get_item()
        .table_name(table)
        .set_key(Some(key_attributes(item)))
        .send();
    let outcome = timeout_at(deadline.instant().into(), request).await.ok();
    Ok(call.settle(outcome, Attempt::First)?.item)
}

/// Logs that a document cannot be read.
pub(super) fn unavailable(kind: &'static str, outage: &Outage) -> RegistryError {
    tracing::warn!(
        reason = &*outage.reason,
        throttle = outage.throttle.as_deref(),
        service = "dynamodb",
        operation = outage.operation(),
        table = outage.table(),
        kind,
        error = %outage,
        "a {kind} could not be read"
    );
    RegistryError::Unavailable {
        kind,
        problem: outage.to_string(),
    }
}

fn plan_item(name: &str, document: &PlanDocument) -> Result<Item, RegistryError> {
    let text = serde_json::to_string(&document.stored(None))
        .map_err(|error| RegistryError::request("PutItem", error))?;
    Ok(Item::new(ItemKey::of_plan(name), text))
}

fn key_item(hash: &KeyHash, key: &ApiKey) -> Result<Item, RegistryError> {
    let text =
        serde_json::to_string(key).map_err(|error| RegistryError::request("PutItem", error))?;
    Ok(Item::of_key(hash, text, &key.key_id, &key.plan))
}

/// Parses a document. An invalid document is a failure, not an absence. The error does not name the
/// item, whose name contains the hash of a key.
fn parse<D: DeserializeOwned>(
    kind: &'static str,
    attributes: &HashMap<String, AttributeValue>,
) -> Result<D, RegistryError> {
    let text = document(kind, attributes)?;
    serde_json::from_str(text).map_err(|error| RegistryError::Item {
        kind,
        reason: error.to_string(),
    })
}

fn checked_key(key: ApiKey) -> Result<ApiKey, RegistryError> {
    key.check()?;
    Ok(key)
}

#[cfg(test)]
mod tests;
