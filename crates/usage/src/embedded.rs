//! The store inside one process: exact for that process, gone with it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    ApiKey, Caller, Decision, Demand, KeyHash, Nanos, Plan, RouteLimit, SECOND, Seeds, SeedsError, Usage, Verdict,
};

const SHARDS: usize = 16;
/// 16 × 65,536 callers of a few hundred bytes each: some 300 MB at the very most.
const CALLERS_A_SHARD: usize = 65_536;

/// Plans, keys and usage in memory.
#[derive(Debug)]
pub struct EmbeddedStore {
    plans: HashMap<String, Arc<Plan>>,
    keys: HashMap<KeyHash, Arc<ApiKey>>,
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    callers: HashMap<Caller, Entry>,
    /// When callers whose usage no longer matters were last looked for.
    swept: Nanos,
}

#[derive(Debug, Default)]
struct Entry {
    usage: Usage,
    /// The latest `now` seen. A clock that steps back must not open a window again.
    latest: Nanos,
}

/// Why a store could not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Forgetting a caller that still has usage would admit it anew.
    #[error("the embedded store holds as many callers as it may")]
    Full,
    /// No calendar reaches there.
    #[error("the clock stands outside the calendar")]
    Clock,
}

impl EmbeddedStore {
    /// A store with these plans and keys and no usage.
    ///
    /// # Errors
    /// [`SeedsError`] for the first plan or key that cannot be.
    pub fn new(seeds: &Seeds) -> Result<Self, SeedsError> {
        let plans = seeds.plans()?.into_iter().map(|plan| (plan.name.clone(), Arc::new(plan))).collect();
        let keys = seeds.keys()?.into_iter().map(|(hash, key)| (hash, Arc::new(key))).collect();
        Ok(Self { plans, keys, shards: Default::default(), hasher: RandomState::new() })
    }

    /// What is known of a key.
    #[must_use]
    pub fn key(&self, hash: &KeyHash) -> Option<Arc<ApiKey>> {
        self.keys.get(hash).cloned()
    }

    /// A plan by its name.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<Arc<Plan>> {
        self.plans.get(name).cloned()
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
        let mut shard = self.shard(caller).lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entry(caller, now)?;
        let now = now.max(entry.latest);
        let (decision, charge) = Demand::new(plan, route, cost, now).ok_or(StoreError::Clock)?.weigh(&entry.usage);
        entry.latest = now;
        if decision.verdict == Verdict::Allowed {
            entry.usage.apply(charge, now);
        }
        Ok(decision)
    }

    fn shard(&self, caller: &Caller) -> &Mutex<Shard> {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are as good as any")]
        let hash = self.hasher.hash_one(caller) as usize;
        &self.shards[hash % SHARDS]
    }
}

impl Shard {
    fn entry(&mut self, caller: &Caller, now: Nanos) -> Result<&mut Entry, StoreError> {
        if self.callers.len() >= CALLERS_A_SHARD && !self.callers.contains_key(caller) {
            self.sweep(now)?;
        }
        // One look-up for a caller that is known, without a copy of its name.
        if !self.callers.contains_key(caller) {
            self.callers.insert(caller.clone(), Entry::default());
        }
        self.callers.get_mut(caller).ok_or(StoreError::Full)
    }

    /// Once a second at most, so that a flood of new callers does not pay for a sweep each.
    fn sweep(&mut self, now: Nanos) -> Result<(), StoreError> {
        if now - self.swept >= SECOND {
            self.swept = now;
            self.callers.retain(|_, entry| !entry.usage.is_spent(now));
        }
        if self.callers.len() < CALLERS_A_SHARD { Ok(()) } else { Err(StoreError::Full) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    const NOON: Nanos = 1_795_348_800 * SECOND;

    fn store(plan: &str) -> (EmbeddedStore, Arc<Plan>) {
        let seeds = format!(r#"{{"plans":{{"p":{plan}}}}}"#);
        let store = EmbeddedStore::new(&serde_json::from_str(&seeds).unwrap()).unwrap();
        let plan = store.plan("p").unwrap();
        (store, plan)
    }

    fn caller(id: &str) -> Caller {
        Caller::Key(id.to_owned())
    }

    fn admitted(store: &EmbeddedStore, plan: &Plan, calls: u64, now: Nanos) -> u64 {
        (0..calls)
            .filter(|_| store.charge(&caller("k"), plan, None, 1, now).unwrap().verdict == Verdict::Allowed)
            .count() as u64
    }

    #[test]
    fn sixteen_threads_admit_exactly_the_burst() {
        for _ in 0..20 {
            let (store, plan) =
                store(r#"{"throttle":{"rate":0.001,"burst":100},"quotas":[{"limit":1000,"period":"day"}]}"#);
            let total = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| total.fetch_add(admitted(&store, &plan, 100, NOON), Ordering::Relaxed));
                }
            });
            assert_eq!(total.into_inner(), 100);
        }
    }

    #[test]
    fn callers_do_not_share_their_limits() {
        let (store, plan) = store(r#"{"throttle":{"rate":1,"burst":1}}"#);
        for id in ["a", "b"] {
            assert_eq!(store.charge(&caller(id), &plan, None, 1, NOON).unwrap().verdict, Verdict::Allowed);
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
        assert_eq!(store.charge(&caller("k"), &plan, None, 1, Nanos::MAX / 2), Err(StoreError::Clock));
    }

    #[test]
    fn a_full_shard_forgets_only_callers_whose_usage_no_longer_matters() {
        let (store, plan) = store(r#"{"throttle":{"rate":1,"burst":1}}"#);
        let mut shard = Shard::default();
        for n in 0..CALLERS_A_SHARD {
            let entry = shard.entry(&caller(&n.to_string()), NOON).unwrap();
            let (_, charge) = Demand::new(&plan, None, 1, NOON).unwrap().weigh(&entry.usage);
            entry.usage.apply(charge, NOON);
        }
        assert_eq!(shard.entry(&caller("new"), NOON).err(), Some(StoreError::Full));
        assert!(shard.entry(&caller("7"), NOON).is_ok());
        assert!(shard.entry(&caller("new"), NOON + 2 * SECOND).is_ok());
        assert!(shard.callers.len() < 10);
        drop(store);
    }
}
