//! The decision on one call: all limits of its plan together, or none.

use std::sync::Arc;

use crate::bucket::Bucket;
use crate::quota::{Quota, Window};
use crate::state::Charge;
use crate::{Nanos, Plan, RouteLimit, Usage, whole_seconds};

/// What one call takes from its plan at one instant, which stays the same however often it is evaluated.
#[derive(Debug)]
pub struct Demand<'p> {
    plan: &'p Plan,
    route: Option<&'p RouteLimit>,
    cost: u64,
    now: Nanos,
    windows: Vec<(&'p Quota, Window)>,
}

/// What was decided, and how each limit stands after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// May the call pass?
    pub verdict: Verdict,
    /// Every limit of the plan that applies: the caller's bucket, the route's, the quotas. Empty for an
    /// unlimited plan, for a call that can never pass, and where nobody knows how they stand.
    pub limits: Vec<Limit>,
    /// Whether the share of some limit that has been used reaches the plan's `near_limit`.
    pub near_limit: bool,
    /// Whether the store gave no answer in time, so that the plan's `on_store_failure` did.
    pub degraded: bool,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It passes, and has been charged.
    Allowed,
    /// Not now; nothing has been charged.
    Throttled {
        /// Whether a quota is used up; else it is a rate alone.
        quota: bool,
        /// The names of the limits that do not allow it.
        violated: Vec<Arc<str>>,
        /// Seconds after which a call of this cost would pass if nobody else called. At least 1.
        retry_after_s: u64,
    },
    /// Never: the cost is above a burst or a quota, or a limit is 0.
    Impossible,
    /// The store gave no answer in time, and the plan says to refuse then.
    Unavailable {
        /// Seconds after which the store will be asked again. At least 1.
        retry_after_s: u64,
    },
}

/// How one limit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its policy's name: `burst`, a route, or the quota's.
    pub name: Arc<str>,
    /// Calls in `window_s`.
    pub limit: u64,
    /// Seconds: the time in which a bucket fills, or the length of the quota's present window.
    pub window_s: u64,
    /// Calls left.
    pub remaining: u64,
    /// Seconds until more calls are there than `remaining`. None where there can be no more.
    pub reset_s: Option<u64>,
}

/// Why a limit does not allow a call.
struct Refusal {
    name: Arc<str>,
    wait: Nanos,
    quota: bool,
}

impl<'p> Demand<'p> {
    /// `None` where `now` lies beyond the calendar.
    #[must_use]
    pub fn new(plan: &'p Plan, route: Option<&'p RouteLimit>, cost: u64, now: Nanos) -> Option<Self> {
        let windows = plan.quotas.iter().map(|quota| Some((quota, quota.window(now)?))).collect::<Option<Vec<_>>>()?;
        Some(Self { plan, route, cost, now, windows })
    }

    /// Compares the demand with what has been used. Changes nothing.
    #[must_use]
    pub fn evaluate(&self, usage: &Usage) -> Decision {
        self.weigh(usage).0
    }

    /// Whether the call can never pass, whatever has been used.
    #[must_use]
    pub fn is_impossible(&self) -> bool {
        self.buckets().any(|bucket| bucket.emission_for(self.cost).is_none())
            || self.plan.quotas.iter().any(|quota| quota.limit == 0 || self.cost > quota.limit)
    }

    /// The decision, and what to write where it is allowed.
    pub(crate) fn weigh(&self, usage: &Usage) -> (Decision, Charge) {
        let mut charge = Charge::default();
        if self.is_impossible() {
            return (Decision::of(Verdict::Impossible), charge);
        }
        let mut refusals = Vec::new();
        self.weigh_buckets(usage, &mut charge, &mut refusals);
        self.weigh_quotas(usage, &mut charge, &mut refusals);
        let decision = if refusals.is_empty() {
            let (tats, counts) = (&charge.tats, &charge.counts);
            self.told(Verdict::Allowed, |index, _| Some(tats[index].1), |index, _| counts[index].1)
        } else {
            self.standing(throttled(refusals), usage)
        };
        (decision, charge)
    }

    /// Whether a bucket, not only a quota, has too little left in `usage`.
    pub(crate) fn bucket_refuses(&self, usage: &Usage) -> bool {
        self.buckets().any(|bucket| {
            let emission = bucket.emission_for(self.cost);
            emission.is_none_or(|emission| bucket.take(emission, usage.tat(bucket.id), self.cost, self.now).is_err())
        })
    }

