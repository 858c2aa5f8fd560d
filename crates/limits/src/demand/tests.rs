use super::*;
use crate::{PlanDocument, SECOND};
use proptest::prelude::*;

/// 2026-11-22T00:00:00Z
const MIDNIGHT: Nanos = 1_795_305_600 * SECOND;

fn plan(json: &str) -> Plan {
    Plan::new("p", serde_json::from_str::<PlanDocument>(json).unwrap()).unwrap()
}

/// Decides on a call and charges it, as a store does.
fn call(
    plan: &Plan,
    route: Option<&RouteLimit>,
    usage: &mut Usage,
    cost: u64,
    now: Nanos,
) -> Decision {
    Demand::new(plan, route, cost, now).unwrap().charge(usage)
}

fn throttled(decision: &Decision) -> (bool, Vec<&str>, u64) {
    match &decision.verdict {
        Verdict::Throttled {
            quota,
            violated,
            retry_after_s,
        } => (
            *quota,
            violated.iter().map(AsRef::as_ref).collect(),
            *retry_after_s,
        ),
        other => panic!("expected a throttled call, got {other:?}"),
    }
}

const FREE: &str = r#"{"throttle":{"rate":1,"burst":5},"quotas":[{"limit":6,"period":"day"}]}"#;

#[test]
fn decision_contains_every_limit_after_the_charge() {
    let decision = call(&plan(FREE), None, &mut Usage::default(), 2, MIDNIGHT);
    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(
        decision.limits[..],
        [
            Limit {
                name: "burst".into(),
                limit: 5,
                window_s: Some(5),
                remaining: 3,
                reset_s: Some(1)
            },
            Limit {
                name: "day".into(),
                limit: 6,
                window_s: Some(86_400),
                remaining: 4,
                reset_s: Some(86_400)
            },
        ]
    );
}

#[test]
fn decision_on_two_limits_needs_no_allocation() {
    let (plan, mut usage) = (plan(FREE), Usage::default());
    let allowed = call(&plan, None, &mut usage, 5, MIDNIGHT);
    let refused = call(&plan, None, &mut usage, 1, MIDNIGHT);

    assert!(!allowed.limits.spilled() && !refused.limits.spilled());
    assert!(
        matches!(&refused.verdict, Verdict::Throttled { violated, .. } if !violated.spilled()),
        "{refused:?}"
    );
}

#[test]
fn call_refused_by_one_limit_is_charged_to_none() {
    let (plan, mut usage) = (plan(FREE), Usage::default());
    call(&plan, None, &mut usage, 5, MIDNIGHT);
    let before = usage.clone();

    let decision = call(&plan, None, &mut usage, 1, MIDNIGHT);
    assert_eq!(throttled(&decision), (false, vec!["burst"], 1));
    assert_eq!(usage, before);
    assert_eq!(decision.limits[1].remaining, 1);
}

#[test]
fn all_violated_limits_are_named_and_the_longest_wait_counts() {
    let (plan, mut usage) = (plan(FREE), Usage::default());
    call(&plan, None, &mut usage, 5, MIDNIGHT);

    let decision = call(&plan, None, &mut usage, 3, MIDNIGHT);
    assert_eq!(throttled(&decision), (true, vec!["burst", "day"], 86_400));
}

#[test]
fn exhausted_quota_takes_no_tokens_and_is_renewed_with_its_window() {
    let (plan, mut usage) = (plan(FREE), Usage::default());
    call(&plan, None, &mut usage, 5, MIDNIGHT);
    call(&plan, None, &mut usage, 1, MIDNIGHT + 10 * SECOND);

    let decision = call(&plan, None, &mut usage, 1, MIDNIGHT + 20 * SECOND);
    assert_eq!(throttled(&decision), (true, vec!["day"], 86_380));
    assert_eq!(decision.limits[0].remaining, 5);

    assert_eq!(
        call(&plan, None, &mut usage, 1, MIDNIGHT + 86_400 * SECOND).verdict,
        Verdict::Allowed
    );
}

