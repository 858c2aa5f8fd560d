//! What many callers have used, in memory: exact for one process, and bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::{Caller, Decision, Demand, Nanos, SECOND, StoreError, Usage, Verdict};

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
        let mut shard = self.shard(caller).lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entry(caller, now, self.callers_a_shard)?;
        let now = now.max(entry.latest);
        let (decision, charge) = demand(now).ok_or(StoreError::Clock)?.weigh(&entry.usage);
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
    fn entry(&mut self, caller: &Caller, now: Nanos, most: usize) -> Result<&mut Entry, StoreError> {
        if self.callers.len() >= most && !self.callers.contains_key(caller) {
            self.sweep(now, most)?;
        }
        // A caller that is known costs no copy of its name.
        if !self.callers.contains_key(caller) {
            self.callers.insert(caller.clone(), Entry::default());
        }
        self.callers.get_mut(caller).ok_or(StoreError::Full)
    }

    /// Once a second at most, so that a flood of new callers does not pay for a sweep each.
    fn sweep(&mut self, now: Nanos, most: usize) -> Result<(), StoreError> {
        if now - self.swept >= SECOND {
            self.swept = now;
            self.callers.retain(|_, entry| !entry.usage.is_spent(now));
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
        let caller = |id: &str| Caller::Key(id.to_owned());
        let mut shard = Shard::default();
        for n in 0..MOST {
            let entry = shard.entry(&caller(&n.to_string()), NOON, MOST).unwrap();
            let (_, charge) = Demand::new(&plan, None, 1, NOON).unwrap().weigh(&entry.usage);
            entry.usage.apply(charge, NOON);
        }
        assert!(matches!(shard.entry(&caller("new"), NOON, MOST), Err(StoreError::Full)));
        assert!(shard.entry(&caller("7"), NOON, MOST).is_ok());
        assert!(shard.entry(&caller("new"), NOON + 2 * SECOND, MOST).is_ok());
        assert!(shard.callers.len() < 10);
    }
}
