//! What answers while the store does not: the plan's own policy.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::{Caller, Decision, Demand, OnStoreFailure, Verdict};

/// 16 times this many callers have a share in memory, some 5 MB at the most; any more are refused.
const CALLERS_A_SHARD: usize = 1024;

/// Answers by the plans' policies, and keeps this process's shares for those that say `local`.
#[derive(Debug)]
pub(crate) struct Fallback {
    shares: Ledger,
    instances: NonZeroU32,
}

impl Fallback {
    /// `instances`: by how many a limit is divided.
    pub(crate) fn new(instances: NonZeroU32) -> Self {
        Self { shares: Ledger::new(CALLERS_A_SHARD), instances }
    }

    /// The degraded decision on a demand that can pass at all. `retry_in`: when the store will be asked again.
    pub(crate) fn answer(&self, caller: &Caller, demand: &Demand<'_>, retry_in: Duration) -> Decision {
        let unavailable = Verdict::Unavailable { retry_after_s: whole_seconds(retry_in) };
        let verdict = match demand.plan().on_store_failure {
            OnStoreFailure::Allow => Verdict::Allowed,
            OnStoreFailure::Deny => unavailable,
            OnStoreFailure::Local => self.local(caller, demand).unwrap_or(unavailable),
        };
        Decision { degraded: true, ..Decision::of(verdict) }
    }

    /// `None` where the share can never admit the call, or there is no room for it.
    fn local(&self, caller: &Caller, demand: &Demand<'_>) -> Option<Verdict> {
        let plan = demand.plan().share(self.instances.get());
        let route = demand.route().map(|route| route.share(self.instances.get()));
        let share = |now| demand.on_share(&plan, route.as_ref(), now);
        let decision = self.shares.charge(caller, demand.now(), share).ok()?;
        Some(decision.verdict).filter(|verdict| *verdict != Verdict::Impossible)
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Nanos, Plan, PlanDocument, SECOND};

    /// 2026-11-22T12:00:00Z
    const NOON: Nanos = 1_795_348_800 * SECOND;

    fn answers(plan: &str, cost: u64, calls: usize) -> Vec<Decision> {
        let plan = Plan::new("p", serde_json::from_str::<PlanDocument>(plan).unwrap()).unwrap();
        let fallback = Fallback::new(NonZeroU32::new(10).unwrap());
        let route = plan.route_limit("POST", "/pay").cloned();
        let demand = Demand::new(&plan, route.as_deref(), cost, NOON).unwrap();
        let answer = || fallback.answer(&Caller::Key("k".to_owned()), &demand, Duration::from_millis(1500));
        std::iter::repeat_with(answer).take(calls).collect()
    }

    fn admitted(plan: &str, cost: u64, calls: usize) -> usize {
        answers(plan, cost, calls).iter().filter(|decision| decision.verdict == Verdict::Allowed).count()
    }

    #[test]
    fn every_answer_says_that_it_is_degraded_and_tells_no_limits() {
        for policy in ["allow", "deny", "local"] {
            let plan = format!(r#"{{"throttle":{{"rate":1,"burst":10}},"on_store_failure":"{policy}"}}"#);
            let decision = answers(&plan, 1, 1).remove(0);
            assert!(decision.degraded && decision.limits.is_empty(), "{policy}");
        }
    }

    #[test]
    fn a_plan_that_says_nothing_admits_and_one_that_denies_says_when_to_come_back() {
        assert_eq!(admitted(r#"{"throttle":{"rate":1,"burst":1}}"#, 1, 5), 5);
        let denied = answers(r#"{"on_store_failure":"deny"}"#, 1, 1).remove(0);
        assert_eq!(denied.verdict, Verdict::Unavailable { retry_after_s: 2 });
    }

    #[test]
    fn a_local_share_is_the_limit_divided_by_the_instances() {
        assert_eq!(admitted(r#"{"throttle":{"rate":1,"burst":55},"on_store_failure":"local"}"#, 1, 100), 5);
        assert_eq!(admitted(r#"{"quotas":[{"limit":100,"period":"day"}],"on_store_failure":"local"}"#, 1, 100), 10);
    }

    #[test]
    fn a_routes_limit_is_shared_too() {
        let plan = r#"{"throttle":{"rate":1,"burst":100},"routes":{"POST /pay":{"rate":1,"burst":20}},"on_store_failure":"local"}"#;
        assert_eq!(admitted(plan, 1, 100), 2);
    }

    #[test]
    fn a_small_limit_has_a_share_of_one_call_and_a_cost_above_the_share_is_refused() {
        let plan = r#"{"throttle":{"rate":1,"burst":5},"on_store_failure":"local"}"#;
        assert_eq!(admitted(plan, 1, 100), 1);
        assert!(matches!(answers(plan, 5, 1)[0].verdict, Verdict::Unavailable { .. }));
    }

    #[test]
    fn a_plan_without_limits_has_nothing_to_share() {
        assert_eq!(admitted(r#"{"on_store_failure":"local"}"#, 1, 100), 100);
    }
}
