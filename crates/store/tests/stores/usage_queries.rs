//! Callers' questions about their own usage: on every store.

use std::sync::Arc;
use std::time::Instant;

use aws::Deadline;
use limits::{Caller, Decision, Plan, SECOND, Verdict};

use crate::cases::{stores, test_on_stores};
use crate::failure::{DEADLINE, World};
use testing::Fault;
use testing::store_time::StoreAt as _;
use testing::stores::{
    NOON, Subject, TEST_DEADLINE, aws, caller, instance, now, patient, plan, retry_after_s,
    violated,
};

const QUERY: &str = "GET /_tollgate/usage";

test_on_stores! {
    stores [embedded, ministack, dynalite]
    a_caller_without_quota_may_ask_five_times_and_then_once_per_second
    the_plans_rate_refuses_a_query_and_is_not_charged
    the_sliding_window_refuses_a_query_and_is_not_charged
    a_query_counts_in_no_quota_and_on_no_day
    a_plan_without_limits_bounds_queries_too
    a_plan_may_set_the_limit_of_queries
    a_plan_in_shadow_refuses_queries_by_the_default_limit_alone
    callers_who_share_a_plan_share_its_queries
    a_plan_that_leases_charges_each_query
    a_rate_of_zero_makes_a_query_impossible
}

async fn ask(subject: &Subject, caller: &Caller, plan: &Plan, now: i128) -> Decision {
    let decision = subject
        .store
        .charge_usage_query_at(caller, plan, now, patient())
        .await
        .expect("a decision");
    assert!(
        !decision.degraded,
        "{}: the store did not answer",
        subject.name
    );
    decision
}

/// How many of `queries` at one instant pass.
async fn admitted(subject: &Subject, caller: &Caller, plan: &Plan, queries: u64, now: i128) -> u64 {
    let mut admitted = 0;
    for _ in 0..queries {
        admitted += u64::from(ask(subject, caller, plan, now).await.verdict == Verdict::Allowed);
    }
    admitted
}

fn names(decision: &Decision) -> Vec<&str> {
    decision.limits.iter().map(|limit| &*limit.name).collect()
}

async fn a_caller_without_quota_may_ask_five_times_and_then_once_per_second(subject: Arc<Subject>) {
    let plan =
        plan(r#"{"throttle":{"rate":100,"burst":100},"quotas":[{"limit":1,"period":"month"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 3, NOON).await, 1);

    let first = ask(&subject, &caller, &plan, NOON).await;
    assert_eq!(
        (&first.verdict, names(&first)),
        (&Verdict::Allowed, vec!["burst", QUERY])
    );
    assert_eq!((first.limits[1].limit, first.limits[1].remaining), (5, 4));
    assert_eq!(first.charge, None);
    assert_eq!(admitted(&subject, &caller, &plan, 9, NOON).await, 4);

    let refused = ask(&subject, &caller, &plan, NOON).await;
    assert_eq!(
        (violated(&refused), retry_after_s(&refused)),
        (vec![QUERY], 1)
    );
    assert!(matches!(
        refused.verdict,
        Verdict::Throttled { quota: false, .. }
    ));
    assert_eq!(
        admitted(&subject, &caller, &plan, 3, NOON + SECOND).await,
        1
    );
    assert!(!subject.passes(&caller, &plan, 1, NOON + SECOND).await);
}

async fn the_plans_rate_refuses_a_query_and_is_not_charged(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":0.001,"burst":1}}"#), caller());
    let before = ask(&subject, &caller, &plan, NOON).await;
    assert_eq!(
        (&before.verdict, before.limits[0].remaining),
        (&Verdict::Allowed, 1)
    );
    assert_eq!(subject.admitted(&caller, &plan, 2, NOON).await, 1);

    for _ in 0..3 {
        let refused = ask(&subject, &caller, &plan, NOON).await;
        assert_eq!(
            (violated(&refused), retry_after_s(&refused)),
            (vec!["burst"], 1000)
        );
        assert_eq!(
            refused.limits[1].remaining, 4,
            "a refused query is charged nothing"
        );
    }
    assert_eq!(
        admitted(&subject, &caller, &plan, 9, NOON + 1000 * SECOND).await,
        5
    );
    assert!(
        subject
            .passes(&caller, &plan, 1, NOON + 1000 * SECOND)
            .await
    );
}

async fn the_sliding_window_refuses_a_query_and_is_not_charged(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"algorithm":"sliding_window","window_s":10,"limit":4}"#),
        caller(),
    );
    let before = ask(&subject, &caller, &plan, NOON).await;
    assert_eq!(
        (&before.verdict, names(&before)),
        (&Verdict::Allowed, vec!["window", QUERY])
    );
    assert_eq!(before.limits[0].remaining, 4);
    assert_eq!(subject.admitted(&caller, &plan, 9, NOON).await, 4);

    let refused = ask(&subject, &caller, &plan, NOON).await;
    assert_eq!(violated(&refused), ["window"]);
    // The four fade during the next window; 2.5 s into it there is room for one.
    assert_eq!(
        admitted(&subject, &caller, &plan, 1, NOON + 12 * SECOND).await,
        0
    );
    assert_eq!(
        admitted(&subject, &caller, &plan, 3, NOON + 13 * SECOND).await,
        3
    );
    assert_eq!(
        subject
            .admitted(&caller, &plan, 9, NOON + 13 * SECOND)
            .await,
        1
    );
    assert_eq!(
        admitted(&subject, &caller, &plan, 3, NOON + 13 * SECOND).await,
        0
    );
    assert_eq!(
        admitted(&subject, &caller, &plan, 1, NOON + 60 * SECOND).await,
        1
    );
}

