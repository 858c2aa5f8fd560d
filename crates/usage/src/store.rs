//! The store that decisions are made in, whichever it is.

use std::sync::Arc;
use std::time::Instant;

use calls::Deadline;

use crate::{
    ApiKey, Caller, Decision, DynamoDbConfig, DynamoDbStore, EmbeddedStore, KeyHash, Nanos, Plan, RouteLimit,
    StoreError,
};

/// Plans, keys and usage: inside this process, or shared by all. The SDK's futures are boxed, because they are
/// nested deeper than the compiler follows by default.
#[derive(Debug)]
pub enum Store {
    /// Inside this process.
    Embedded(EmbeddedStore),
    /// In DynamoDB.
    DynamoDb(Box<DynamoDbStore>),
}

impl Store {
    /// By when a decision that begins now has to be made, its reads included.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        let budget = match self {
            Self::Embedded(_) => DynamoDbConfig::DEADLINE,
            Self::DynamoDb(store) => store.deadline(),
        };
        Deadline::after(Instant::now(), budget)
    }

    /// What is known of a key; `None` where there is no such key. Whether it may be used is
    /// [`ApiKey::standing`]'s to say, each time.
    ///
    /// # Errors
    /// [`StoreError`] where nobody knows; the call must not pass then.
    pub async fn key(&self, hash: &KeyHash, deadline: Deadline) -> Result<Option<Arc<ApiKey>>, StoreError> {
        match self {
            Self::Embedded(store) => Ok(store.key(hash)),
            Self::DynamoDb(store) => Box::pin(store.key(hash, deadline)).await,
        }
    }

    /// A plan; `None` where there is no such plan.
    ///
    /// # Errors
    /// As for [`Store::key`].
    pub async fn plan(&self, name: &str, deadline: Deadline) -> Result<Option<Arc<Plan>>, StoreError> {
        match self {
            Self::Embedded(store) => Ok(store.plan(name)),
            Self::DynamoDb(store) => Box::pin(store.plan(name, deadline)).await,
        }
    }

    /// A policy's document as JSON text, read each time; `None` where there is no such policy.
    ///
    /// # Errors
    /// As for [`Store::key`].
    pub async fn policy(&self, name: &str, deadline: Deadline) -> Result<Option<String>, StoreError> {
        match self {
            Self::Embedded(store) => Ok(store.policy(name)),
            Self::DynamoDb(store) => Box::pin(store.policy(name, deadline)).await,
        }
    }

    /// Decides on one call and charges it whole, or not at all.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be decided.
    pub async fn charge(
        &self,
        caller: &Caller,
        plan: &Plan,
        route: Option<&RouteLimit>,
        cost: u64,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Decision, StoreError> {
        match self {
            Self::Embedded(store) => store.charge(caller, plan, route, cost, now),
            Self::DynamoDb(store) => Box::pin(store.charge(caller, plan, route, cost, now, deadline)).await,
        }
    }
}
