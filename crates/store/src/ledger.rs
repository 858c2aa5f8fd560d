//! The usage of many callers in memory, exact for one process and bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use crate::caller_grants::{QuotaGrants, RevokeStep, present_windows};
use crate::day_counts::DayCounts;
use crate::grant_lists::GrantLists;
use crate::made_grants::MadeGrants;
use crate::{CallerGrants, GrantError, RevokeRequest, RevokedGrant, StoreError};
use jiff::civil::Date;
use limits::{
    Caller, ChargeId, Decision, Demand, Grant, Nanos, Plan, Refund, SECOND, Usage, UsageReport,
};
use limits::{DayUsage, Days, QuotaThreshold};
use limits::{GrantId, GrantList, GrantOrder, GrantRefusal, ListedGrant, Revocation};
use registry::RegistryError;

const SHARDS: usize = 16;

/// Usage by caller.
#[derive(Debug)]
pub(crate) struct Ledger {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    callers_a_shard: usize,
    /// Locked after a shard, never before one.
    grants: Box<Mutex<MadeGrants>>,
}

#[derive(Debug, Default)]
struct Shard {
    callers: HashTable<Account>,
    /// Refunded charges, with the end of their last window.
    refunded: HashMap<u64, Nanos>,
    /// The instant of the last search for callers whose usage affects no limit any more.
    swept: Nanos,
}

#[derive(Debug)]
struct Account {
    caller: Caller,
    /// The hash of the caller, which costs more than the rest of a lookup.
    hash: u64,
    usage: Usage,
    days: DayCounts,
    /// `None` for a caller without grants.
    grants: Option<Box<GrantLists>>,
    /// True for a deleted key. A full shard forgets it, even if its usage never ends.
    is_retired: bool,
    /// The latest `now`. A clock that steps back must not reopen a window.
    latest: Nanos,
}

impl Ledger {
    /// Returns an empty ledger for at most 16 times `callers_a_shard` callers.
    pub(crate) fn new(callers_a_shard: usize) -> Self {
        let shards = std::iter::repeat_with(Mutex::default)
            .take(SHARDS)
            .collect();
        Self {
            shards,
            hasher: RandomState::new(),
            callers_a_shard,
            grants: Box::default(),
        }
    }