async fn a_query_counts_in_no_quota_and_on_no_day(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":9,"period":"day"}]}"#), caller());
    assert!(subject.passes(&caller, &plan, 2, NOON).await);
    assert_eq!(admitted(&subject, &caller, &plan, 5, NOON).await, 5);

    let day = "2026-11-22".parse().unwrap();
    let report = subject
        .store
        .usage_at(&caller, Some(&plan), day, day, NOON, patient())
        .await
        .unwrap();
    assert_eq!(
        (
            report.days[0].units,
            report.quotas[0].used,
            report.quotas[0].remaining
        ),
        (2, 2, 7)
    );
}

async fn a_plan_without_limits_bounds_queries_too(subject: Arc<Subject>) {
    let (plan, caller) = (plan("{}"), caller());
    assert_eq!(admitted(&subject, &caller, &plan, 9, NOON).await, 5);
    assert_eq!(subject.admitted(&caller, &plan, 9, NOON).await, 9);
}

async fn a_plan_may_set_the_limit_of_queries(subject: Arc<Subject>) {
    for (route, expected) in [
        (QUERY, 2),
        ("ANY /_tollgate/usage", 2),
        ("ANY /{proxy+}", 5),
    ] {
        let plan = plan(&format!(
            r#"{{"routes":{{"{route}":{{"rate":0.01,"burst":2}}}}}}"#
        ));
        let caller = caller();
        assert_eq!(
            admitted(&subject, &caller, &plan, 9, NOON).await,
            expected,
            "{route}"
        );
    }
}

async fn a_plan_in_shadow_refuses_queries_by_the_default_limit_alone(subject: Arc<Subject>) {
    for limits in [
        r#""throttle":{"rate":0.001,"burst":1}"#,
        r#""algorithm":"sliding_window","window_s":10,"limit":1"#,
    ] {
        let route = r#"{"GET /_tollgate/usage":{"rate":0.01,"burst":1}}"#;
        let plan = plan(&format!(r#"{{"shadow":true,{limits},"routes":{route}}}"#));
        let caller = caller();
        subject.call(&caller, &plan, 1, NOON).await;
        assert_eq!(
            admitted(&subject, &caller, &plan, 9, NOON).await,
            5,
            "{limits}"
        );
    }
}

async fn callers_who_share_a_plan_share_its_queries(subject: Arc<Subject>) {
    // The plan is the caller, so that no other test may use its name.
    let document =
        serde_json::from_str(r#"{"shared_by_plan":true,"quotas":[{"limit":1,"period":"day"}]}"#)
            .unwrap();
    let Caller::Key(name) = caller() else {
        panic!("a key")
    };
    let plan = Plan::new(&name, document).unwrap();
    let (first, second) = (caller(), caller());
    assert_eq!(admitted(&subject, &first, &plan, 3, NOON).await, 3);
    assert_eq!(admitted(&subject, &second, &plan, 9, NOON).await, 2);
}

async fn a_plan_that_leases_charges_each_query(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"throttle":{"rate":100,"burst":1000},"lease":8}"#),
        caller(),
    );
    for call in 0..50 {
        subject
            .call(&caller, &plan, 1, NOON + call * SECOND / 1000)
            .await;
    }
    assert_eq!(
        admitted(&subject, &caller, &plan, 9, NOON + SECOND / 20).await,
        5
    );
}

async fn a_rate_of_zero_makes_a_query_impossible(subject: Arc<Subject>) {
    for document in [
        r#"{"throttle":{"rate":0,"burst":5}}"#,
        r#"{"algorithm":"sliding_window","window_s":10,"limit":0}"#,
        r#"{"routes":{"GET /_tollgate/usage":{"rate":1,"burst":0}}}"#,
    ] {
        let decision = ask(&subject, &caller(), &plan(document), NOON).await;
        assert_eq!(decision.verdict, Verdict::Impossible, "{document}");
    }
    let quota = plan(r#"{"quotas":[{"limit":0,"period":"day"}]}"#);
    assert_eq!(
        ask(&subject, &caller(), &quota, NOON).await.verdict,
        Verdict::Allowed
    );
}

#[tokio::test]
async fn a_query_is_one_write_and_a_refused_one_none() {
    let world = World::new().await;
    let store = instance(&aws(&world.proxy.url).await, TEST_DEADLINE);
    let (plan, caller) = (
        plan(r#"{"throttle":{"rate":1,"burst":9},"quotas":[{"limit":9,"period":"day"}]}"#),
        caller(),
    );
    let mut writes = Vec::new();
    for _ in 0..8 {
        let before = world.proxy.count("UpdateItem");
        store
            .charge_usage_query_at(&caller, &plan, NOON, patient())
            .await;
        writes.push(world.proxy.count("UpdateItem") - before);
    }
    assert_eq!(writes, [1, 1, 1, 1, 1, 0, 0, 0]);
}

#[tokio::test]
async fn without_the_store_the_plan_answers_a_query() {
    let world = World::new().await;
    for (policy, expected) in [("allow", 9), ("deny", 0), ("local", 1)] {
        world.proxy.fault_all(Fault::None);
        let store = world.warm().await;
        let plan = plan(&format!(
            r#"{{"throttle":{{"rate":1,"burst":100}},"quotas":[{{"limit":0,"period":"day"}}],"on_store_failure":"{policy}"}}"#
        ));
        let caller = caller();
        world.proxy.fault_all(Fault::Reset);

        let mut admitted = 0;
        for _ in 0..9 {
            let deadline = Deadline::after(Instant::now(), DEADLINE);
            let decision = store
                .charge_usage_query_at(&caller, &plan, now(), deadline)
                .await;
            assert!(decision.degraded, "{policy}");
            admitted += u64::from(decision.verdict == Verdict::Allowed);
        }
        assert_eq!(admitted, expected, "{policy}");
    }
}
