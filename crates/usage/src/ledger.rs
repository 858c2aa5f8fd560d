//! What many callers have used, in memory: exact for one process, and bounded.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::{Caller, Decision, Demand, Nanos, SECOND, StoreError, Usage};

const SHARDS: usize = 16;

/// Usage by caller.
#[derive(Debug)]
pub(crate) struct Ledger {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    callers_a_shard: usize,
}

#[derive(Debug, Default)]
struct Shard {
    callers: HashTable<Account>,
    /// When callers whose usage no longer matters were last looked for.
    swept: Nanos,
}

#[derive(Debug)]
struct Account {
    caller: Caller,
    /// The caller's hash, which costs more than the rest of a look-up.
    hash: u64,
    usage: Usage,
    /// The latest `now` seen. A clock that steps back must not open a window again.
    latest: Nanos,
}

impl Ledger {
    /// An empty ledger that holds 16 times `callers_a_shard` callers at most.
    pub(crate) fn new(callers_a_shard: usize) -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { shards, hasher: RandomState::new(), callers_a_shard }
    }

    /// Decides on what `demand` makes of the instant and charges it whole, or not at all.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be decided; then nothing has been charged.
    pub(crate) fn charge<'p>(
        &self,
        caller: &Caller,
        now: Nanos,
        demand: impl FnOnce(Nanos) -> Option<Demand<'p>>,
    ) -> Result<Decision, StoreError> {
        let hash = self.hasher.hash_one(caller);
        let mut shard = self.shard(hash).lock().unwrap_or_else(PoisonError::into_inner);
        let account = shard.account(caller, hash, now, self.callers_a_shard)?;
        let now = now.max(account.latest);
        let demand = demand(now).ok_or(StoreError::Clock)?;
        account.latest = now;
        Ok(demand.charge(&mut account.usage))
    }

    /// By bits that the shard's own table does not use.
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[(hash >> 40) as usize % SHARDS]
    }
}

impl Shard {
    fn account(&mut self, caller: &Caller, hash: u64, now: Nanos, most: usize) -> Result<&mut Account, StoreError> {
        let is_callers = |account: &Account| account.caller == *caller;
        if self.callers.len() >= most && self.callers.find(hash, is_callers).is_none() {
            self.sweep(now, most)?;
        }
        match self.callers.entry(hash, is_callers, |account| account.hash) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(room) => {
                let account = Account { caller: caller.clone(), hash, usage: Usage::default(), latest: 0 };
                Ok(room.insert(account).into_mut())
            }
        }
    }

    /// Once a second at most, so that a flood of new callers does not pay for a sweep each.
    fn sweep(&mut self, now: Nanos, most: usize) -> Result<(), StoreError> {
        if now - self.swept >= SECOND {
            self.swept = now;
            self.callers.retain(|account| !account.usage.is_spent(now));
        }
        if self.callers.len() < most { Ok(()) } else { Err(StoreError::Full) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Plan, PlanDocument};

    const NOON: Nanos = 1_795_348_800 * SECOND;
    const MOST: usize = 100;

    #[test]
    fn a_full_shard_forgets_only_callers_whose_usage_no_longer_matters() {
        let document: PlanDocument = serde_json::from_str(r#"{"throttle":{"rate":1,"burst":1}}"#).unwrap();
        let plan = Plan::new("p", document).unwrap();
        let hasher = RandomState::new();
        let mut shard = Shard::default();
        let mut account = |name: String, now| {
            let caller = Caller::Key(name);
            let account = shard.account(&caller, hasher.hash_one(&caller), now, MOST)?;
            Demand::new(&plan, None, 1, now).unwrap().charge(&mut account.usage);
            Ok(())
        };
        for n in 0..MOST {
            account(n.to_string(), NOON).unwrap();
        }
        assert!(matches!(account("new".to_owned(), NOON), Err(StoreError::Full)));
        assert!(account("7".to_owned(), NOON).is_ok());
        assert!(account("new".to_owned(), NOON + 2 * SECOND).is_ok());
        assert!(shard.callers.len() < 10);
    }
}