    /// Decides on the demand at the given instant, and charges it as a whole or not at all. A refusal
    /// is counted for reports if `counts_refusals`.
    ///
    /// # Errors
    /// [`StoreError`] if no decision is possible. Nothing was charged.
    #[inline]
    pub(crate) fn charge<'p>(
        &self,
        caller: &Caller,
        now: Nanos,
        counts_refusals: bool,
        demand: impl FnOnce(Nanos) -> Option<Demand<'p>>,
    ) -> Result<Decision, StoreError> {
        let (hash, mut shard) = self.shard(caller);
        let account = shard.account(caller, hash, now, self.callers_a_shard)?;
        let now = now.max(account.latest);
        let demand = demand(now).ok_or(StoreError::Clock)?;
        account.latest = now;
        Ok(account.charge(&demand, counts_refusals))
    }

    /// Decides on a call without charging it.
    ///
    /// # Errors
    /// [`StoreError::Clock`].
    pub(crate) fn peek<'p>(
        &self,
        caller: &Caller,
        now: Nanos,
        demand: impl FnOnce(Nanos) -> Option<Demand<'p>>,
    ) -> Result<Decision, StoreError> {
        let (hash, shard) = self.shard(caller);
        let account = shard.find(caller, hash);
        let demand = demand(account.map_or(now, |account| now.max(account.latest)))
            .ok_or(StoreError::Clock)?;
        Ok(account.map_or_else(
            || demand.peek(&Usage::default()),
            |account| demand.peek(&account.usage),
        ))
    }

    /// Refunds a charge.
    ///
    /// # Errors
    /// [`StoreError::Full`] if no more refunds can be recorded.
    pub(crate) fn refund(
        &self,
        caller: &Caller,
        charge: &ChargeId,
        now: Nanos,
    ) -> Result<Refund, StoreError> {
        let (hash, mut shard) = self.shard(caller);
        shard.refund(caller, hash, charge, now, self.callers_a_shard)
    }

    /// Makes the grant of `order` at the given instant. `record` records the granted amount. If it
    /// fails, the grant is not made.
    ///
    /// # Errors
    /// Those of `order` and `record`, and [`StoreError::Full`].
    pub(crate) fn grant<'p>(
        &self,
        caller: &Caller,
        now: Nanos,
        order: impl FnOnce(Nanos) -> Result<GrantOrder<'p>, GrantError>,
        record: impl FnOnce(&str, i64, GrantId) -> Result<(), RegistryError>,
    ) -> Result<Grant, GrantError> {
        let (hash, mut shard) = self.shard(caller);
        let account = shard.account(caller, hash, now, self.callers_a_shard)?;
        account.latest = now.max(account.latest);
        let (now, order) = (account.latest, order(account.latest)?);
        let Some(number) = order.id else {
            return account.grant(&order, now, record);
        };
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        grants.once(number, order.request(caller), now, || {
            account.grant(&order, now, record)
        })
    }

    /// Returns the grants of a caller in the present windows of a plan.
    ///
    /// # Errors
    /// [`StoreError::Clock`].
    pub(crate) fn grants(
        &self,
        caller: &Caller,
        plan: &Plan,
        now: Nanos,
    ) -> Result<CallerGrants, StoreError> {
        let (hash, shard) = self.shard(caller);
        let account = shard.find(caller, hash);
        let now = account.map_or(now, |account| now.max(account.latest));
        Ok(CallerGrants::new(&listed(account, plan, now)?))
    }

    /// Revokes a grant. `record` records the calls that are taken back. If it fails, the grant is
    /// not revoked.
    ///
    /// # Errors
    /// Those of the request and of `record`, and [`StoreError::Clock`].
    pub(crate) fn revoke(
        &self,
        caller: &Caller,
        request: &RevokeRequest<'_>,
        now: Nanos,
        record: impl FnOnce(&str, i64, GrantId) -> Result<(), RegistryError>,
    ) -> Result<RevokedGrant, GrantError> {
        let (hash, mut shard) = self.shard(caller);
        let account = shard.find_mut(caller, hash);
        let account = account.ok_or(GrantRefusal::UnknownGrant)?;
        let now = now.max(account.latest);
        let windows = listed(Some(account), request.plan, now)?;
        let order = match request.step(&windows)? {
            RevokeStep::Cut(order) => order,
            RevokeStep::Done(revoked) => return Ok(revoked),
        };

        let cut = order.possible(&account.usage)?;
        record(&order.quota.name, cut, request.id).map_err(StoreError::from)?;
        account.revoke(&order, cut, request.id, now);
        Ok(RevokedGrant::new(&order, cut.unsigned_abs()))
    }

    /// Returns the usage of a caller.
    ///
    /// # Errors
    /// [`StoreError::Clock`].
    pub(crate) fn usage(
        &self,
        caller: &Caller,
        group: Option<&Caller>,
        plan: Option<&Plan>,
        days: Days,
        now: Nanos,
    ) -> Result<UsageReport, StoreError> {
        let charged = plan.map_or(caller, |plan| plan.charged(group.unwrap_or(caller)));
        // One shard at a time, because both callers may be in the same one.
        let usage = {
            let (hash, shard) = self.shard(charged);
            shard
                .find(charged, hash)
                .map(|account| account.usage.clone())
                .unwrap_or_default()
        };

        let (hash, shard) = self.shard(caller);
        let account = shard.find(caller, hash);
        let usage_of =
            |day| account.map_or_else(|| DayUsage::none(day), |account| account.days.get(day));
        UsageReport::new(days, usage_of, account.is_some(), plan, &usage, now)
            .ok_or(StoreError::Clock)
    }

    /// Changes the days of a caller whose plan or group was charged. A full ledger ignores it.
    pub(crate) fn report(&self, caller: &Caller, now: Nanos, count: impl FnOnce(&mut DayCounts)) {
        let (hash, mut shard) = self.shard(caller);
        if let Ok(account) = shard.account(caller, hash, now, self.callers_a_shard) {
            count(&mut account.days);
        }
    }

    /// Reads the days of a caller. `None` if nothing of it is known.
    pub(crate) fn days_of<T>(
        &self,
        caller: &Caller,
        read: impl FnOnce(&DayCounts) -> T,
    ) -> Option<T> {
        let (hash, shard) = self.shard(caller);
        shard.find(caller, hash).map(|account| read(&account.days))
    }

    /// Lets a sweep forget a caller.
    pub(crate) fn retire(&self, caller: &Caller) {
        let (hash, mut shard) = self.shard(caller);
        if let Some(account) = shard.find_mut(caller, hash) {
            account.is_retired = true;
        }
    }

    /// Subtracts a call that was counted in reports.
    pub(crate) fn unreport(&self, caller: &Caller, day: Date, units: u64) {
        let (hash, mut shard) = self.shard(caller);
        if let Some(account) = shard.find_mut(caller, hash) {
            account.days.take(day, units);
        }
    }

    /// Returns the hash of a caller and its shard. The shard's table does not use the same bits.
    fn shard(&self, caller: &Caller) -> (u64, MutexGuard<'_, Shard>) {
        let hash = self.hasher.hash_one(caller);
        let shard = &self.shards[(hash >> 40) as usize % SHARDS];
        (hash, shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the grants in the present windows of a plan.
fn listed<'p>(
    account: Option<&Account>,
    plan: &'p Plan,
    now: Nanos,
) -> Result<Vec<QuotaGrants<'p>>, StoreError> {
    let grants = account.and_then(|account| account.grants.as_deref());
    let windows = present_windows(plan, now).ok_or(StoreError::Clock)?;
    let listed = windows.into_iter().map(|(quota, window)| QuotaGrants {
        quota,
        window,
        list: grants.map_or_else(GrantList::default, |grants| grants.of(window.id)),
    });
    Ok(listed.collect())
}

