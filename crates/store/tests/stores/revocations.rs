//! Lists of grants, and their revocation.

use std::sync::Arc;

use limits::{Caller, GrantId, GrantRefusal, MAX_LISTED_GRANTS, Plan, SECOND};
use registry::AuditTrail;
use store::{CallerGrants, GrantError, RevokeRequest, RevokedGrant, Store, StoreError};

use crate::accounts::{MIDNIGHT, remaining};
use crate::audit::Trail;
use crate::cases::{stores, test_on_stores};
use crate::failure::World;
use crate::grant_records::FAULTS;
use testing::Fault;
use testing::store_time::{StoreAt as _, at};
use testing::stores::{NOON, Subject, caller, patient, plan, unique};

// Without dynalite, which has no transactions.
test_on_stores! {
    stores [embedded, ministack]
    grants_of_present_windows_are_listed_from_the_newest_to_the_oldest
    the_newest_50_grants_of_a_window_are_listed
    callers_of_a_shared_plan_share_their_grants
    a_revocation_takes_back_what_is_left
    a_grant_is_revoked_once
    only_listed_grants_that_added_calls_are_revoked
    a_revocation_moves_the_thresholds
    a_revocation_has_one_record
    a_revocation_whose_record_is_refused_changes_nothing
    revocations_at_once_are_one
    calls_grants_and_revocations_at_once_add_up
}

fn daily() -> Plan {
    plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#)
}

async fn grant(store: &Store, caller: &Caller, plan: &Plan, amount: i64, now: i128) -> GrantId {
    let quota = &*plan.quotas[0].name;
    let grant = store.grant_at(caller, plan, quota, amount, None, now, patient());
    grant.await.unwrap().id.unwrap()
}

async fn list(store: &Store, caller: &Caller, plan: &Plan, now: i128) -> CallerGrants {
    at(now, store.grants(caller, plan, patient()))
        .await
        .unwrap()
}

async fn revoke(
    store: &Store,
    trail: Option<&dyn AuditTrail>,
    caller: &Caller,
    id: GrantId,
    now: i128,
) -> Result<RevokedGrant, GrantError> {
    let request = RevokeRequest {
        caller,
        plan: &daily(),
        id,
        trail,
        deadline: patient(),
    };
    at(now, store.revoke(&request)).await
}

async fn left(subject: &Subject, caller: &Caller) -> u64 {
    remaining(&subject.peek(caller, &daily(), 1, NOON).await)[0]
}

async fn grants_of_present_windows_are_listed_from_the_newest_to_the_oldest(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"quotas":[{"limit":100,"period":"day"},{"limit":900,"period":"month"},{"limit":9,"period":"total"}]}"#,
    );
    let ([caller, other], store) = ([caller(), caller()], &subject.store);
    let mut ids = Vec::new();
    for (second, quota, amount) in [
        (0, "day", 10),
        (1, "month", 20),
        (2, "day", -5),
        (3, "total", 7),
    ] {
        let now = NOON + second * SECOND;
        let grant = store.grant_at(&caller, &plan, quota, amount, None, now, patient());
        ids.push(grant.await.unwrap().id.unwrap());
    }

    let found = list(store, &caller, &plan, NOON + SECOND).await;
    let listed: Vec<_> = found
        .grants
        .iter()
        .map(|listed| {
            (
                &*listed.quota,
                listed.grant.amount,
                (listed.grant.at - NOON) / SECOND,
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("total", 7, 3),
            ("day", -5, 2),
            ("month", 20, 1),
            ("day", 10, 0)
        ]
    );
    let listed: Vec<_> = found
        .grants
        .iter()
        .rev()
        .map(|listed| listed.grant.id)
        .collect();
    assert_eq!((listed, found.unlisted), (ids, 0));
    assert_eq!(found.grants[1].window.end, MIDNIGHT);
    assert!(found.grants[0].window.is_endless());

    let tomorrow = list(store, &caller, &plan, MIDNIGHT).await;
    let quotas: Vec<_> = tomorrow
        .grants
        .iter()
        .map(|listed| &*listed.quota)
        .collect();
    assert_eq!(quotas, ["total", "month"]);
    assert_eq!(
        list(store, &other, &plan, NOON).await,
        CallerGrants::default()
    );
}

async fn the_newest_50_grants_of_a_window_are_listed(subject: Arc<Subject>) {
    let (store, caller, plan) = (&subject.store, caller(), daily());
    let mut ids = Vec::new();
    for second in 0..MAX_LISTED_GRANTS + 2 {
        let now = NOON + second as i128 * SECOND;
        ids.push(grant(store, &caller, &plan, 1, now).await);
        if second == 0 {
            revoke(store, None, &caller, ids[0], now).await.unwrap();
        }
    }

    let found = list(store, &caller, &plan, NOON).await;
    let listed: Vec<_> = found
        .grants
        .iter()
        .rev()
        .map(|listed| listed.grant.id)
        .collect();
    assert_eq!((listed.as_slice(), found.unlisted), (&ids[2..], 2));
    assert_eq!(left(&subject, &caller).await, 100 + 51);
    for unlisted in &ids[..2] {
        let refused = revoke(store, None, &caller, *unlisted, NOON).await;
        assert!(
            matches!(
                refused,
                Err(GrantError::Refused(GrantRefusal::UnknownGrant))
            ),
            "{refused:?}"
        );
    }
}

