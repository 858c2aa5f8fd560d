//! What every store does, whichever it is: one table of cases, run against each. The numbers are
//! those of the limiter's scenarios.

use std::sync::Arc;

use limits::{Caller, Limits, SECOND, Verdict};
use registry::{KeyHash, KeyStatus};

use crate::cases::{stores, test_on_stores};
use testing::stores::{MILLISECOND, NOON, Subject, caller, patient, plan, retry_after_s, violated};

test_on_stores! {
    stores [embedded, ministack, dynalite]
    an_idle_hour_earns_no_more_than_the_burst
    a_quota_applies_to_each_calendar_window
    a_bucket_is_not_reset_at_the_end_of_a_window
    the_last_nanosecond_of_a_day_belongs_to_it
    a_month_ends_with_its_last_calendar_day
    a_raised_quota_admits_at_once
    a_lowered_quota_refuses_and_charges_nothing
    a_change_of_plan_keeps_the_usage_of_quotas_and_resets_buckets
    disabled_and_expired_keys_have_their_status
    malformed_and_unknown_keys_are_not_found
    a_clock_that_steps_back_refills_nothing
    a_retry_after_the_given_time_is_allowed
    retry_after_is_never_0
    a_refused_cost_charges_nothing
    a_call_that_can_never_pass_is_impossible
    a_cost_of_0_charges_nothing_and_reports_all_limits
    a_plan_without_limits_admits_and_reports_no_limits
    an_exhausted_month_takes_no_tokens
    both_violated_limits_are_named_and_the_longer_wait_is_returned
    a_route_is_charged_with_the_callers_bucket_or_not_at_all
    callers_do_not_share_their_limits
    plans_and_keys_are_found_by_name_and_hash
}

const DAY: i128 = 86_400 * SECOND;
/// The midnight after [`NOON`].
const MIDNIGHT: i128 = NOON + DAY / 2;

async fn an_idle_hour_earns_no_more_than_the_burst(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":1,"burst":4}}"#), caller());
    assert!(subject.passes(&caller, &plan, 1, NOON).await);
    assert_eq!(
        subject
            .admitted(&caller, &plan, 6, NOON + 3600 * SECOND)
            .await,
        4
    );
}

async fn a_quota_applies_to_each_calendar_window(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":3,"period":"day"}]}"#), caller());
    assert_eq!(
        subject.admitted(&caller, &plan, 5, MIDNIGHT - SECOND).await,
        3
    );
    assert_eq!(subject.admitted(&caller, &plan, 5, MIDNIGHT).await, 3);
}

async fn a_bucket_is_not_reset_at_the_end_of_a_window(subject: Arc<Subject>) {
    let plan =
        plan(r#"{"throttle":{"rate":0.01,"burst":3},"quotas":[{"limit":100,"period":"day"}]}"#);
    let caller = caller();
    assert_eq!(
        subject.admitted(&caller, &plan, 5, MIDNIGHT - SECOND).await,
        3
    );
    assert_eq!(subject.admitted(&caller, &plan, 5, MIDNIGHT).await, 0);
}

async fn the_last_nanosecond_of_a_day_belongs_to_it(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":1,"period":"day"}]}"#), caller());
    assert!(subject.passes(&caller, &plan, 1, MIDNIGHT - 1).await);
    assert!(!subject.passes(&caller, &plan, 1, MIDNIGHT - 1).await);
    assert!(subject.passes(&caller, &plan, 1, MIDNIGHT).await);
}

async fn a_month_ends_with_its_last_calendar_day(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":1,"period":"month"}]}"#),
        caller(),
    );
    // The last instants of November, of a December, of a February with 29 days; each month admits
    // once.
    for day in ["2026-11-30", "2026-12-31", "2028-02-29"] {
        let last = format!("{day}T23:59:59.999999999Z")
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_nanosecond();
        assert_eq!(subject.admitted(&caller, &plan, 2, last).await, 1, "{day}");
        let caller = testing::stores::caller();
        assert_eq!(subject.admitted(&caller, &plan, 2, last).await, 1, "{day}");
        assert_eq!(
            subject.admitted(&caller, &plan, 2, last + 1).await,
            1,
            "after {day}"
        );
    }
}