impl Account {
    #[inline]
    fn charge(&mut self, demand: &Demand<'_>, counts_refusals: bool) -> Decision {
        let mut decision = demand.charge(&mut self.usage);
        let has_figure = decision.is_charged() && demand.is_call();
        let is_refused = counts_refusals && decision.is_refusal();

        if let Some(today) = demand.report_day().filter(|_| has_figure || is_refused) {
            match is_refused {
                true => self.days.refuse(today),
                false => self.days.add(today, demand.cost(), demand.calls()),
            }
        }
        if decision.is_charged() {
            // In place, because a decision is several hundred bytes.
            decision.thresholds = self.mark_thresholds(demand);
            decision.charge = ChargeId::new(demand, &self.caller, self.hash);
        }
        decision
    }

    /// Returns the thresholds that the usage has reached, and marks them as logged.
    fn mark_thresholds(&mut self, demand: &Demand<'_>) -> Vec<QuotaThreshold> {
        let mut reached = Vec::new();
        for (quota, window) in demand.windows() {
            if quota.warn_at.is_empty() {
                continue;
            }

            let before = reached.len();
            let marked = self.usage.marked(window.id);
            reached.extend(quota.reached(window, &self.usage, marked));
            if reached.len() > before {
                self.usage.mark(window, self.usage.used(window.id));
            }
        }
        reached
    }

    fn grant(
        &mut self,
        order: &GrantOrder<'_>,
        now: Nanos,
        record: impl FnOnce(&str, i64, GrantId) -> Result<(), RegistryError>,
    ) -> Result<Grant, GrantError> {
        let granted = order.possible(&self.usage)?;
        let grant = order.made(&self.usage, granted, GrantId::new(fastrand::u64(..)));
        if let Some(id) = grant.id {
            record(&order.quota.name, granted, id).map_err(StoreError::from)?;
            let listed = ListedGrant {
                id,
                amount: granted,
                at: now,
                revocation: None,
            };
            let grants = self.grants.get_or_insert_default();
            grants.add(&order.window, listed, now);
        }
        if let Some(calls) = order.mark(&self.usage) {
            self.usage.mark(&order.window, calls);
        }
        self.usage
            .adjust(order.window.id, order.window.end, -granted, granted);
        Ok(grant)
    }

