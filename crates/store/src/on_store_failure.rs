//! Decisions while the store does not respond, by `on_store_failure` of the plan.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::ledger::Ledger;
use limits::{Caller, Decision, Demand, OnStoreFailure, Usage, Verdict, Violated};

/// 16 times this number of callers have a share in memory: 1,024 slots per shard to seven eighths, or
/// at most about 5 MB. Further callers are refused.
const CALLERS_A_SHARD: usize = 896;
/// The wait after a throttled item. DynamoDB counts the writes of a partition per second.
const HOT_ITEM_RETRY_AFTER_S: u64 = 1;
/// The greatest wait that a refusal asks for.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Decides by `on_store_failure`, and keeps this process's shares of limits for `local`.
#[derive(Debug)]
pub(crate) struct Fallback {
    shares: Ledger,
    instances: NonZeroU32,
}

impl Fallback {
    /// Returns decisions with limits divided by `instances`.
    pub(crate) fn new(instances: NonZeroU32) -> Self {
        Self {
            shares: Ledger::new(CALLERS_A_SHARD),
            instances,
        }
    }

    /// Decides on a demand on which the store did not decide.
    ///
    /// `remembered` is the last known state of the item. If only a grant can let the demand pass
    /// and none is known, the demand is refused. `retry_in` is the time until the next call to the
    /// store. No refusal asks for a longer wait, because the whole limit applies again then.
    pub(crate) fn answer(
        &self,
        caller: &Caller,
        demand: &Demand<'_>,
        remembered: &Usage,
        retry_in: Duration,
    ) -> Decision {
        let is_allowed = !demand.is_impossible(remembered)
            && match demand.plan().on_store_failure {
                OnStoreFailure::Allow => true,
                OnStoreFailure::Deny => false,
                OnStoreFailure::Local => self.has_share(caller, demand),
            };

        let verdict = if is_allowed {
            Verdict::Allowed
        } else {
            Verdict::Unavailable {
                retry_after_s: whole_seconds(retry_in.min(MAX_WAIT)),
            }
        };
        Decision {
            degraded: true,
            ..Decision::of(verdict)
        }
    }

    /// Decides on a demand whose item is throttled because it is used too often. The store
    /// responds, so that `allow` does not lift the caller's limits. With `local`, this process's
    /// share decides.
    pub(crate) fn answer_hot_item(
        &self,
        caller: &Caller,
        demand: &Demand<'_>,
        remembered: &Usage,
    ) -> Decision {
        let is_local = demand.plan().on_store_failure == OnStoreFailure::Local;
        if is_local && !demand.is_impossible(remembered) && self.has_share(caller, demand) {
            return Decision {
                degraded: true,
                ..Decision::of(Verdict::Allowed)
            };
        }

        let violated = Violated::new();
        Decision::of(Verdict::Throttled {
            quota: false,
            violated,
            retry_after_s: HOT_ITEM_RETRY_AFTER_S,
        })
    }

