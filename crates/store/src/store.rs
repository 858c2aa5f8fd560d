//! The store of plans, keys and usage.

use std::sync::Arc;
use std::time::Instant;

use aws::Deadline;
use jiff::civil::Date;

use crate::{
    Call, CallerDays, CallerGrants, DynamoDbConfig, DynamoDbStore, EmbeddedStore, GrantError,
    GrantRequest, ReportedCaller, RevokeRequest, RevokedGrant, StoreError,
};
use limits::{Caller, ChargeId, Days, Decision, Grant, Plan, Refund, UsageReport};
use registry::{Admin, ApiKey, Blocks, KeyHash, RegistryError};

/// Plans, keys and usage, in this process or in DynamoDB. Futures of the SDK are boxed, because
/// they are nested deeper than the compiler follows by default.
#[derive(Debug)]
pub enum Store {
    /// In this process.
    Embedded(EmbeddedStore),
    /// In DynamoDB.
    DynamoDb(Box<DynamoDbStore>),
}

impl Store {
    /// Returns the deadline of a decision that begins now, including its reads.
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

    /// Returns the blocks of callers. A warm decision reads nothing for them.
    ///
    /// # Errors
    /// [`RegistryError`] if they are unknown. The call must not pass then.
    pub async fn blocks(&self, deadline: Deadline) -> Result<Arc<Blocks>, RegistryError> {
        match self {
            Self::Embedded(store) => Ok(store.registry().blocks()),
            Self::DynamoDb(store) => Box::pin(store.blocks(deadline)).await,
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

    /// Returns the candidate of a policy as JSON, or `None` if there is none. It is never cached.
    ///
    /// # Errors
    /// As for [`Store::key`], or if the stored candidate is invalid.
    pub async fn policy_candidate(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, RegistryError> {
        match self {
            Self::Embedded(store) => store.registry().candidate(name),
            Self::DynamoDb(store) => Box::pin(store.registry().candidate(name, deadline)).await,
        }
    }

    /// Returns a document of compositions as JSON, or `None` if there is none. It is never cached.
    ///
    /// # Errors
    /// As for [`Store::key`].
    pub async fn composition(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, RegistryError> {
        match self {
            Self::Embedded(store) => Ok(store.registry().composition(name)),
            Self::DynamoDb(store) => Box::pin(store.registry().composition(name, deadline)).await,
        }
    }

    /// Decides on a call, and charges it as a whole or not at all.
    ///
    /// # Errors
    /// [`StoreError`] if no decision is possible.
    pub async fn charge(&self, call: &Call<'_>) -> Result<Decision, StoreError> {
        match self {
            Self::Embedded(store) => store.charge(call),
            Self::DynamoDb(store) => Box::pin(store.charge(call)).await,
        }
    }

    /// Decides on a caller's query for its own usage. It is charged to a bucket for such queries
    /// and never to a quota: see [`Demand::usage_query`](limits::Demand::usage_query).
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

    /// Returns the state of the limits and whether a call would pass now, without charging it.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`], [`StoreError::Clock`].
    pub async fn peek(&self, call: &Call<'_>) -> Result<Decision, StoreError> {
        match self {
            Self::Embedded(store) => store.peek(call),
            Self::DynamoDb(store) => Box::pin(store.peek(call)).await,
        }
    }

    /// Refunds a charge to its caller: to each quota whose window has not ended, and to the count
    /// of its day. Tokens of a bucket are not refunded, because the calls that the rate admitted
    /// cannot be undone. A charge is refunded once, so that a request may be repeated.
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

    /// Changes the remaining calls of a quota in its present window: upwards if `amount` is above
    /// 0, downwards if it is below 0. The remaining calls never fall below 0, and the quota never
    /// exceeds 999,999,999,999,999 calls. The next window is not affected. A grant that repeats an
    /// `id` within a day changes nothing and returns the earlier outcome. The grant and its audit
    /// record are one transaction.
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn grant(&self, request: &GrantRequest<'_>) -> Result<Grant, GrantError> {
        match self {
            Self::Embedded(store) => store.grant(request),
            Self::DynamoDb(store) => Box::pin(store.grant(request)).await,
        }
    }

    /// Returns the grants of a caller in the present windows of the plan's quotas, the newest first.
    /// Each window lists its newest 50 grants. If callers share the plan, their grants are the same.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`], [`StoreError::Clock`].
    pub async fn grants(
        &self,
        caller: &Caller,
        plan: &Plan,
        deadline: Deadline,
    ) -> Result<CallerGrants, StoreError> {
        match self {
            Self::Embedded(store) => store.grants(caller, plan),
            Self::DynamoDb(store) => Box::pin(store.grants(caller, plan, deadline)).await,
        }
    }

    /// Revokes a grant of a present window: takes back the calls of it that are left. The remaining
    /// calls never fall below 0. A grant that was revoked before stays as it is. The change and its
    /// audit record are one transaction.
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn revoke(&self, request: &RevokeRequest<'_>) -> Result<RevokedGrant, GrantError> {
        match self {
            Self::Embedded(store) => store.revoke(request),
            Self::DynamoDb(store) => Box::pin(store.revoke(request)).await,
        }
    }

    /// Returns the units of a caller per day (UTC) from `from` to `to`, at most 366 days, under
    /// whichever plan, and the present window of each quota of `plan`. If the caller is in a group, or
    /// if callers share the plan, the days are those of the caller, and the quotas are those of the
    /// group or the plan.
    ///
    /// # Errors
    /// [`StoreError::Range`], [`StoreError::NoAnswer`], [`StoreError::Clock`].
    pub async fn usage(
        &self,
        caller: &Caller,
        group: Option<&Caller>,
        plan: Option<&Plan>,
        from: Date,
        to: Date,
        deadline: Deadline,
    ) -> Result<UsageReport, StoreError> {
        match self {
            Self::Embedded(store) => store.usage(caller, group, plan, from, to),
            Self::DynamoDb(store) => {
                Box::pin(store.usage(caller, group, plan, from, to, deadline)).await
            }
        }
    }

    /// Returns the usage of many callers per day, in their order. The time zone of the plan that was
    /// charged determines the day. From DynamoDB, it reads one item per caller and one per month of
    /// `days`, 100 with one request.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn caller_days(
        &self,
        callers: &[Caller],
        days: Days,
        deadline: Deadline,
    ) -> Result<Vec<CallerDays>, StoreError> {
        match self {
            Self::Embedded(store) => Ok(store.caller_days(callers, days)),
            Self::DynamoDb(store) => Box::pin(store.caller_days(callers, days, deadline)).await,
        }
    }

    /// Returns the charged calls of many callers in the month that begins on `month`, in their order.
    /// From DynamoDB, it reads one item per caller for the present and the previous month, and two
    /// for earlier months. A caller that joined or left a group or a shared plan within the month has
    /// the calls since.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn month_calls(
        &self,
        callers: &[ReportedCaller],
        month: Date,
        deadline: Deadline,
    ) -> Result<Vec<u64>, StoreError> {
        match self {
            Self::Embedded(store) => Ok(store.month_calls(callers, month)),
            Self::DynamoDb(store) => Box::pin(store.month_calls(callers, month, deadline)).await,
        }
    }

    /// Returns the last day of each caller with a charged call, in their order. `None` if there is
    /// none since `since`. From DynamoDB, it reads one item per caller, and for callers with figures
    /// one per month since then.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn last_used(
        &self,
        callers: &[ReportedCaller],
        since: Date,
        deadline: Deadline,
    ) -> Result<Vec<Option<Date>>, StoreError> {
        match self {
            Self::Embedded(store) => Ok(store.last_used(callers, since)),
            Self::DynamoDb(store) => Box::pin(store.last_used(callers, since, deadline)).await,
        }
    }

    /// Returns true if there is usage of a caller, even if it affects no limit any more. From DynamoDB,
    /// it reads one item.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn has_usage(&self, caller: &Caller, deadline: Deadline) -> Result<bool, StoreError> {
        match self {
            Self::Embedded(store) => Ok(store.has_usage(caller)),
            Self::DynamoDb(store) => Box::pin(store.has_usage(caller, deadline)).await,
        }
    }

    /// Lets the usage of a deleted key expire 400 days from now. Without it, the usage of a key with
    /// a `total` quota would never expire. A caller without usage gets none.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`]. The request may be repeated.
    pub async fn retire(&self, caller: &Caller, deadline: Deadline) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => {
                store.retire(caller);
                Ok(())
            }
            Self::DynamoDb(store) => Box::pin(store.retire(caller, deadline)).await,
        }
    }

    /// Writes reporting figures that this instance has not written yet. Call it at shutdown.
    pub async fn flush(&self, deadline: Deadline) {
        match self {
            Self::Embedded(_) => {}
            Self::DynamoDb(store) => Box::pin(store.flush(deadline)).await,
        }
    }
}
