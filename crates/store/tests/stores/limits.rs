//! Kinds of limits and of plans beyond bucket, day and month: on every store.

use std::sync::Arc;

use limits::{Decision, SECOND, Verdict};

use crate::cases::{stores, test_on_stores};
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, Subject, caller, patient, plan, retry_after_s, violated};

test_on_stores! {
    stores [embedded, ministack, dynalite]
    a_sliding_window_counts_the_previous_one_by_its_overlap
    a_sliding_window_admits_its_limit_and_says_when_there_is_more
    a_sliding_window_goes_with_routes_and_quotas_or_not_at_all
    a_slow_clock_never_opens_a_window_that_is_over
    a_week_starts_on_the_configured_day
    a_day_in_a_time_zone_is_one_window
    quotas_of_one_period_in_two_zones_count_apart
    a_raised_rate_or_burst_admits_at_once
    a_lowered_sliding_window_refuses_and_charges_nothing
    a_changed_sliding_limit_of_the_same_width_keeps_the_count
    a_plan_in_shadow_mode_refuses_nothing_and_reports_what_it_would_refuse
    a_plan_with_leases_admits_no_more_than_its_burst
    near_the_limit_is_told_from_the_plans_share_on
}

fn at(text: &str) -> i128 {
    text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()
}

fn remaining(decision: &Decision) -> Vec<u64> {
    decision
        .limits
        .iter()
        .map(|limit| limit.remaining)
        .collect()
}

const SLIDING: &str = r#"{"algorithm":"sliding_window","window_s":10,"limit":20}"#;

/// 20 at 0.9 of a window: at 1.1 nine tenths of them still count, rounded up.
async fn a_sliding_window_counts_the_previous_one_by_its_overlap(subject: Arc<Subject>) {
    let (plan, caller) = (plan(SLIDING), caller());
    assert_eq!(
        subject
            .admitted(&caller, &plan, 25, NOON + 9 * SECOND)
            .await,
        20
    );
    assert_eq!(
        subject
            .admitted(&caller, &plan, 25, NOON + 11 * SECOND)
            .await,
        2
    );
    assert_eq!(
        subject
            .admitted(&caller, &plan, 25, NOON + 40 * SECOND)
            .await,
        20
    );
}

async fn a_sliding_window_admits_its_limit_and_says_when_there_is_more(subject: Arc<Subject>) {
    let (plan, caller) = (plan(SLIDING), caller());
    let first = subject.call(&caller, &plan, 15, NOON).await;
    assert_eq!(
        (
            &*first.limits[0].name,
            first.limits[0].limit,
            first.limits[0].window_s
        ),
        ("window", 20, Some(10))
    );
    assert_eq!(remaining(&first), [5]);
    let denied = subject.call(&caller, &plan, 6, NOON + SECOND).await;
    assert_eq!(
        (violated(&denied), remaining(&denied)),
        (vec!["window"], vec![5])
    );
    // From 12:00:10 on the fifteen fade, 1.5 a second.
    let wait = i128::from(retry_after_s(&denied));
    assert_eq!(wait, 10);
    assert!(
        !subject
            .passes(&caller, &plan, 6, NOON + wait * SECOND)
            .await
    );
    assert!(
        subject
            .passes(&caller, &plan, 6, NOON + (wait + 1) * SECOND)
            .await
    );
}

async fn a_sliding_window_goes_with_routes_and_quotas_or_not_at_all(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"algorithm":"sliding_window","window_s":10,"limit":5,"routes":{"POST /pay":{"rate":0.01,"burst":1}},
            "quotas":[{"limit":4,"period":"day"}]}"#,
    );
    let (caller, route) = (caller(), plan.route_limit("POST", "/pay").cloned());
    let first = subject
        .call_route(&caller, &plan, route.as_deref(), 1, NOON)
        .await;
    assert_eq!(
        (&first.verdict, remaining(&first)),
        (&Verdict::Allowed, vec![4, 0, 3])
    );
    let second = subject
        .call_route(&caller, &plan, route.as_deref(), 1, NOON)
        .await;
    assert_eq!(
        (violated(&second), remaining(&second)),
        (vec!["POST /pay"], vec![4, 0, 3])
    );
    assert_eq!(subject.admitted(&caller, &plan, 9, NOON).await, 3);
    let last = subject.call(&caller, &plan, 1, NOON).await;
    assert_eq!(
        (violated(&last), remaining(&last)),
        (vec!["day"], vec![1, 0])
    );
}