    /// A verdict with every limit as it stands in `usage`.
    pub(crate) fn standing(&self, verdict: Verdict, usage: &Usage) -> Decision {
        self.told(verdict, |_, bucket| usage.tat(bucket.id), |_, window| usage.count(window.id))
    }

    /// The caller's bucket and the route's, where there are any.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = &'p Bucket> + use<'p> {
        self.plan.bucket.iter().chain(self.route.map(|route| &route.bucket))
    }

    /// The quotas, each with its present window.
    pub(crate) fn windows(&self) -> &[(&'p Quota, Window)] {
        &self.windows
    }

    pub(crate) fn plan(&self) -> &'p Plan {
        self.plan
    }

    pub(crate) fn route(&self) -> Option<&'p RouteLimit> {
        self.route
    }

    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    /// The instant of the decision.
    pub(crate) fn now(&self) -> Nanos {
        self.now
    }

    fn weigh_buckets(&self, usage: &Usage, charge: &mut Charge, refusals: &mut Vec<Refusal>) {
        for bucket in self.buckets() {
            let Some(emission) = bucket.emission_for(self.cost) else { continue };
            let before = usage.tat(bucket.id);
            let tat = bucket.take(emission, before, self.cost, self.now).unwrap_or_else(|wait| {
                if self.cost > 0 {
                    refusals.push(Refusal { name: Arc::clone(&bucket.name), wait, quota: false });
                }
                before.unwrap_or(self.now)
            });
            charge.tats.push((bucket.id, tat));
        }
    }

    fn weigh_quotas(&self, usage: &Usage, charge: &mut Charge, refusals: &mut Vec<Refusal>) {
        for (quota, window) in &self.windows {
            let after = usage.count(window.id).saturating_add(self.cost);
            if after > quota.limit && self.cost > 0 {
                refusals.push(Refusal { name: Arc::clone(&quota.name), wait: window.end - self.now, quota: true });
            }
            charge.counts.push((*window, after));
        }
    }

    /// Every limit's standing, given each bucket's `tat` and each window's count.
    fn told(
        &self,
        verdict: Verdict,
        tat: impl Fn(usize, &Bucket) -> Option<Nanos>,
        count: impl Fn(usize, &Window) -> u64,
    ) -> Decision {
        let mut limits = Vec::with_capacity(2 + self.windows.len());
        for (index, bucket) in self.buckets().enumerate() {
            if let Some(emission) = bucket.emission_for(self.cost) {
                limits.push(self.bucket_limit(bucket, emission, tat(index, bucket).unwrap_or(self.now)));
            }
        }
        for (index, (quota, window)) in self.windows.iter().enumerate() {
            limits.push(self.quota_limit(quota, window, count(index, window)));
        }
        let near_limit = limits.iter().any(|limit| limit.used_share() >= self.plan.near_limit);
        Decision { verdict, limits, near_limit, degraded: false }
    }

    fn bucket_limit(&self, bucket: &Bucket, emission: Nanos, tat: Nanos) -> Limit {
        Limit {
            name: Arc::clone(&bucket.name),
            limit: bucket.burst,
            window_s: bucket.window_s(emission),
            remaining: bucket.remaining(emission, tat, self.now),
            reset_s: bucket.next_token(emission, tat, self.now).map(whole_seconds),
        }
    }

    fn quota_limit(&self, quota: &Quota, window: &Window, count: u64) -> Limit {
        Limit {
            name: Arc::clone(&quota.name),
            limit: quota.limit,
            window_s: whole_seconds(window.end - window.start),
            remaining: quota.limit.saturating_sub(count),
            reset_s: Some(whole_seconds(window.end - self.now)),
        }
    }
}

fn throttled(refusals: Vec<Refusal>) -> Verdict {
    let longest = refusals.iter().map(|refusal| refusal.wait).max().unwrap_or_default();
    Verdict::Throttled {
        quota: refusals.iter().any(|refusal| refusal.quota),
        violated: refusals.into_iter().map(|refusal| refusal.name).collect(),
        retry_after_s: whole_seconds(longest),
    }
}

impl Limit {
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    fn used_share(&self) -> f64 {
        self.limit.saturating_sub(self.remaining) as f64 / self.limit.max(1) as f64
    }
}

impl Decision {
    /// A verdict that tells no limits.
    pub(crate) fn of(verdict: Verdict) -> Self {
        Self { verdict, limits: Vec::new(), near_limit: false, degraded: false }
    }