    /// Charges this process's share of the limits. Returns false if the share does not allow the
    /// demand, or if there is no room for another caller.
    fn has_share(&self, caller: &Caller, demand: &Demand<'_>) -> bool {
        let plan = demand.plan().share(self.instances.get());
        let route = demand
            .route()
            .map(|route| route.share(self.instances.get()));
        let share = |now| demand.on_share(&plan, route.as_ref(), now);

        let charged = self.shares.charge(caller, demand.now(), false, share);
        charged.is_ok_and(|decision| decision.verdict == Verdict::Allowed)
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use limits::{Nanos, Plan, PlanDocument, SECOND};

    /// 2026-11-22T12:00:00Z
    const NOON: Nanos = 1_795_348_800 * SECOND;

    fn answers(plan: &str, cost: u64, calls: usize) -> Vec<Decision> {
        let plan = Plan::new("p", serde_json::from_str::<PlanDocument>(plan).unwrap()).unwrap();
        let fallback = Fallback::new(NonZeroU32::new(10).unwrap());
        let route = plan.route_limit("POST", "/pay").cloned();
        let demand = Demand::new(&plan, route.as_deref(), cost, NOON).unwrap();
        let (caller, usage) = (Caller::Key("k".to_owned()), Usage::default());
        let answer = || fallback.answer(&caller, &demand, &usage, Duration::from_millis(1500));
        std::iter::repeat_with(answer).take(calls).collect()
    }

    fn admitted(plan: &str, cost: u64, calls: usize) -> usize {
        answers(plan, cost, calls)
            .iter()
            .filter(|decision| decision.verdict == Verdict::Allowed)
            .count()
    }

    #[test]
    fn every_answer_says_that_it_is_degraded_and_tells_no_limits() {
        for policy in ["allow", "deny", "local"] {
            let plan =
                format!(r#"{{"throttle":{{"rate":1,"burst":10}},"on_store_failure":"{policy}"}}"#);
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
        assert_eq!(
            admitted(
                r#"{"throttle":{"rate":1,"burst":55},"on_store_failure":"local"}"#,
                1,
                100
            ),
            5
        );
        assert_eq!(
            admitted(
                r#"{"quotas":[{"limit":100,"period":"day"}],"on_store_failure":"local"}"#,
                1,
                100
            ),
            10
        );
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
        assert!(matches!(
            answers(plan, 5, 1)[0].verdict,
            Verdict::Unavailable { .. }
        ));
    }

    #[test]
    fn no_refusal_asks_for_a_longer_wait_than_the_store_may_be_away() {
        for limits in [
            r#""quotas":[{"limit":20,"period":"month"}]"#,
            r#""throttle":{"rate":0.0001,"burst":20}"#,
            r#""algorithm":"sliding_window","window_s":86400,"limit":20"#,
        ] {
            let decisions = answers(&format!(r#"{{{limits},"on_store_failure":"local"}}"#), 1, 5);
            let refused = Verdict::Unavailable { retry_after_s: 2 };
            let verdicts: Vec<_> = decisions.iter().map(|decision| &decision.verdict).collect();
            let allowed = &Verdict::Allowed;
            assert_eq!(
                verdicts,
                [allowed, allowed, &refused, &refused, &refused],
                "{limits}"
            );
        }
    }

    #[test]
    fn a_wait_is_a_minute_at_most() {
        let plan = r#"{"on_store_failure":"deny"}"#;
        let plan = Plan::new("p", serde_json::from_str::<PlanDocument>(plan).unwrap()).unwrap();
        let fallback = Fallback::new(NonZeroU32::MIN);
        let demand = Demand::new(&plan, None, 1, NOON).unwrap();
        let hour = Duration::from_secs(3600);
        let decision = fallback.answer(
            &Caller::Key("k".to_owned()),
            &demand,
            &Usage::default(),
            hour,
        );
        assert_eq!(decision.verdict, Verdict::Unavailable { retry_after_s: 60 });
    }

    #[test]
    fn a_call_that_only_a_grant_can_let_pass_needs_a_remembered_grant() {
        for policy in ["allow", "local", "deny"] {
            let plan = format!(
                r#"{{"quotas":[{{"limit":0,"period":"day"}}],"on_store_failure":"{policy}"}}"#
            );
            let plan =
                Plan::new("p", serde_json::from_str::<PlanDocument>(&plan).unwrap()).unwrap();
            let fallback = Fallback::new(NonZeroU32::MIN);
            let demand = Demand::new(&plan, None, 1, NOON).unwrap();
            let verdict = |usage: &Usage| {
                fallback
                    .answer(
                        &Caller::Key("k".to_owned()),
                        &demand,
                        usage,
                        Duration::from_secs(1),
                    )
                    .verdict
            };
            assert_eq!(
                verdict(&Usage::default()),
                Verdict::Unavailable { retry_after_s: 1 },
                "{policy}"
            );

            let window = plan.quotas[0].window(NOON).unwrap();
            let mut granted = Usage::default();
            granted.adjust(window.id, window.end, -10, 10);
            assert_eq!(
                verdict(&granted) == Verdict::Allowed,
                policy == "allow",
                "{policy}"
            );
        }
    }

    #[test]
    fn a_plan_without_limits_has_nothing_to_share() {
        assert_eq!(admitted(r#"{"on_store_failure":"local"}"#, 1, 100), 100);
    }
}
