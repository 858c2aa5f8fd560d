//! Stores at an instant that a test chooses.

use std::future::Future;
use std::time::SystemTime;

use aws::Deadline;
use jiff::civil::Date;
use limits::{Caller, ChargeId, Decision, Grant, Nanos, Plan, Refund, RouteLimit, UsageReport};
use store::{
    Call, Clock, DynamoDbStore, EmbeddedStore, GrantError, GrantRequest, Store, StoreError,
};

/// Returns the current time.
///
/// # Panics
/// Never: the clock is after 1970.
#[must_use]
pub fn now() -> Nanos {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    Nanos::try_from(since.as_nanos()).expect("within range")
}

tokio::task_local! {
    static INSTANT: Nanos;
}

/// Returns a clock that shows the instant of [`at`], and outside of it the current time.
#[must_use]
pub fn clock() -> Clock {
    Clock::new(|| {
        INSTANT
            .try_with(|instant| *instant)
            .unwrap_or_else(|_| now())
    })
}

/// Runs a future while [`clock`] shows `instant`. Other tasks are not affected.
pub async fn at<T>(instant: Nanos, future: impl Future<Output = T>) -> T {
    INSTANT.scope(instant, future).await
}

/// The operations of a store with [`clock`], each at an instant.
#[expect(
    async_fn_in_trait,
    missing_docs,
    clippy::too_many_arguments,
    reason = "the names and arguments are those of the store"
)]
pub trait StoreAt {
    /// The decision on a usage query.
    type QueryDecision;

    async fn charge_at(
        &self,
        caller: &Caller,
        plan: &Plan,
        route: Option<&RouteLimit>,
        cost: u64,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Decision, StoreError>;
    async fn peek_at(
        &self,
        caller: &Caller,
        plan: &Plan,
        route: Option<&RouteLimit>,
        cost: u64,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Decision, StoreError>;
    async fn charge_usage_query_at(
        &self,
        caller: &Caller,
        plan: &Plan,
        now: Nanos,
        deadline: Deadline,
    ) -> Self::QueryDecision;
    async fn refund_at(
        &self,
        caller: &Caller,
        charge: &ChargeId,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Refund, StoreError>;
    async fn grant_at(
        &self,
        caller: &Caller,
        plan: &Plan,
        quota: &str,
        amount: i64,
        id: Option<&str>,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Grant, GrantError>;
    async fn usage_at(
        &self,
        caller: &Caller,
        plan: Option<&Plan>,
        from: Date,
        to: Date,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<UsageReport, StoreError>;
    async fn flush_at(&self, now: Nanos, deadline: Deadline);
}

macro_rules! store_at {
    ($store:ty, $query:ty) => {
        impl StoreAt for $store {
            type QueryDecision = $query;

            async fn charge_at(
                &self,
                caller: &Caller,
                plan: &Plan,
                route: Option<&RouteLimit>,
                cost: u64,
                now: Nanos,
                deadline: Deadline,
            ) -> Result<Decision, StoreError> {
                let call = Call {
                    caller,
                    group: None,
                    plan,
                    route,
                    cost,
                    deadline,
                };
                at(now, self.charge(&call)).await
            }

            async fn peek_at(
                &self,
                caller: &Caller,
                plan: &Plan,
                route: Option<&RouteLimit>,
                cost: u64,
                now: Nanos,
                deadline: Deadline,
            ) -> Result<Decision, StoreError> {
                let call = Call {
                    caller,
                    group: None,
                    plan,
                    route,
                    cost,
                    deadline,
                };
                at(now, self.peek(&call)).await
            }

            async fn charge_usage_query_at(
                &self,
                caller: &Caller,
                plan: &Plan,
                now: Nanos,
                deadline: Deadline,
            ) -> $query {
                at(now, self.charge_usage_query(caller, plan, deadline)).await
            }

            async fn refund_at(
                &self,
                caller: &Caller,
                charge: &ChargeId,
                now: Nanos,
                deadline: Deadline,
            ) -> Result<Refund, StoreError> {
                at(now, self.refund(caller, charge, deadline)).await
            }

            async fn grant_at(
                &self,
                caller: &Caller,
                plan: &Plan,
                quota: &str,
                amount: i64,
                id: Option<&str>,
                now: Nanos,
                deadline: Deadline,
            ) -> Result<Grant, GrantError> {
                let request = GrantRequest {
                    caller,
                    plan,
                    quota,
                    amount,
                    id,
                    trail: None,
                    deadline,
                };
                at(now, self.grant(&request)).await
            }

            async fn usage_at(
                &self,
                caller: &Caller,
                plan: Option<&Plan>,
                from: Date,
                to: Date,
                now: Nanos,
                deadline: Deadline,
            ) -> Result<UsageReport, StoreError> {
                at(now, self.usage(caller, None, plan, from, to, deadline)).await
            }

            async fn flush_at(&self, now: Nanos, deadline: Deadline) {
                at(now, self.flush(deadline)).await;
            }
        }
    };
}

store_at!(Store, Result<Decision, StoreError>);
store_at!(DynamoDbStore, Decision);

/// Charges an embedded store at an instant.
///
/// # Errors
/// Those of [`EmbeddedStore::charge`].
pub fn charge_embedded_at(
    store: &EmbeddedStore,
    call: &Call<'_>,
    now: Nanos,
) -> Result<Decision, StoreError> {
    INSTANT.sync_scope(now, || store.charge(call))
}