    /// Takes back the calls of a grant that are left.
    fn revoke(&mut self, order: &GrantOrder<'_>, cut: i64, id: GrantId, now: Nanos) {
        let window = &order.window;
        self.usage.adjust(window.id, window.end, -cut, cut);
        if let Some(grants) = &mut self.grants {
            let calls = cut.unsigned_abs();
            grants.revoke(window.id, id, Revocation { at: now, calls });
        }
    }
}

impl Shard {
    fn find(&self, caller: &Caller, hash: u64) -> Option<&Account> {
        self.callers.find(hash, |account| account.caller == *caller)
    }

    fn find_mut(&mut self, caller: &Caller, hash: u64) -> Option<&mut Account> {
        self.callers
            .find_mut(hash, |account| account.caller == *caller)
    }

    fn refund(
        &mut self,
        caller: &Caller,
        hash: u64,
        charge: &ChargeId,
        now: Nanos,
        most: usize,
    ) -> Result<Refund, StoreError> {
        let Some(account) = self
            .callers
            .find_mut(hash, |account| account.caller == *caller)
        else {
            return Ok(Refund::NotFound);
        };
        let now = now.max(account.latest);
        if charge.caller() != hash {
            return Ok(Refund::NotFound);
        }
        if charge.is_over(now) {
            return Ok(Refund::WindowOver);
        }
        if self.refunded.contains_key(&charge.nonce()) {
            return Ok(Refund::AlreadyRefunded);
        }
        if self.refunded.len() >= most {
            self.refunded.retain(|_, end| *end > now);
        }
        if self.refunded.len() >= most {
            return Err(StoreError::Full);
        }
        if !account.days.take(charge.day(), charge.cost()) {
            return Ok(Refund::NotFound);
        }
        let cost = i64::try_from(charge.cost()).unwrap_or(i64::MAX);
        charge
            .windows(now)
            .for_each(|window| account.usage.adjust(window.id, window.end(), -cost, 0));
        self.refunded.insert(charge.nonce(), charge.end());
        Ok(Refund::Returned)
    }

    fn account(
        &mut self,
        caller: &Caller,
        hash: u64,
        now: Nanos,
        most: usize,
    ) -> Result<&mut Account, StoreError> {
        let is_callers = |account: &Account| account.caller == *caller;
        if self.callers.len() >= most && self.callers.find(hash, is_callers).is_none() {
            self.sweep(now, most)?;
        }
        // `entry` would make room for one more also for a known caller, and a full table would double.
        match self.callers.find_entry(hash, is_callers) {
            Ok(known) => Ok(known.into_mut()),
            Err(unknown) => {
                let account = Account {
                    caller: caller.clone(),
                    hash,
                    usage: Usage::default(),
                    days: DayCounts::default(),
                    grants: None,
                    is_retired: false,
                    latest: 0,
                };
                let callers = unknown.into_table();
                Ok(callers.insert_unique(hash, account, hash_of).into_mut())
            }
        }
    }

    /// Runs at most once per second, so that a flood of new callers does not cause a sweep each.
    fn sweep(&mut self, now: Nanos, most: usize) -> Result<(), StoreError> {
        if now - self.swept >= SECOND {
            self.swept = now;
            self.callers
                .retain(|account| !account.is_retired && !account.usage.is_spent(now));
            self.renew(most);
        }
        if self.callers.len() < most {
            Ok(())
        } else {
            Err(StoreError::Full)
        }
    }