#[test]
fn limited_route_takes_from_both_buckets() {
    let plan =
        plan(r#"{"throttle":{"rate":1,"burst":5},"routes":{"POST /pay":{"rate":1,"burst":1}}}"#);
    let (route, mut usage) = (plan.route_limit("POST", "/pay").cloned(), Usage::default());

    let first = call(&plan, route.as_deref(), &mut usage, 1, MIDNIGHT);
    assert_eq!(
        first
            .limits
            .iter()
            .map(|limit| (&*limit.name, limit.remaining))
            .collect::<Vec<_>>(),
        [("burst", 4), ("POST /pay", 0)]
    );

    let second = call(&plan, route.as_deref(), &mut usage, 1, MIDNIGHT);
    assert_eq!(throttled(&second), (false, vec!["POST /pay"], 1));
    assert_eq!(
        call(&plan, None, &mut usage, 1, MIDNIGHT).limits[0].remaining,
        3
    );
}

#[test]
fn cost_of_0_takes_nothing() {
    let (plan, mut usage) = (plan(FREE), Usage::default());
    call(&plan, None, &mut usage, 5, MIDNIGHT);

    let decision = call(&plan, None, &mut usage, 0, MIDNIGHT);
    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(
        decision
            .limits
            .iter()
            .map(|limit| limit.remaining)
            .collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn call_that_can_never_pass_is_impossible() {
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
fn unlimited_plan_allows_calls_without_limits_in_the_decision() {
    let decision = call(
        &plan("{}"),
        None,
        &mut Usage::default(),
        1_000_000,
        MIDNIGHT,
    );
    assert_eq!(decision, Decision::of(Verdict::Allowed));
    assert_eq!(decision.nearest(), None);
}

#[test]
fn quota_lowered_below_its_usage_has_0_remaining() {
    let mut usage = Usage::default();
    call(
        &plan(r#"{"quotas":[{"limit":100,"period":"month"}]}"#),
        None,
        &mut usage,
        50,
        MIDNIGHT,
    );

    let lowered = plan(r#"{"quotas":[{"limit":10,"period":"month"}]}"#);
    let decision = call(&lowered, None, &mut usage, 1, MIDNIGHT);
    assert_eq!(
        (throttled(&decision).0, decision.limits[0].remaining),
        (true, 0)
    );

    let raised = plan(r#"{"quotas":[{"limit":51,"period":"month"}]}"#);
    assert_eq!(
        call(&raised, None, &mut usage, 1, MIDNIGHT).verdict,
        Verdict::Allowed
    );
}

#[test]
fn near_limit_follows_the_share_in_the_plan() {
    let (plan, mut usage) = (
        plan(r#"{"quotas":[{"limit":10,"period":"day"}],"near_limit":0.5}"#),
        Usage::default(),
    );

    assert!(!call(&plan, None, &mut usage, 4, MIDNIGHT).near_limit);
    assert!(call(&plan, None, &mut usage, 1, MIDNIGHT).near_limit);
}

#[test]
fn nearest_limit_has_the_fewest_calls_left() {
    let (plan, mut usage) = (plan(FREE), Usage::default());

    assert_eq!(
        &*call(&plan, None, &mut usage, 5, MIDNIGHT)
            .nearest()
            .unwrap()
            .name,
        "burst"
    );
    assert_eq!(
        &*call(&plan, None, &mut usage, 0, MIDNIGHT + 60 * SECOND)
            .nearest()
            .unwrap()
            .name,
        "day"
    );
}

proptest! {
    #[test]
    fn throttled_call_passes_after_retry_after(
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
    fn day_never_admits_more_than_its_quota(
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

#[test]
fn demand_at_another_instant_has_the_windows_of_that_instant() {
    let plan = plan(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
    let today = Demand::new(&plan, None, 3, MIDNIGHT).unwrap();

    let tomorrow = today.times(2).at(MIDNIGHT + 86_400 * SECOND).unwrap();
    assert_eq!(tomorrow.now(), MIDNIGHT + 86_400 * SECOND);
    assert_eq!(tomorrow.cost(), 6);
    assert_ne!(today.windows()[0].1.id, tomorrow.windows()[0].1.id);
    assert!(today.at(Nanos::MAX / 2).is_none());
}

/// 2026-11-22T12:00:00Z
const NOON: Nanos = 1_795_348_800 * SECOND;

#[test]
fn quota_with_overage_counts_on_and_flags_the_call() {
    let plan = plan(r#"{"quotas":[{"limit":2,"period":"day","overage":"allow"}]}"#);
    let mut usage = Usage::default();
    let decisions: Vec<_> = (0..4)
        .map(|_| {
            Demand::new(&plan, None, 1, NOON)
                .unwrap()
                .charge(&mut usage)
        })
        .collect();

    let flags = decisions.iter().map(|decision| decision.over_quota);
    assert_eq!(flags.collect::<Vec<_>>(), [false, false, true, true]);
    assert!(
        decisions
            .iter()
            .all(|decision| decision.verdict == Verdict::Allowed)
    );
    assert_eq!(decisions[3].limits[0].remaining, 0);

    let demand = Demand::new(&plan, None, 9, NOON).unwrap();
    assert!(!demand.is_impossible(&usage));
    assert_eq!(usage.used(demand.windows()[0].1.id), 4);
    assert_eq!(demand.calls_left(&usage), u64::MAX / 9);
}

#[test]
fn prepaid_quota_has_no_window_and_only_grants_make_room() {
    let plan = plan(r#"{"quotas":[{"limit":0,"period":"total"}]}"#);
    let mut usage = Usage::default();
    let demand = |now| Demand::new(&plan, None, 1, now).unwrap();
    assert_eq!(demand(NOON).evaluate(&usage).verdict, Verdict::Impossible);

    let window = demand(NOON).windows()[0].1;
    usage.adjust(window.id, window.end, -1, 1);
    let decision = demand(NOON).charge(&mut usage);
    let limit = &decision.limits[0];
    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(
        (limit.limit, limit.window_s, limit.reset_s),
        (1, None, None)
    );

    let later = NOON + 5000 * 86_400 * SECOND;
    let Verdict::Throttled {
        quota,
        retry_after_s,
        ..
    } = demand(later).charge(&mut usage).verdict
    else {
        panic!("expected a refusal");
    };
    assert_eq!((quota, retry_after_s), (true, 86_400));
}
