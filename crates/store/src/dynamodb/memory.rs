//! What items last held. State is remembered, not verdicts: it is evaluated anew with the plan,
//! route and cost of each call, so that a change of plan shows at once.

use std::sync::Arc;

use quick_cache::sync::Cache;

use limits::{
    Caller, Decision, Demand, Nanos, Quota, QuotaThreshold, SECOND, Usage, Verdict, Window,
    WindowId,
};

use super::clamp;
use super::expression::Clause;
use super::tat_pair::{BusyShare, TatPair};
use super::usage_item::mark_name;

/// Callers remembered. The rest costs a wrong guess now and then, no more.
const CALLERS: usize = 10_000;
/// A quota denies from memory no longer, because grants and refunds must show.
const QUOTA_MEMORY: Nanos = 10 * SECOND;

/// One item as it was last seen.
#[derive(Clone, Debug, Default)]
pub(super) struct CallerMemory {
    /// What it said.
    pub(super) usage: Usage,
    /// The buckets whose `tat` was a pair.
    pub(super) pairs: Vec<(u64, TatPair)>,
    /// How often a call from here finds the caller's bucket busy.
    pub(super) busy: BusyShare,
    /// When.
    pub(super) seen: Nanos,
    /// When it was last clamped from here.
    pub(super) clamped: Option<Nanos>,
    /// When it was last tidied from here.
    pub(super) tidied: Option<Nanos>,
    /// The calls of windows up to which this instance has logged thresholds.
    pub(super) logged: Vec<(WindowId, u64)>,
}

/// Bounded, and shared by all decisions of a process.
#[derive(Debug)]
pub(super) struct Memory {
    callers: Cache<Caller, Arc<CallerMemory>>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            callers: Cache::new(CALLERS),
        }
    }

    /// Nothing is remembered of a caller never seen.
    pub(super) fn recall(&self, caller: &Caller) -> Arc<CallerMemory> {
        self.callers.get(caller).unwrap_or_default()
    }

    pub(super) fn keep(&self, caller: &Caller, remembered: CallerMemory) {
        self.callers.insert(caller.clone(), Arc::new(remembered));
    }

    pub(super) fn forget(&self, caller: &Caller) {
        self.callers.remove(caller);
    }
}

impl CallerMemory {
    /// Returns the thresholds that a charge reached, given the usage after it. A threshold that
    /// another instance or an earlier charge has logged is left out, if that is known. A charge whose
    /// response was lost is thereby made up by the next one.
    pub(super) fn reached(&self, demand: &Demand<'_>, after: &Usage) -> Vec<QuotaThreshold> {
        let windows = demand.windows().iter();
        windows
            .flat_map(|(quota, window)| {
                let marked = after.marked(window.id).max(self.logged(window.id));
                quota.reached(window, after, marked)
            })
            .collect()
    }

    /// Returns the calls up to which thresholds are logged, once those that a charge `reached` are.
    pub(super) fn logged_with(
        &self,
        demand: &Demand<'_>,
        reached: &[QuotaThreshold],
    ) -> Vec<(WindowId, u64)> {
        let logged = |(_, window): &(&Quota, Window)| {
            let now = reached
                .iter()
                .find(|threshold| threshold.window.id == window.id);
            let calls = now.map_or_else(|| self.logged(window.id), |threshold| threshold.used);
            (calls > 0).then_some((window.id, calls))
        };
        demand.windows().iter().filter_map(logged).collect()
    }

    /// Returns the share of busy calls, once a charge has left the usage `after`.
    pub(super) fn busy_with(&self, demand: &Demand<'_>, after: &Usage) -> BusyShare {
        let own = demand.plan().bucket.as_ref();
        let found = own.and_then(|bucket| {
            let by = bucket.emission_for(demand.cost())? * Nanos::from(demand.cost());
            Some(after.tat(bucket.id)? - by > demand.now())
        });
        found.map_or(self.busy, |is_busy| self.busy.with(is_busy))
    }

    /// Returns the marks that the next charge writes, so that other instances do not log the same
    /// thresholds. They never cause a write of their own.
    pub(super) fn mark_clauses(&self, demand: &Demand<'_>) -> Vec<Clause> {
        let is_news = |window: &&Window| self.logged(window.id) > self.usage.marked(window.id);
        let windows = demand.windows().iter().map(|(_, window)| window);
        windows
            .filter(is_news)
            .map(|window| Clause::Set {
                attribute: mark_name(window.id),
                to: Nanos::from(self.logged(window.id)),
            })
            .collect()
    }