async fn a_slow_clock_never_opens_a_window_that_is_over(subject: Arc<Subject>) {
    let (plan, caller) = (plan(SLIDING), caller());
    assert_eq!(
        subject
            .admitted(&caller, &plan, 25, NOON + 20 * SECOND)
            .await,
        20
    );
    for behind in [1, 5, 11] {
        assert_eq!(
            subject
                .admitted(&caller, &plan, 5, NOON + (20 - behind) * SECOND)
                .await,
            0,
            "{behind} s"
        );
    }
}

async fn a_week_starts_on_the_configured_day(subject: Arc<Subject>) {
    // NOON is on a Sunday.
    for (starts_on, next) in [(1, "2026-11-23T00:00:00Z"), (7, "2026-11-29T00:00:00Z")] {
        let caller = caller();
        let plan = plan(&format!(
            r#"{{"quotas":[{{"limit":2,"period":"week","starts_on":{starts_on}}}]}}"#
        ));
        assert_eq!(subject.admitted(&caller, &plan, 3, NOON).await, 2);
        assert_eq!(
            subject.admitted(&caller, &plan, 3, at(next) - 1).await,
            0,
            "{starts_on}"
        );
        assert_eq!(
            subject.admitted(&caller, &plan, 3, at(next)).await,
            2,
            "{starts_on}"
        );
    }
}

async fn a_day_in_a_time_zone_is_one_window(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":3,"period":"day","time_zone":"Europe/Berlin"}]}"#);
    for (start, end, hours) in [
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
        ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
    ] {
        let caller = caller();
        let first = subject.call(&caller, &plan, 1, at(start)).await;
        assert_eq!(
            (first.limits[0].window_s, first.limits[0].reset_s),
            (Some(hours * 3600), Some(hours * 3600))
        );
        // In the hour that comes twice, and at the very end.
        assert!(
            subject
                .passes(&caller, &plan, 1, at(start) + 3 * 3600 * SECOND)
                .await
        );
        assert_eq!(
            subject.admitted(&caller, &plan, 2, at(end) - 1).await,
            1,
            "{start}"
        );
        assert_eq!(
            subject.admitted(&caller, &plan, 4, at(end)).await,
            3,
            "{start}"
        );
    }
}

async fn quotas_of_one_period_in_two_zones_count_apart(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"quotas":[{"limit":3,"period":"day"},{"name":"tokyo","limit":5,"period":"day","time_zone":"Asia/Tokyo"}]}"#,
    );
    let caller = caller();
    assert_eq!(
        remaining(&subject.call(&caller, &plan, 2, NOON).await),
        [1, 3]
    );
    // Tokyo's next day begins at 15:00 UTC.
    assert_eq!(
        remaining(
            &subject
                .call(&caller, &plan, 1, at("2026-11-22T15:00:00Z"))
                .await
        ),
        [0, 4]
    );
    assert_eq!(
        remaining(
            &subject
                .call(&caller, &plan, 1, at("2026-11-23T00:00:00Z"))
                .await
        ),
        [2, 3]
    );
}

