//! Grants, on every store.

use std::sync::Arc;

use limits::{Decision, Grant, GrantRefusal, Verdict, rate_limit, rate_limit_policy};
use store::GrantError;

use crate::accounts::{MIDNIGHT, remaining};
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, Subject, caller, patient, plan, unique};

pub(crate) async fn a_grant_changes_the_remaining_calls_until_the_window_ends(
    subject: Arc<Subject>,
) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":1000,"period":"day"}]}"#),
        caller(),
    );
    subject.call(&caller, &plan, 400, NOON).await;
    let grant = subject.grant(&caller, &plan, 500, None, NOON).await;
    assert_eq!(
        grant,
        Grant {
            used: 400,
            remaining: 1100,
            granted: 500,
            id: grant.id,
            repeated: false
        }
    );
    assert_eq!(
        remaining(&subject.call(&caller, &plan, 700, NOON).await),
        [400]
    );
    assert_eq!(
        subject
            .report(&caller, &plan, ((11, 22), (11, 22)), NOON)
            .await
            .1,
        [[1100, 400]]
    );
    let cut = subject.grant(&caller, &plan, -300, None, NOON).await;
    assert_eq!(
        cut,
        Grant {
            used: 1100,
            remaining: 100,
            granted: -300,
            id: cut.id,
            repeated: false
        }
    );
    assert!(!subject.passes(&caller, &plan, 101, NOON).await);
    assert!(subject.passes(&caller, &plan, 100, NOON).await);
    assert_eq!(
        remaining(&subject.peek(&caller, &plan, 1, MIDNIGHT).await),
        [1000]
    );
}

pub(crate) async fn a_cut_never_leaves_fewer_than_0_calls(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#),
        caller(),
    );
    subject.call(&caller, &plan, 60, NOON).await;
    let cut = subject.grant(&caller, &plan, -500, None, NOON).await;
    assert_eq!(
        cut,
        Grant {
            used: 60,
            remaining: 0,
            granted: -40,
            id: cut.id,
            repeated: false
        }
    );
    assert!(!subject.passes(&caller, &plan, 1, NOON).await);
    assert_eq!(
        subject
            .grant(&caller, &plan, 25, None, NOON)
            .await
            .remaining,
        25
    );
    let never_seen = testing::stores::caller();
    assert_eq!(
        subject
            .grant(&never_seen, &plan, -500, None, NOON)
            .await
            .granted,
        -100
    );
}

pub(crate) async fn a_grant_with_the_same_id_is_made_once(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#),
        caller(),
    );
    let [first, second] = [unique(), unique()];
    for (id, remaining, repeated) in [
        (Some(&*first), 110, false),
        (Some(&*first), 110, true),
        (Some(&*second), 120, false),
        (None, 130, false),
        (None, 140, false),
    ] {
        let grant = subject.grant(&caller, &plan, 10, id, NOON).await;
        assert_eq!(
            (grant.remaining, grant.granted, grant.repeated),
            (remaining, 10, repeated),
            "{id:?}"
        );
    }
}

pub(crate) async fn a_repeated_grant_is_told_as_it_was_whatever_came_between(
    subject: Arc<Subject>,
) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#),
        caller(),
    );
    let [first, second, third] = [unique(), unique(), unique()];
    let given = subject.grant(&caller, &plan, 10, Some(&first), NOON).await;
    subject.call(&caller, &plan, 30, NOON).await;
    let cut = subject
        .grant(&caller, &plan, -500, Some(&second), NOON)
        .await;
    assert_eq!(
        cut,
        Grant {
            used: 30,
            remaining: 0,
            granted: -80,
            id: cut.id,
            repeated: false
        }
    );
    subject.grant(&caller, &plan, 7, Some(&third), NOON).await;
    assert_eq!(remaining(&subject.peek(&caller, &plan, 1, NOON).await), [7]);
    for now in [NOON, MIDNIGHT] {
        let again = subject.grant(&caller, &plan, 10, Some(&first), now).await;
        assert_eq!(
            again,
            Grant {
                repeated: true,
                ..given
            }
        );
        let again = subject
            .grant(&caller, &plan, -500, Some(&second), now)
            .await;
        assert_eq!(
            again,
            Grant {
                repeated: true,
                ..cut
            }
        );
    }
    assert_eq!(
        remaining(&subject.peek(&caller, &plan, 1, MIDNIGHT).await),
        [100]
    );
}

