//! The store that decisions are made in, whichever it is.

use std::sync::Arc;
use std::time::Instant;

use aws::Deadline;
use jiff::civil::Date;

use crate::{Call, DynamoDbConfig, DynamoDbStore, EmbeddedStore, GrantError, StoreError};
use limits::{Caller, ChargeId, Decision, Grant, Plan, Refund, UsageReport};
use registry::{Admin, ApiKey, KeyHash, RegistryError};

/// Plans, keys and usage: inside this process, or shared by all. The SDK's futures are boxed,
/// because they are nested deeper than the compiler follows by default.
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

    /// Returns the administration of the registry. Its requests have the timeouts of the store's
    /// AWS clients.
    #[must_use]
    pub fn admin(&self) -> Admin<'_> {
        match self {
            Self::Embedded(store) => Admin::embedded(store.registry()),
            Self::DynamoDb(store) => Admin::dynamodb(store.registry()),
        }
    }

    /// Returns the API key with this hash, or `None` if there is none. [`ApiKey::standing`] says
    /// whether it may be used now.
    ///
    /// # Errors
    /// [`RegistryError`] if it is unknown whether there is such a key. The call must not pass then.
    pub async fn key(
        &self,
        hash: &KeyHash,
        deadline: Deadline,
    ) -> Result<Option<Arc<ApiKey>>, RegistryError> {
        match self {
            Self::Embedded(store) => Ok(store.registry().key(hash)),
            Self::DynamoDb(store) => Box::pin(store.key(hash, deadline)).await,
        }
    }

    /// Returns the plan with this name, or `None` if there is none.
    ///
    /// # Errors
    /// As for [`Store::key`].
    pub async fn plan(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<Arc<Plan>>, RegistryError> {
        match self {
            Self::Embedded(store) => Ok(store.registry().plan(name)),
            Self::DynamoDb(store) => Box::pin(store.plan(name, deadline)).await,
        }
    }

    /// Returns a policy's document as JSON, or `None` if there is none. It is never cached.
    ///
    /// # Errors
    /// As for [`Store::key`].
    pub async fn policy(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, RegistryError> {
        match self {
            Self::Embedded(store) => Ok(store.registry().policy(name)),
            Self::DynamoDb(store) => Box::pin(store.registry().policy(name, deadline)).await,
        }
    }

    /// Decides on one call and charges it whole, or not at all.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be decided.
    pub async fn charge(&self, call: &Call<'_>) -> Result<Decision, StoreError> {
        match self {
            Self::Embedded(store) => store.charge(call),
            Self::DynamoDb(store) => Box::pin(store.charge(call)).await,
        }
    }

    /// Decides on a caller's question about its own usage, which is charged to a bucket for such
    /// questions and never to a quota: see [`Demand::usage_query`](limits::Demand::usage_query).
    ///
    /// # Errors
    /// As for [`Store::charge`].
    pub async fn charge_usage_query(
        &self,
        caller: &Caller,
        plan: &Plan,
        deadline: Deadline,
    ) -> Result<Decision, StoreError> {
        match self {
            Self::Embedded(store) => store.charge_usage_query(caller, plan),
            Self::DynamoDb(store) => {
                Ok(Box::pin(store.charge_usage_query(caller, plan, deadline)).await)
            }
        }
    }

    /// How the limits stand, and whether a call would pass now. Charges nothing.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`], [`StoreError::Clock`].
    pub async fn peek(&self, call: &Call<'_>) -> Result<Decision, StoreError> {
        match self {
            Self::Embedded(store) => store.peek(call),
            Self::DynamoDb(store) => Box::pin(store.peek(call)).await,
        }
    }

    /// Gives a charge back to the caller that it was taken from: to each of its quotas' windows
    /// that is not over, and to its day's counter; never to a bucket, because what a rate has let
    /// through cannot be undone. The same charge is given back once, so that a request that failed
    /// may be repeated.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`], [`StoreError::Busy`], [`StoreError::Full`].
    pub async fn refund(
        &self,
        caller: &Caller,
        charge: &ChargeId,
        deadline: Deadline,
    ) -> Result<Refund, StoreError> {
        match self {
            Self::Embedded(store) => store.refund(caller, charge),
            Self::DynamoDb(store) => Box::pin(store.refund(caller, charge, deadline)).await,
        }
    }

    /// Moves what remains of the present window of the quota called `quota`: up by an `amount`
    /// above 0, down by one below, but never below 0 calls left, and never to a quota above
    /// 999,999,999,999,999 calls. The next window knows nothing of it. A grant that repeats an `id`
    /// within a day changes nothing and is told as it was.
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn grant(
        &self,
        caller: &Caller,
        plan: &Plan,
        quota: &str,
        amount: i64,
        id: Option<&str>,
        deadline: Deadline,
    ) -> Result<Grant, GrantError> {
        match self {
            Self::Embedded(store) => store.grant(caller, plan, quota, amount, id),
            Self::DynamoDb(store) => {
                Box::pin(store.grant(caller, plan, quota, amount, id, deadline)).await
            }
        }
    }

    /// The units of a caller on each day (UTC) from `from` to `to`, 366 at most, whatever its plan
    /// was then, and how each quota of `plan` stands in its present window. If its callers share
    /// the plan, the days are still the caller's own, and the quotas are those of all of them.
    ///
    /// # Errors
    /// [`StoreError::Range`], [`StoreError::NoAnswer`], [`StoreError::Clock`].
    pub async fn usage(
        &self,
        caller: &Caller,
        plan: Option<&Plan>,
        from: Date,
        to: Date,
        deadline: Deadline,
    ) -> Result<UsageReport, StoreError> {
        match self {
            Self::Embedded(store) => store.usage(caller, plan, from, to),
            Self::DynamoDb(store) => Box::pin(store.usage(caller, plan, from, to, deadline)).await,
        }
    }

    /// Writes what this instance collected for reports and has not written yet. To be called at
    /// shutdown.
    pub async fn flush(&self, deadline: Deadline) {
        match self {
            Self::Embedded(_) => {}
            Self::DynamoDb(store) => Box::pin(store.flush(deadline)).await,
        }
    }
}