async fn a_raised_rate_or_burst_admits_at_once(subject: Arc<Subject>) {
    let slow = plan(r#"{"throttle":{"rate":0.001,"burst":2}}"#);
    for raised in [
        r#"{"throttle":{"rate":1,"burst":2}}"#,
        r#"{"throttle":{"rate":0.001,"burst":3}}"#,
    ] {
        let caller = caller();
        assert_eq!(subject.admitted(&caller, &slow, 3, NOON).await, 2);
        assert!(
            subject
                .passes(&caller, &plan(raised), 1, NOON + SECOND)
                .await,
            "{raised}"
        );
    }
}

async fn a_lowered_sliding_window_refuses_and_charges_nothing(subject: Arc<Subject>) {
    let (ample, caller) = (plan(SLIDING), caller());
    subject.call(&caller, &ample, 15, NOON).await;
    let lowered = plan(r#"{"algorithm":"sliding_window","window_s":10,"limit":10}"#);
    let denied = subject.call(&caller, &lowered, 1, NOON).await;
    assert_eq!(
        (violated(&denied), remaining(&denied)),
        (vec!["window"], vec![0])
    );
    assert_eq!(
        remaining(&subject.call(&caller, &ample, 1, NOON).await),
        [4]
    );
}

async fn a_changed_sliding_limit_of_the_same_width_keeps_the_count(subject: Arc<Subject>) {
    let caller = caller();
    subject.call(&caller, &plan(SLIDING), 15, NOON).await;
    let raised = plan(r#"{"algorithm":"sliding_window","window_s":10,"limit":30}"#);
    assert_eq!(
        remaining(&subject.call(&caller, &raised, 1, NOON).await),
        [14]
    );
    let wider = plan(r#"{"algorithm":"sliding_window","window_s":20,"limit":30}"#);
    assert_eq!(
        remaining(&subject.call(&caller, &wider, 1, NOON).await),
        [29]
    );
}

async fn a_plan_in_shadow_mode_refuses_nothing_and_reports_what_it_would_refuse(
    subject: Arc<Subject>,
) {
    let shadow = plan(
        r#"{"shadow":true,"throttle":{"rate":0.01,"burst":2},"quotas":[{"limit":9,"period":"day"}]}"#,
    );
    let caller = caller();
    for _ in 0..2 {
        assert_eq!(subject.call(&caller, &shadow, 1, NOON).await.shadowed, None);
    }
    for _ in 0..3 {
        let decision = subject.call(&caller, &shadow, 1, NOON).await;
        assert_eq!(
            (&decision.verdict, &decision.charge),
            (&Verdict::Allowed, &None)
        );
        assert!(matches!(
            decision.shadowed,
            Some(Verdict::Throttled {
                quota: false,
                retry_after_s: 100,
                ..
            })
        ));
        assert_eq!(remaining(&decision), [0, 7]);
    }
    let impossible = subject.call(&caller, &shadow, 3, NOON).await;
    assert_eq!(
        (impossible.verdict, impossible.shadowed),
        (Verdict::Allowed, Some(Verdict::Impossible))
    );
    let look = subject
        .store
        .peek_at(&caller, &shadow, None, 1, NOON, patient())
        .await
        .unwrap();
    assert!(look.verdict == Verdict::Allowed && look.shadowed.is_some());
}

/// B = 100, r ~ 0: one of the burst is set aside for what a lease may bring back.
async fn a_plan_with_leases_admits_no_more_than_its_burst(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":0.001,"burst":100},"lease":8}"#);
    let (caller, mut admitted) = (caller(), 0);
    for call in 0..300 {
        admitted += u64::from(
            subject
                .passes(&caller, &plan, 1, NOON + call * SECOND / 1000)
                .await,
        );
    }
    assert!(
        (90..=99).contains(&admitted),
        "{}: {admitted}",
        subject.name
    );
}

async fn near_the_limit_is_told_from_the_plans_share_on(subject: Arc<Subject>) {
    let plan = plan(r#"{"algorithm":"sliding_window","window_s":60,"limit":10,"near_limit":0.5}"#);
    let caller = caller();
    assert!(!subject.call(&caller, &plan, 4, NOON).await.near_limit);
    assert!(subject.call(&caller, &plan, 1, NOON).await.near_limit);
    let look = subject
        .store
        .peek_at(&caller, &plan, None, 1, NOON, patient())
        .await
        .unwrap();
    assert!(look.near_limit);
}
