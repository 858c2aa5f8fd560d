//! The store inside one process: exact for that process, gone with it.

use jiff::civil::Date;

use crate::ledger::Ledger;
use crate::{GrantError, StoreError};
use limits::Days;
use limits::GrantOrder;
use limits::{
    Caller, ChargeId, Decision, Demand, Grant, Nanos, Plan, Refund, RouteLimit, UsageReport,
};
use registry::{EmbeddedRegistry, Seeds, SeedsError};

/// With the ledger's 16 shards a million callers of a few hundred bytes each: some 300 MB at the
/// very most.
const CALLERS_A_SHARD: usize = 65_536;

/// Plans, keys and usage in memory.
#[derive(Debug)]
pub struct EmbeddedStore {
    registry: EmbeddedRegistry,
    ledger: Ledger,
}

impl EmbeddedStore {
    /// Returns a store with these plans and keys and no usage, and logs the plans' warnings.
    ///
    /// # Errors
    /// [`SeedsError`] for the first plan or key that is invalid.
    pub fn new(seeds: &Seeds) -> Result<Self, SeedsError> {
        Ok(Self {
            registry: EmbeddedRegistry::new(seeds)?,
            ledger: Ledger::new(CALLERS_A_SHARD),
        })
    }

    /// Returns the registry that keys, plans and policies are read from.
    #[must_use]
    pub fn registry(&self) -> &EmbeddedRegistry {
        &self.registry
    }

    /// Decides on one call and charges it whole, or not at all.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be decided; then nothing has been charged.
    pub fn charge(
        &self,
        caller: &Caller,
        plan: &Plan,
        route: Option<&RouteLimit>,
        cost: u64,
        now: Nanos,
    ) -> Result<Decision, StoreError> {
        let charged = plan.charged(caller);
        let decision = self
            .ledger
            .charge(charged, now, |now| Demand::new(plan, route, cost, now))?;

        if charged != caller && caller.has_reports() && decision.is_charged() {
            self.ledger.report(caller, now, cost);
        }
        Ok(decision.in_shadow(plan.shadow))
    }

    /// Decides on a caller's question about its own usage: see [`Demand::usage_query`].
    ///
    /// # Errors
    /// As for [`EmbeddedStore::charge`].
    pub fn charge_usage_query(
        &self,
        caller: &Caller,
        plan: &Plan,
        now: Nanos,
    ) -> Result<Decision, StoreError> {
        self.ledger.charge(plan.charged(caller), now, |now| {
            Some(Demand::usage_query(plan, now))
        })
    }

    /// How the limits stand, and whether a call would pass. Charges nothing.
    ///
    /// # Errors
    /// [`StoreError::Clock`].
    pub fn peek(
        &self,
        caller: &Caller,
        plan: &Plan,
        route: Option<&RouteLimit>,
        cost: u64,
        now: Nanos,
    ) -> Result<Decision, StoreError> {
        let decision = self.ledger.peek(plan.charged(caller), now, |now| {
            Demand::new(plan, route, cost, now)
        })?;
        Ok(decision.in_shadow(plan.shadow))
    }

    /// Gives a charge back: to the quotas' windows that are not over and to its day, once.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn refund(
        &self,
        caller: &Caller,
        charge: &ChargeId,
        now: Nanos,
    ) -> Result<Refund, StoreError> {
        let charged = charge.charged(caller);
        let refund = self.ledger.refund(&charged, charge, now)?;

        if refund == Refund::Returned && charged != *caller {
            self.ledger.unreport(caller, charge.at(), charge.cost());
        }
        Ok(refund)
    }

    /// Moves what remains of a quota's present window: see [`Store::grant`](crate::Store::grant).
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn grant(
        &self,
        caller: &Caller,
        plan: &Plan,
        quota: &str,
        amount: i64,
        id: Option<&str>,
        now: Nanos,
    ) -> Result<Grant, GrantError> {
        self.ledger.grant(plan.charged(caller), now, |now| {
            Ok(GrantOrder::new(plan, quota, amount, id, now)?.ok_or(StoreError::Clock)?)
        })
    }

    /// What a caller has used, for as long as any of it matters: then it is forgotten.
    ///
    /// # Errors
    /// [`StoreError::Range`], [`StoreError::Clock`].
    pub fn usage(
        &self,
        caller: &Caller,
        plan: Option<&Plan>,
        from: Date,
        to: Date,
        now: Nanos,
    ) -> Result<UsageReport, StoreError> {
        self.ledger.usage(
            caller,
            plan,
            Days::new(from, to).ok_or(StoreError::Range)?,
            now,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use limits::{SECOND, Verdict};
    use std::sync::atomic::{AtomicU64, Ordering};

    const NOON: Nanos = 1_795_348_800 * SECOND;

    fn store(plan: &str) -> (EmbeddedStore, Arc<Plan>) {
        let seeds = format!(r#"{{"plans":{{"p":{plan}}}}}"#);
        let store = EmbeddedStore::new(&serde_json::from_str(&seeds).unwrap()).unwrap();
        let plan = store.registry().plan("p").unwrap();
        (store, plan)
    }

    fn caller(id: &str) -> Caller {
        Caller::Key(id.to_owned())
    }

    fn admitted(store: &EmbeddedStore, plan: &Plan, calls: u64, now: Nanos) -> u64 {
        (0..calls)
            .filter(|_| {
                store
                    .charge(&caller("k"), plan, None, 1, now)
                    .unwrap()
                    .verdict
                    == Verdict::Allowed
            })
            .count() as u64
    }

    #[test]
    fn sixteen_threads_admit_exactly_the_burst() {
        for _ in 0..20 {
            let (store, plan) = store(
                r#"{"throttle":{"rate":0.001,"burst":100},"quotas":[{"limit":1000,"period":"day"}]}"#,
            );
            let total = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| {
                        total.fetch_add(admitted(&store, &plan, 100, NOON), Ordering::Relaxed)
                    });
                }
            });
            assert_eq!(total.into_inner(), 100);
        }
    }

    #[test]
    fn callers_do_not_share_their_limits() {
        let (store, plan) = store(r#"{"throttle":{"rate":1,"burst":1}}"#);
        for id in ["a", "b"] {
            assert_eq!(
                store
                    .charge(&caller(id), &plan, None, 1, NOON)
                    .unwrap()
                    .verdict,
                Verdict::Allowed
            );
        }
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_back() {
        let (store, plan) = store(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
        let (today, yesterday) = (NOON, NOON - 86_400 * SECOND);
        assert_eq!(admitted(&store, &plan, 1, yesterday), 1);
        assert_eq!(admitted(&store, &plan, 9, today), 2);
        assert_eq!(admitted(&store, &plan, 9, yesterday), 0);
    }

    #[test]
    fn a_clock_outside_the_calendar_is_an_error_and_not_a_pass() {
        let (store, plan) = store(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
        let outcome = store.charge(&caller("k"), &plan, None, 1, Nanos::MAX / 2);
        assert!(matches!(outcome, Err(StoreError::Clock)));
    }
}