pub(crate) async fn one_id_is_one_grant_and_no_other(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":100,"period":"day"},{"limit":100,"period":"month"}]}"#);
    let ([caller, other], id) = ([caller(), caller()], unique());
    subject.grant(&caller, &plan, 10, Some(&id), NOON).await;
    for (caller, quota, amount) in [
        (&caller, "day", 11),
        (&caller, "day", -10),
        (&caller, "month", 10),
        (&other, "day", 10),
    ] {
        let grant = subject
            .store
            .grant_at(caller, &plan, quota, amount, Some(&id), NOON, patient())
            .await;
        assert!(
            matches!(grant, Err(GrantError::Refused(GrantRefusal::Repeated))),
            "{quota} {amount}: {grant:?}"
        );
    }
    assert_eq!(
        remaining(&subject.peek(&caller, &plan, 1, NOON).await),
        [110, 100]
    );
    assert_eq!(
        remaining(&subject.peek(&other, &plan, 1, NOON).await),
        [100, 100]
    );
}

pub(crate) async fn grants_at_once_under_one_id_are_one(subject: Arc<Subject>) {
    let (plan, caller, id) = (
        Arc::new(plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#)),
        caller(),
        unique(),
    );
    let grant = || {
        let (subject, plan, caller, id) = (
            Arc::clone(&subject),
            Arc::clone(&plan),
            caller.clone(),
            id.clone(),
        );
        tokio::spawn(async move { subject.grant(&caller, &plan, 10, Some(&id), NOON).await })
    };
    let grants: Vec<_> = (0..8).map(|_| grant()).collect();
    let mut first = 0;
    for grant in grants {
        let grant = grant.await.unwrap();
        assert_eq!((grant.granted, grant.remaining), (10, 110));
        first += usize::from(!grant.repeated);
    }
    assert_eq!(first, 1);
    assert_eq!(
        remaining(&subject.peek(&caller, &plan, 1, NOON).await),
        [110]
    );
}

pub(crate) async fn a_period_is_granted_no_more_than_the_largest_quota(subject: Arc<Subject>) {
    const MOST: i64 = 999_999_999_999_999;
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#),
        caller(),
    );
    let grant = async |amount, id| {
        subject
            .store
            .grant_at(&caller, &plan, "day", amount, id, NOON, patient())
            .await
    };
    let [id, other, last] = [unique(), unique(), unique()];
    for id in [None, Some(&*other)] {
        assert!(
            matches!(
                grant(MOST - 99, id).await,
                Err(GrantError::Refused(GrantRefusal::Ceiling))
            ),
            "{id:?}"
        );
    }
    assert!(matches!(
        grant(MOST, None).await,
        Err(GrantError::Refused(GrantRefusal::Ceiling))
    ));
    assert_eq!(
        grant(MOST - 100, Some(&*id)).await.unwrap().remaining,
        MOST.cast_unsigned()
    );
    for id in [None, Some(&*last)] {
        assert!(
            matches!(
                grant(1, id).await,
                Err(GrantError::Refused(GrantRefusal::Ceiling))
            ),
            "{id:?}"
        );
    }
    assert!(grant(MOST - 100, Some(&*id)).await.unwrap().repeated);
    // What was cut may be given again.
    subject.grant(&caller, &plan, -150, None, NOON).await;
    assert_eq!(
        grant(150, None).await.unwrap().remaining,
        MOST.cast_unsigned()
    );
}

pub(crate) async fn a_grant_of_a_quota_that_there_is_not_is_refused(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#),
        caller(),
    );
    let unknown = subject
        .store
        .grant_at(&caller, &plan, "month", 1, None, NOON, patient())
        .await;
    assert!(
        matches!(unknown, Err(GrantError::Refused(GrantRefusal::UnknownQuota(name))) if name == "month")
    );
    let huge = subject
        .store
        .grant_at(&caller, &plan, "day", i64::MIN, None, NOON, patient())
        .await;
    assert!(matches!(
        huge,
        Err(GrantError::Refused(GrantRefusal::Amount))
    ));
}

pub(crate) async fn granted_calls_pass_where_the_quota_is_0(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":0,"period":"day"}]}"#), caller());
    assert_eq!(
        subject.call(&caller, &plan, 1, NOON).await.verdict,
        Verdict::Impossible
    );
    assert_eq!(
        subject.peek(&caller, &plan, 1, NOON).await.verdict,
        Verdict::Impossible
    );

    subject.grant(&caller, &plan, 3, None, NOON).await;
    assert_eq!(
        subject.peek(&caller, &plan, 1, NOON).await.verdict,
        Verdict::Allowed
    );
    assert_eq!(subject.admitted(&caller, &plan, 9, NOON).await, 3);
    let refused = subject.call(&caller, &plan, 1, NOON).await;
    assert!(
        matches!(refused.verdict, Verdict::Throttled { quota: true, .. }),
        "{refused:?}"
    );

    let quotas = subject
        .report(&caller, &plan, ((11, 22), (11, 22)), NOON)
        .await
        .1;
    assert_eq!(quotas, [[3, 0]]);
    assert_eq!(
        subject.call(&caller, &plan, 1, MIDNIGHT).await.verdict,
        Verdict::Impossible
    );
}