    /// The limit with the fewest calls left, the one a caller meets first; of equals the one that keeps it
    /// longest.
    #[must_use]
    pub fn nearest(&self) -> Option<&Limit> {
        self.limits.iter().min_by_key(|limit| (limit.remaining, std::cmp::Reverse(limit.reset_s)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PlanDocument, SECOND};
    use proptest::prelude::*;

    /// 2026-11-22T00:00:00Z
    const MIDNIGHT: Nanos = 1_795_305_600 * SECOND;

    fn plan(json: &str) -> Plan {
        Plan::new("p", serde_json::from_str::<PlanDocument>(json).unwrap()).unwrap()
    }

    /// Decides and charges, as a store does.
    fn call(plan: &Plan, route: Option<&RouteLimit>, usage: &mut Usage, cost: u64, now: Nanos) -> Decision {
        let (decision, charge) = Demand::new(plan, route, cost, now).unwrap().weigh(usage);
        if decision.verdict == Verdict::Allowed {
            usage.apply(charge, now);
        }
        decision
    }

    fn throttled(decision: &Decision) -> (bool, Vec<&str>, u64) {
        match &decision.verdict {
            Verdict::Throttled { quota, violated, retry_after_s } => {
                (*quota, violated.iter().map(AsRef::as_ref).collect(), *retry_after_s)
            }
            other => panic!("{other:?}"),
        }
    }

    const FREE: &str = r#"{"throttle":{"rate":1,"burst":5},"quotas":[{"limit":6,"period":"day"}]}"#;

    #[test]
    fn every_limit_is_told_after_the_charge() {
        let decision = call(&plan(FREE), None, &mut Usage::default(), 2, MIDNIGHT);
        assert_eq!(decision.verdict, Verdict::Allowed);
        assert_eq!(
            decision.limits,
            [
                Limit { name: "burst".into(), limit: 5, window_s: 5, remaining: 3, reset_s: Some(1) },
                Limit { name: "day".into(), limit: 6, window_s: 86_400, remaining: 4, reset_s: Some(86_400) },
            ]
        );
    }

    #[test]
    fn a_call_that_one_limit_refuses_is_charged_to_none() {
        let (plan, mut usage) = (plan(FREE), Usage::default());
        call(&plan, None, &mut usage, 5, MIDNIGHT);
        let before = usage.clone();
        let decision = call(&plan, None, &mut usage, 1, MIDNIGHT);
        assert_eq!(throttled(&decision), (false, vec!["burst"], 1));
        assert_eq!(usage, before);
        assert_eq!(decision.limits[1].remaining, 1);
    }

    #[test]
    fn two_violated_limits_are_both_named_and_the_longer_wait_counts() {
        let (plan, mut usage) = (plan(FREE), Usage::default());
        call(&plan, None, &mut usage, 5, MIDNIGHT);
        let decision = call(&plan, None, &mut usage, 3, MIDNIGHT);
        assert_eq!(throttled(&decision), (true, vec!["burst", "day"], 86_400));
    }

    #[test]
    fn an_exhausted_quota_takes_no_rate_tokens_and_ends_with_its_window() {
        let (plan, mut usage) = (plan(FREE), Usage::default());
        call(&plan, None, &mut usage, 5, MIDNIGHT);
        call(&plan, None, &mut usage, 1, MIDNIGHT + 10 * SECOND);
        let decision = call(&plan, None, &mut usage, 1, MIDNIGHT + 20 * SECOND);
        assert_eq!(throttled(&decision), (true, vec!["day"], 86_380));
        assert_eq!(decision.limits[0].remaining, 5);
        assert_eq!(call(&plan, None, &mut usage, 1, MIDNIGHT + 86_400 * SECOND).verdict, Verdict::Allowed);
    }

    #[test]
    fn a_route_with_a_limit_of_its_own_takes_from_both_buckets() {
        let plan = plan(r#"{"throttle":{"rate":1,"burst":5},"routes":{"POST /pay":{"rate":1,"burst":1}}}"#);
        let (route, mut usage) = (plan.route_limit("POST", "/pay").cloned(), Usage::default());
        let first = call(&plan, route.as_deref(), &mut usage, 1, MIDNIGHT);
        assert_eq!(
            first.limits.iter().map(|limit| (&*limit.name, limit.remaining)).collect::<Vec<_>>(),
            [("burst", 4), ("POST /pay", 0)]
        );
        let second = call(&plan, route.as_deref(), &mut usage, 1, MIDNIGHT);
        assert_eq!(throttled(&second), (false, vec!["POST /pay"], 1));
        assert_eq!(call(&plan, None, &mut usage, 1, MIDNIGHT).limits[0].remaining, 3);
    }

    #[test]
    fn a_cost_of_zero_reads_without_taking() {
        let (plan, mut usage) = (plan(FREE), Usage::default());
        call(&plan, None, &mut usage, 5, MIDNIGHT);
        let decision = call(&plan, None, &mut usage, 0, MIDNIGHT);
        assert_eq!(decision.verdict, Verdict::Allowed);
        assert_eq!(decision.limits.iter().map(|limit| limit.remaining).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn what_can_never_pass_is_not_told_to_come_back() {
        for (json, cost) in [
            (FREE, 6),
            (r#"{"quotas":[{"limit":3,"period":"day"}]}"#, 4),
            (r#"{"quotas":[{"limit":0,"period":"day"}]}"#, 1),
            (r#"{"throttle":{"rate":0,"burst":5}}"#, 1),
            (r#"{"throttle":{"rate":5,"burst":0}}"#, 1),
        ] {
            let decision = call(&plan(json), None, &mut Usage::default(), cost, MIDNIGHT);
            assert_eq!(decision.verdict, Verdict::Impossible, "{json}");
        }
    }

    #[test]
    fn an_unlimited_plan_allows_and_has_nothing_to_tell() {
        let decision = call(&plan("{}"), None, &mut Usage::default(), 1_000_000, MIDNIGHT);
        assert_eq!(decision, Decision::of(Verdict::Allowed));
        assert_eq!(decision.nearest(), None);
    }

    #[test]
    fn a_quota_lowered_below_what_is_used_refuses_without_going_negative() {
        let mut usage = Usage::default();
        call(&plan(r#"{"quotas":[{"limit":100,"period":"month"}]}"#), None, &mut usage, 50, MIDNIGHT);
        let lowered = plan(r#"{"quotas":[{"limit":10,"period":"month"}]}"#);
        let decision = call(&lowered, None, &mut usage, 1, MIDNIGHT);
        assert_eq!((throttled(&decision).0, decision.limits[0].remaining), (true, 0));
        let raised = plan(r#"{"quotas":[{"limit":51,"period":"month"}]}"#);
        assert_eq!(call(&raised, None, &mut usage, 1, MIDNIGHT).verdict, Verdict::Allowed);
    }

    #[test]
    fn near_the_limit_is_where_the_plan_says() {
        let (plan, mut usage) =
            (plan(r#"{"quotas":[{"limit":10,"period":"day"}],"near_limit":0.5}"#), Usage::default());
        assert!(!call(&plan, None, &mut usage, 4, MIDNIGHT).near_limit);
        assert!(call(&plan, None, &mut usage, 1, MIDNIGHT).near_limit);
    }

    #[test]
    fn the_nearest_limit_is_the_one_with_the_fewest_calls_left() {
        let (plan, mut usage) = (plan(FREE), Usage::default());
        assert_eq!(&*call(&plan, None, &mut usage, 5, MIDNIGHT).nearest().unwrap().name, "burst");
        assert_eq!(&*call(&plan, None, &mut usage, 0, MIDNIGHT + 60 * SECOND).nearest().unwrap().name, "day");
    }

    proptest! {
        #[test]
        fn a_throttled_call_passes_after_the_time_it_was_told(
            calls in proptest::collection::vec((0i128..3_000_000_000, 1u64..6), 1..60),
        ) {
            let (plan, mut usage, mut now) = (plan(FREE), Usage::default(), MIDNIGHT);
            for (step, cost) in calls {
                now += step;
                if cost > 5 { continue; }
                let decision = call(&plan, None, &mut usage, cost, now);
                if let Verdict::Throttled { retry_after_s, .. } = decision.verdict {
                    let later = now + Nanos::from(retry_after_s) * SECOND;
                    prop_assert_eq!(call(&plan, None, &mut usage.clone(), cost, later).verdict, Verdict::Allowed);
                    prop_assert!(retry_after_s >= 1);
                }
            }
        }

        #[test]
        fn a_day_never_admits_more_than_its_quota(
            calls in proptest::collection::vec((0i128..40_000, 1u64..3), 1..80),
        ) {
            let plan = plan(r#"{"quotas":[{"limit":9,"period":"day"}]}"#);
            let (mut usage, mut now) = (Usage::default(), MIDNIGHT);
            let mut days = std::collections::HashMap::new();
            for (step, cost) in calls {
                now += step * SECOND;
                if call(&plan, None, &mut usage, cost, now).verdict == Verdict::Allowed {
                    *days.entry(now / (86_400 * SECOND)).or_insert(0) += cost;
                }
            }
            prop_assert!(days.values().all(|total| *total <= 9));
        }
    }
}