async fn a_raised_quota_admits_at_once(subject: Arc<Subject>) {
    let caller = caller();
    let tight = plan(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&caller, &tight, 3, NOON).await, 2);
    let raised = plan(r#"{"quotas":[{"limit":3,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&caller, &raised, 3, NOON).await, 1);
}

async fn a_lowered_quota_refuses_and_charges_nothing(subject: Arc<Subject>) {
    let caller = caller();
    let ample = plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#);
    assert!(subject.passes(&caller, &ample, 50, NOON).await);
    let decision = subject
        .call(
            &caller,
            &plan(r#"{"quotas":[{"limit":10,"period":"day"}]}"#),
            1,
            NOON,
        )
        .await;
    assert_eq!(
        (violated(&decision), decision.limits[0].remaining),
        (vec!["day"], 0)
    );
    assert_eq!(
        subject.call(&caller, &ample, 1, NOON).await.limits[0].remaining,
        49
    );
}

async fn a_change_of_plan_keeps_the_usage_of_quotas_and_resets_buckets(subject: Arc<Subject>) {
    let caller = caller();
    let first =
        plan(r#"{"throttle":{"rate":0.01,"burst":2},"quotas":[{"limit":5,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&caller, &first, 9, NOON).await, 2);
    let second =
        plan(r#"{"throttle":{"rate":100,"burst":9},"quotas":[{"limit":5,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&caller, &second, 9, NOON).await, 3);
}

async fn disabled_and_expired_keys_have_their_status(subject: Arc<Subject>) {
    for (key, standing) in [
        ("local-free-key-000000000001", KeyStatus::Good),
        ("disabled-key-00000000000001", KeyStatus::Disabled),
        ("expired-key-000000000000001", KeyStatus::Expired),
    ] {
        let key = subject
            .store
            .key(&KeyHash::of(key).unwrap(), patient())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(key.standing(NOON), standing, "{}", key.key_id);
    }
}

async fn malformed_and_unknown_keys_are_not_found(subject: Arc<Subject>) {
    let unknown = KeyHash::of("nobody-has-this-key-0000001").unwrap();
    assert_eq!(subject.store.key(&unknown, patient()).await.unwrap(), None);
    assert_eq!(subject.store.key(&unknown, patient()).await.unwrap(), None);
    assert!(
        subject
            .store
            .plan("nobody", patient())
            .await
            .unwrap()
            .is_none()
    );
}

async fn a_clock_that_steps_back_refills_nothing(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":1,"burst":3},"quotas":[{"limit":4,"period":"day"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 4, MIDNIGHT).await, 3);
    assert_eq!(
        subject.admitted(&caller, &plan, 4, MIDNIGHT - SECOND).await,
        0
    );
    assert_eq!(
        subject.admitted(&caller, &plan, 4, MIDNIGHT + SECOND).await,
        1
    );
}

async fn a_retry_after_the_given_time_is_allowed(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":0.1,"burst":2}}"#), caller());
    assert_eq!(subject.admitted(&caller, &plan, 2, NOON).await, 2);
    let wait = i128::from(retry_after_s(&subject.call(&caller, &plan, 1, NOON).await));
    assert_eq!(wait, 10);
    assert!(
        !subject
            .passes(&caller, &plan, 1, NOON + (wait - 1) * SECOND)
            .await
    );
    assert!(
        subject
            .passes(&caller, &plan, 1, NOON + wait * SECOND)
            .await
    );
}

async fn retry_after_is_never_0(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":5,"burst":1}}"#), caller());
    assert!(subject.passes(&caller, &plan, 1, NOON).await);
    assert_eq!(
        retry_after_s(&subject.call(&caller, &plan, 1, NOON).await),
        1
    );
    assert!(
        subject
            .passes(&caller, &plan, 1, NOON + 200 * MILLISECOND)
            .await
    );
}

async fn a_refused_cost_charges_nothing(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":0.1,"burst":5}}"#), caller());
    assert!(subject.passes(&caller, &plan, 1, NOON).await);
    let decision = subject.call(&caller, &plan, 5, NOON).await;
    assert_eq!(
        (retry_after_s(&decision), decision.limits[0].remaining),
        (10, 4)
    );
    assert!(subject.passes(&caller, &plan, 4, NOON).await);
}

async fn a_call_that_can_never_pass_is_impossible(subject: Arc<Subject>) {
    for (json, cost) in [
        (r#"{"throttle":{"rate":1,"burst":5}}"#, 6),
        (r#"{"throttle":{"rate":0,"burst":5}}"#, 1),
        (r#"{"throttle":{"rate":1,"burst":0}}"#, 1),
        (r#"{"quotas":[{"limit":3,"period":"day"}]}"#, 4),
        (r#"{"quotas":[{"limit":0,"period":"month"}]}"#, 1),
    ] {
        let decision = subject.call(&caller(), &plan(json), cost, NOON).await;
        assert_eq!(
            (decision.verdict, decision.limits),
            (Verdict::Impossible, Limits::new()),
            "{json}"
        );
    }
}

async fn a_cost_of_0_charges_nothing_and_reports_all_limits(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":0.1,"burst":2},"quotas":[{"limit":5,"period":"day"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 2, NOON).await, 2);
    for _ in 0..2 {
        let decision = subject.call(&caller, &plan, 0, NOON).await;
        assert_eq!(decision.verdict, Verdict::Allowed);
        assert_eq!(
            decision
                .limits
                .iter()
                .map(|limit| limit.remaining)
                .collect::<Vec<_>>(),
            [0, 3]
        );
    }
}

async fn a_plan_without_limits_admits_and_reports_no_limits(subject: Arc<Subject>) {
    let decision = subject.call(&caller(), &plan("{}"), 1_000_000, NOON).await;
    assert_eq!(
        (decision.verdict, decision.limits),
        (Verdict::Allowed, Limits::new())
    );
}

async fn an_exhausted_month_takes_no_tokens(subject: Arc<Subject>) {
    let plan =
        plan(r#"{"throttle":{"rate":0.01,"burst":5},"quotas":[{"limit":3,"period":"month"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 3, NOON).await, 3);
    for _ in 0..2 {
        let decision = subject.call(&caller, &plan, 1, NOON).await;
        assert_eq!(
            (violated(&decision), decision.limits[0].remaining),
            (vec!["month"], 2)
        );
    }
}

async fn both_violated_limits_are_named_and_the_longer_wait_is_returned(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":1,"burst":2},"quotas":[{"limit":2,"period":"day"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 2, NOON).await, 2);
    let decision = subject.call(&caller, &plan, 1, NOON).await;
    assert_eq!(
        (violated(&decision), retry_after_s(&decision)),
        (vec!["burst", "day"], 43_200)
    );
}

async fn a_route_is_charged_with_the_callers_bucket_or_not_at_all(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"throttle":{"rate":0.01,"burst":3},"routes":{"POST /pay":{"rate":0.01,"burst":1}},
            "quotas":[{"limit":9,"period":"day"}]}"#,
    );
    let (caller, route) = (caller(), plan.route_limit("POST", "/pay").cloned());
    let first = subject
        .call_route(&caller, &plan, route.as_deref(), 1, NOON)
        .await;
    let remaining = |decision: &limits::Decision| {
        decision
            .limits
            .iter()
            .map(|limit| limit.remaining)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (&first.verdict, remaining(&first)),
        (&Verdict::Allowed, vec![2, 0, 8])
    );
    let second = subject
        .call_route(&caller, &plan, route.as_deref(), 1, NOON)
        .await;
    assert_eq!(
        (violated(&second), remaining(&second)),
        (vec!["POST /pay"], vec![2, 0, 8])
    );
    assert_eq!(subject.admitted(&caller, &plan, 3, NOON).await, 2);
}

async fn callers_do_not_share_their_limits(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":0.01,"burst":1}}"#);
    let address = Caller::from_address("2001:db8::1".parse().unwrap(), "p");
    for caller in [caller(), caller(), address] {
        assert_eq!(
            subject.admitted(&caller, &plan, 2, NOON).await,
            1,
            "{caller}"
        );
    }
}

async fn plans_and_keys_are_found_by_name_and_hash(subject: Arc<Subject>) {
    let hash = KeyHash::of("local-free-key-000000000001").unwrap();
    for _ in 0..2 {
        let key = subject.store.key(&hash, patient()).await.unwrap().unwrap();
        assert_eq!(
            (&*key.key_id, &*key.plan, &key.scopes[..]),
            ("k1", "free", &["orders:read".to_owned()][..])
        );
        let plan = subject
            .store
            .plan("free", patient())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (plan.bucket.as_ref().unwrap().burst, plan.quotas[0].limit),
            (5, 100)
        );
    }
}