async fn callers_of_a_shared_plan_share_their_grants(subject: Arc<Subject>) {
    let json = r#"{"shared_by_plan":true,"quotas":[{"limit":100,"period":"day"}]}"#;
    let document = serde_json::from_str(json).unwrap();
    let plan = Plan::new(&format!("shared-{}", unique().replace('#', "-")), document).unwrap();
    let [caller, other] = [caller(), caller()];

    let id = grant(&subject.store, &caller, &plan, 10, NOON).await;
    let listed = list(&subject.store, &other, &plan, NOON).await;
    assert_eq!(listed.grants[0].grant.id, id);
}

async fn a_revocation_takes_back_what_is_left(subject: Arc<Subject>) {
    let (store, plan) = (&subject.store, daily());
    for (used_before, granted, used_after, expected) in [
        (0, 50, 0, 50),
        (60, 50, 0, 50),
        (60, 50, 80, 10),
        (100, 50, 50, 0),
    ] {
        let caller = caller();
        subject.call(&caller, &plan, used_before, NOON).await;
        let id = grant(store, &caller, &plan, granted, NOON).await;
        subject.call(&caller, &plan, used_after, NOON).await;

        let now = NOON + 9 * SECOND;
        let revoked = revoke(store, None, &caller, id, now).await.unwrap();
        let case = format!("{used_before} {used_after}");
        assert_eq!(
            (revoked.calls, revoked.repeated),
            (expected, false),
            "{case}"
        );
        let used = used_before + used_after;
        assert_eq!(
            left(&subject, &caller).await,
            100_u64.saturating_sub(used),
            "{case}"
        );

        let listed = list(store, &caller, &plan, NOON).await.grants[0].grant;
        let revocation = listed.revocation.unwrap();
        assert_eq!(
            (listed.amount, revocation.calls, revocation.at),
            (50, expected, now)
        );
        let today = ((11, 22), (11, 22));
        assert_eq!(
            subject.report(&caller, &plan, today, NOON).await.1[0][0],
            used,
            "{case}"
        );
    }
}

async fn a_grant_is_revoked_once(subject: Arc<Subject>) {
    let (store, caller, plan) = (&subject.store, caller(), daily());
    let id = grant(store, &caller, &plan, 50, NOON).await;
    grant(store, &caller, &plan, 7, NOON).await;

    let first = revoke(store, None, &caller, id, NOON).await.unwrap();
    let again = revoke(store, None, &caller, id, NOON + SECOND)
        .await
        .unwrap();
    assert_eq!((first.calls, first.repeated), (50, false));
    assert_eq!((again.calls, again.repeated), (50, true));
    assert_eq!(left(&subject, &caller).await, 107);
}

async fn only_listed_grants_that_added_calls_are_revoked(subject: Arc<Subject>) {
    let (store, plan) = (&subject.store, daily());
    let [caller, other] = [caller(), caller()];
    let added = grant(store, &caller, &plan, 50, NOON).await;
    let removed = grant(store, &caller, &plan, -20, NOON).await;
    subject.call(&other, &plan, 1, NOON).await;

    for (caller, id, now) in [
        (&other, added, NOON),
        (&caller, added, MIDNIGHT),
        (&caller, GrantId::new(7), NOON),
    ] {
        let refused = revoke(store, None, caller, id, now).await;
        assert!(
            matches!(
                refused,
                Err(GrantError::Refused(GrantRefusal::UnknownGrant))
            ),
            "{refused:?}"
        );
    }
    let refused = revoke(store, None, &caller, removed, NOON).await;
    assert!(
        matches!(refused, Err(GrantError::Refused(GrantRefusal::Removal))),
        "{refused:?}"
    );
    assert_eq!(left(&subject, &caller).await, 130);
}

/// The window then has the thresholds of the lower limit. Those that were logged are not logged
/// again, and those that the grant had put off are.
async fn a_revocation_moves_the_thresholds(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":10,"period":"day","warn_at":[0.8]}]}"#);
    for (before, after, expected) in [(&[8, 1][..], 0, 0), (&[], 8, 1)] {
        let caller = caller();
        let reached = async |cost| {
            let decision = subject.call(&caller, &plan, cost, NOON).await;
            decision.thresholds.len()
        };
        for (number, cost) in before.iter().enumerate() {
            // The second charge marks what the first one has logged.
            assert_eq!(reached(*cost).await, usize::from(number == 0));
        }
        let id = grant(&subject.store, &caller, &plan, 10, NOON).await;
        assert_eq!(reached(after).await, 0);

        let request = RevokeRequest {
            caller: &caller,
            plan: &plan,
            id,
            trail: None,
            deadline: patient(),
        };
        at(NOON, subject.store.revoke(&request)).await.unwrap();
        assert_eq!(reached(1).await, expected, "{before:?} {after}");
        assert_eq!(reached(1).await, 0, "{before:?} {after}");
    }
}