    fn logged(&self, window: WindowId) -> u64 {
        let found = self.logged.iter().find(|(known, _)| *known == window);
        found.map_or(0, |(_, calls)| *calls)
    }

    /// The decision where memory is enough to refuse: a bucket's `tat` only grows, so it refuses
    /// until its instant; a quota's count may fall.
    pub(super) fn denial(&self, demand: &Demand<'_>) -> Option<Decision> {
        let decision = demand.evaluate(&self.usage);
        let recent = (demand.now() - self.seen).abs() < QUOTA_MEMORY;
        let trusted = match decision.verdict {
            Verdict::Throttled { .. } => recent || demand.rate_refuses(&self.usage),
            // A grant may make it possible.
            Verdict::Impossible => recent,
            Verdict::Allowed | Verdict::Unavailable { .. } => false,
        };
        let to_clamp = clamp::is_due(self.clamped, demand.now())
            && !clamp::clamp(demand, &self.usage).is_empty();
        (trusted && !to_clamp).then_some(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limits::{Plan, PlanDocument};

    /// 2026-11-22T12:00:00Z
    const NOON: Nanos = 1_795_348_800 * SECOND;

    fn plan(json: &str) -> Plan {
        Plan::new("p", serde_json::from_str::<PlanDocument>(json).unwrap()).unwrap()
    }

    /// What is remembered after `calls` calls at noon.
    fn remembered(plan: &Plan, calls: u64) -> CallerMemory {
        let mut usage = Usage::default();
        for _ in 0..calls {
            Demand::new(plan, None, 1, NOON).unwrap().charge(&mut usage);
        }
        CallerMemory {
            usage,
            seen: NOON,
            ..CallerMemory::default()
        }
    }

    fn denies(plan: &Plan, remembered: &CallerMemory, after: Nanos) -> bool {
        remembered
            .denial(&Demand::new(plan, None, 1, NOON + after).unwrap())
            .is_some()
    }

    #[test]
    fn a_bucket_denies_until_the_instant_at_which_it_has_a_token_again() {
        let plan = plan(r#"{"throttle":{"rate":0.01,"burst":2}}"#);
        let remembered = remembered(&plan, 2);
        assert!(denies(&plan, &remembered, 0));
        assert!(denies(&plan, &remembered, 100 * SECOND - 1));
        assert!(!denies(&plan, &remembered, 100 * SECOND));
    }

    #[test]
    fn a_quota_denies_for_ten_seconds() {
        let plan = plan(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
        let remembered = remembered(&plan, 2);
        assert!(denies(&plan, &remembered, 10 * SECOND - 1));
        assert!(!denies(&plan, &remembered, 10 * SECOND));
    }

    #[test]
    fn a_plan_that_was_raised_admits_whatever_is_remembered() {
        let tight =
            plan(r#"{"throttle":{"rate":0.01,"burst":2},"quotas":[{"limit":2,"period":"day"}]}"#);
        let remembered = remembered(&tight, 2);
        let raised =
            plan(r#"{"throttle":{"rate":0.01,"burst":3},"quotas":[{"limit":3,"period":"day"}]}"#);
        assert!(denies(&tight, &remembered, 1));
        assert!(!denies(&raised, &remembered, 1));
    }

    #[test]
    fn a_call_of_no_cost_is_never_denied() {
        let plan = plan(r#"{"throttle":{"rate":0.01,"burst":2}}"#);
        assert_eq!(
            remembered(&plan, 2).denial(&Demand::new(&plan, None, 0, NOON).unwrap()),
            None
        );
    }

    #[test]
    fn a_fast_clocks_tat_denies_only_while_it_may_not_be_brought_back() {
        let plan = plan(r#"{"throttle":{"rate":1,"burst":2}}"#);
        let id = plan.bucket.as_ref().unwrap().id;
        let usage = Usage::new(vec![(id, NOON + 3600 * SECOND)], Vec::new());
        let mut remembered = CallerMemory {
            usage,
            seen: NOON,
            ..CallerMemory::default()
        };
        assert!(!denies(&plan, &remembered, 0));
        remembered.clamped = Some(NOON);
        assert!(denies(&plan, &remembered, 59 * SECOND));
        assert!(!denies(&plan, &remembered, 60 * SECOND));
    }

    #[test]
    fn memory_is_bounded() {
        let memory = Memory::new();
        for n in 0..3 * CALLERS {
            memory.keep(&Caller::Key(n.to_string()), CallerMemory::default());
        }
        assert!(memory.callers.len() <= CALLERS);
    }
}