pub(crate) async fn a_call_of_cost_0_on_a_quota_of_0_needs_a_grant(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":0,"period":"day"}]}"#), caller());
    assert_eq!(
        subject.call(&caller, &plan, 0, NOON).await.verdict,
        Verdict::Impossible
    );
    subject.grant(&caller, &plan, 3, None, NOON).await;
    let decision = subject.call(&caller, &plan, 0, NOON).await;
    assert_eq!(
        (&decision.verdict, remaining(&decision)),
        (&Verdict::Allowed, vec![3])
    );
}

pub(crate) async fn granted_calls_pass_where_the_cost_is_above_the_quota(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"throttle":{"rate":1000,"burst":1000},
            "quotas":[{"limit":5,"period":"day"},{"limit":1000,"period":"month"}]}"#,
    );
    let caller = caller();
    assert_eq!(
        subject.call(&caller, &plan, 10, NOON).await.verdict,
        Verdict::Impossible
    );

    subject.grant(&caller, &plan, 4, None, NOON).await;
    assert_eq!(
        subject.call(&caller, &plan, 10, NOON).await.verdict,
        Verdict::Impossible
    );

    subject.grant(&caller, &plan, 16, None, NOON).await;
    for remaining_calls in [15, 5] {
        let decision = subject.call(&caller, &plan, 10, NOON).await;
        assert_eq!(
            (&decision.verdict, remaining(&decision)[1]),
            (&Verdict::Allowed, remaining_calls)
        );
    }
    let refused = subject.call(&caller, &plan, 10, NOON).await;
    assert!(
        matches!(refused.verdict, Verdict::Throttled { quota: true, .. }),
        "{refused:?}"
    );
    // Grants do not raise what a bucket can ever hold.
    assert_eq!(
        subject.call(&caller, &plan, 1001, NOON).await.verdict,
        Verdict::Impossible
    );
}

/// The limit less what remains is what was used, with grants and with cuts.
pub(crate) async fn limits_are_told_with_what_was_granted(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#),
        caller(),
    );
    let told = |decision: &Decision| {
        decision
            .limits
            .iter()
            .map(|limit| (limit.limit, limit.remaining))
            .collect::<Vec<_>>()
    };
    subject.call(&caller, &plan, 60, NOON).await;
    for (granted, expected) in [(1000, (1100, 1040)), (-1500, (60, 0)), (20, (80, 20))] {
        subject.grant(&caller, &plan, granted, None, NOON).await;
        assert_eq!(
            told(&subject.peek(&caller, &plan, 1, NOON).await),
            [expected],
            "{granted}"
        );
        assert_eq!(
            told(&subject.call(&caller, &plan, 0, NOON).await),
            [expected],
            "{granted}"
        );
    }
    let charged = subject.call(&caller, &plan, 20, NOON).await;
    assert_eq!((told(&charged), charged.near_limit), (vec![(80, 0)], true));
    let refused = subject.call(&caller, &plan, 1, NOON).await;
    assert_eq!(told(&refused), [(80, 0)]);
    let fields = (
        rate_limit_policy(&refused.limits).unwrap(),
        rate_limit(&refused.limits).unwrap(),
    );
    assert_eq!(
        fields,
        (
            r#""day";q=80;w=86400"#.to_owned(),
            r#""day";r=0;t=43200"#.to_owned()
        )
    );
}

pub(crate) async fn near_the_limit_counts_what_was_granted(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":10,"period":"day"}],"near_limit":0.5}"#),
        caller(),
    );
    subject.grant(&caller, &plan, 10, None, NOON).await;
    assert!(!subject.call(&caller, &plan, 9, NOON).await.near_limit);
    assert!(subject.call(&caller, &plan, 1, NOON).await.near_limit);

    subject.grant(&caller, &plan, -500, None, NOON).await;
    let cut = subject.peek(&caller, &plan, 1, NOON).await;
    assert!(
        cut.near_limit && matches!(cut.verdict, Verdict::Throttled { .. }),
        "{cut:?}"
    );
}