async fn a_revocation_has_one_record(subject: Arc<Subject>) {
    let (store, trail, plan) = (&subject.store, Trail::new(), daily());
    let [unused, used] = [caller(), caller()];
    for (caller, cost) in [(&unused, 0), (&used, 150)] {
        let id = grant(store, caller, &plan, 50, NOON).await;
        subject.call(caller, &plan, cost, NOON).await;
        for repeated in [false, true] {
            let revoked = revoke(store, Some(&trail), caller, id, NOON).await;
            assert_eq!(revoked.unwrap().repeated, repeated);
        }
        let unknown = revoke(store, Some(&trail), caller, GrantId::new(7), NOON).await;
        assert!(unknown.is_err(), "{unknown:?}");
    }
    assert_eq!(trail.records(store).await, ["day -50", "day 0"]);
}

async fn a_revocation_whose_record_is_refused_changes_nothing(subject: Arc<Subject>) {
    let (store, trail, plan) = (&subject.store, Trail::with_one_key(), daily());
    let caller = caller();
    let first = grant(store, &caller, &plan, 3, NOON).await;
    let second = grant(store, &caller, &plan, 50, NOON + SECOND).await;
    revoke(store, Some(&trail), &caller, first, NOON)
        .await
        .unwrap();

    let refused = revoke(store, Some(&trail), &caller, second, NOON).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(left(&subject, &caller).await, 150);
    let listed = list(store, &caller, &plan, NOON).await;
    assert_eq!(listed.grants[0].grant.revocation, None);
}

async fn revocations_at_once_are_one(subject: Arc<Subject>) {
    let (trail, caller) = (Arc::new(Trail::new()), caller());
    let id = grant(&subject.store, &caller, &daily(), 50, NOON).await;
    let mut revocations = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (subject, trail, caller) = (Arc::clone(&subject), Arc::clone(&trail), caller.clone());
        revocations
            .spawn(async move { revoke(&subject.store, Some(&*trail), &caller, id, NOON).await });
    }

    let mut made = 0;
    for revoked in revocations.join_all().await {
        match revoked {
            Ok(revoked) => made += usize::from(!revoked.repeated),
            // It certainly changed nothing.
            Err(GrantError::Store(StoreError::Busy)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(left(&subject, &caller).await, 100);
    assert_eq!(trail.records(&subject.store).await, ["day -50"]);
}

/// The calls that one worker used, was granted, and revoked.
async fn work(subject: &Subject, caller: &Caller) -> [u64; 3] {
    let (store, plan, mut used, mut revoked) = (&subject.store, daily(), 0, 0);
    for _ in 0..5 {
        used += subject.admitted(caller, &plan, 3, NOON).await;
        let id = grant(store, caller, &plan, 10, NOON).await;
        used += subject.admitted(caller, &plan, 3, NOON).await;
        revoked += revoke(store, None, caller, id, NOON).await.unwrap().calls;
    }
    [used, 50, revoked]
}

async fn calls_grants_and_revocations_at_once_add_up(subject: Arc<Subject>) {
    let caller = caller();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (subject, caller) = (Arc::clone(&subject), caller.clone());
        workers.spawn(async move { work(&subject, &caller).await });
    }

    let changed = workers.join_all().await;
    let sum = |part: usize| changed.iter().map(|changed| changed[part]).sum::<u64>();
    let [used, granted, revoked] = [0, 1, 2].map(sum);
    let today = ((11, 22), (11, 22));
    let (days, quotas) = subject.report(&caller, &daily(), today, NOON).await;
    assert_eq!((days, quotas[0][0]), (vec![used], used));
    assert_eq!(quotas[0][1], 100 + granted - revoked - used, "{changed:?}");
    assert!(used >= 100 && revoked > 0, "{changed:?}");
}

/// Wherever the first attempt ends, the calls are taken back once after the repetition.
#[tokio::test]
async fn revocation_whose_response_is_lost_is_made_once() {
    let world = World::new().await;
    let subject = Subject::dynamodb("ministack", &world.proxy.url).await;
    let store = &subject.store;
    for failing in 0..3 {
        for fault in FAULTS {
            let (trail, caller) = (Trail::new(), caller());
            let id = grant(store, &caller, &daily(), 50, NOON).await;
            world.proxy.fault_by(move |number, _| {
                if number == failing {
                    fault
                } else {
                    Fault::None
                }
            });
            let first = revoke(store, Some(&trail), &caller, id, NOON).await;

            world.proxy.fault_all(Fault::None);
            let case = format!("{failing} {fault:?}: {first:?}");
            let again = revoke(store, Some(&trail), &caller, id, NOON).await;
            assert_eq!(again.unwrap().calls, 50, "{case}");
            assert_eq!(left(&subject, &caller).await, 100, "{case}");
            assert_eq!(trail.records(store).await, ["day -50"], "{case}");
        }
    }
}