    /// Moves the accounts into a new table for `most` callers. The places of removed accounts cannot
    /// be used again, and the table would double before it has `most` callers.
    fn renew(&mut self, most: usize) {
        if self.callers.len() == most {
            return;
        }
        let renewed = HashTable::with_capacity(most);
        for account in mem::replace(&mut self.callers, renewed) {
            self.callers.insert_unique(account.hash, account, hash_of);
        }
    }
}

fn hash_of(account: &Account) -> u64 {
    account.hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use limits::{Plan, PlanDocument};

    const NOON: Nanos = 1_795_348_800 * SECOND;
    const MAX_CALLERS: usize = 100;

    /// The bound of a store's memory depends on it: see the embedded store.
    #[test]
    fn account_has_at_most_304_bytes() {
        assert!(size_of::<Account>() <= 304, "{}", size_of::<Account>());
    }

    #[test]
    fn a_full_shard_forgets_only_callers_whose_usage_no_longer_matters() {
        let document: PlanDocument =
            serde_json::from_str(r#"{"throttle":{"rate":1,"burst":1}}"#).unwrap();
        let plan = Plan::new("p", document).unwrap();
        let hasher = RandomState::new();
        let mut shard = Shard::default();
        let mut account = |name: String, now| {
            let caller = Caller::Key(name);
            let account = shard.account(&caller, hasher.hash_one(&caller), now, MAX_CALLERS)?;
            Demand::new(&plan, None, 1, now)
                .unwrap()
                .charge(&mut account.usage);
            Ok(())
        };
        for n in 0..MAX_CALLERS {
            account(n.to_string(), NOON).unwrap();
        }
        assert!(matches!(
            account("new".to_owned(), NOON),
            Err(StoreError::Full)
        ));
        assert!(account("7".to_owned(), NOON).is_ok());
        assert!(account("new".to_owned(), NOON + 2 * SECOND).is_ok());
        assert!(shard.callers.len() < 10);
    }

    /// In each round, half of the callers are retired and make room for others.
    #[test]
    fn a_full_shard_never_doubles() {
        let most = HashTable::<Account>::with_capacity(800).capacity();
        let plan: PlanDocument =
            serde_json::from_str(r#"{"quotas":[{"limit":9,"period":"month"}]}"#).unwrap();
        let plan = Plan::new("p", plan).unwrap();
        let (hasher, mut shard) = (RandomState::new(), Shard::default());
        let mut call = |n: usize, now| {
            let caller = Caller::Key(n.to_string());
            let account = shard.account(&caller, hasher.hash_one(&caller), now, most)?;
            account.is_retired = n.is_multiple_of(2);
            let demand = Demand::new(&plan, None, 1, now).unwrap();
            demand.charge(&mut account.usage);
            Ok::<_, StoreError>(shard.callers.capacity())
        };

        let mut callers = 0..;
        for now in (NOON..).step_by(2_000_000_000).take(4) {
            let refused = callers.find(|n| call(*n, now).is_err()).unwrap();

            let capacity_after_known = call(refused - 1, now).unwrap();
            assert_eq!(capacity_after_known, most);
        }
        assert!(callers.start > 3 * most / 2);
    }

    #[test]
    fn a_full_shard_forgets_retired_callers_whose_usage_still_matters() {
        let ledger = Ledger::new(MAX_CALLERS);
        let document: PlanDocument =
            serde_json::from_str(r#"{"quotas":[{"limit":9,"period":"month"}]}"#).unwrap();
        let plan = Plan::new("p", document).unwrap();
        let charge = |n: usize| {
            let caller = Caller::Key(n.to_string());
            ledger.charge(&caller, NOON, true, |now| Demand::new(&plan, None, 1, now))
        };

        let full = (0..=SHARDS * MAX_CALLERS)
            .find(|n| charge(*n).is_err())
            .unwrap();
        for n in 0..full {
            ledger.retire(&Caller::Key(n.to_string()));
        }
        let later = NOON + 2 * SECOND;
        let caller = Caller::Key(full.to_string());
        let charged = ledger.charge(&caller, later, true, |now| Demand::new(&plan, None, 1, now));
        assert!(charged.is_ok(), "{charged:?}");
    }
}
