//! The audit records of grants: a grant and its record are one transaction.

use std::sync::Arc;

use limits::{Caller, Grant, GrantRefusal, Plan};
use registry::AuditTrail;
use store::{GrantError, GrantRequest, Store, StoreError};

use crate::audit::Trail;
use crate::cases::{stores, test_on_stores};
use crate::failure::World;
use testing::Fault;
use testing::store_time::{StoreAt as _, at};
use testing::stores::{NOON, Subject, caller, patient, plan, unique};

// Without dynalite, which has no transactions.
test_on_stores! {
    stores [embedded, ministack]
    a_grant_has_one_record_of_what_it_changed
    a_grant_that_changes_nothing_has_no_record
    a_grant_whose_record_is_refused_is_not_made
    grants_at_once_have_one_record_each
}

const LIMIT: u64 = 100;

fn daily() -> Plan {
    plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#)
}

async fn grant(
    store: &Store,
    trail: &dyn AuditTrail,
    caller: &Caller,
    amount: i64,
    id: Option<&str>,
) -> Result<Grant, GrantError> {
    let request = GrantRequest {
        caller,
        plan: &daily(),
        quota: "day",
        amount,
        id,
        trail: Some(trail),
        deadline: patient(),
    };
    at(NOON, store.grant(&request)).await
}

async fn remaining(store: &Store, caller: &Caller) -> u64 {
    let plan = daily();
    let look = store.peek_at(caller, &plan, None, 1, NOON, patient());
    look.await.unwrap().limits.last().unwrap().remaining
}

async fn a_grant_has_one_record_of_what_it_changed(subject: Arc<Subject>) {
    let (store, trail, caller, id) = (&subject.store, Trail::new(), caller(), unique());
    subject.call(&caller, &daily(), 60, NOON).await;

    for repeated in [false, true] {
        let made = grant(store, &trail, &caller, 10, Some(&id)).await.unwrap();
        assert_eq!(made.repeated, repeated);
    }
    assert_eq!(trail.records(store).await, ["day 10"]);

    // Fewer calls remain than are to be removed.
    grant(store, &trail, &caller, -500, None).await.unwrap();
    assert_eq!(trail.records(store).await, ["day -50", "day 10"]);
}

async fn a_grant_that_changes_nothing_has_no_record(subject: Arc<Subject>) {
    let (store, trail, id) = (&subject.store, Trail::new(), unique());
    let [caller, other] = [caller(), caller()];
    subject.call(&caller, &daily(), LIMIT, NOON).await;
    grant(store, &Trail::new(), &other, 1, Some(&id))
        .await
        .unwrap();

    for (amount, id) in [(-5, None), (-5, Some(&*unique())), (0, None)] {
        let made = grant(store, &trail, &caller, amount, id).await.unwrap();
        assert_eq!((made.granted, made.remaining), (0, 0), "{amount}");
    }
    for (amount, id) in [(1, Some(&*id)), (999_999_999_999_999, None)] {
        let refused = grant(store, &trail, &caller, amount, id).await;
        assert!(
            matches!(
                refused,
                Err(GrantError::Refused(
                    GrantRefusal::Repeated | GrantRefusal::Ceiling
                ))
            ),
            "{refused:?}"
        );
    }
    assert_eq!(trail.records(store).await, [""; 0]);
}

async fn grants_at_once_have_one_record_each(subject: Arc<Subject>) {
    let (trail, caller, id) = (Arc::new(Trail::new()), caller(), unique());
    let mut grants = tokio::task::JoinSet::new();
    for number in 0..12 {
        let (subject, trail) = (Arc::clone(&subject), Arc::clone(&trail));
        let (caller, id) = (caller.clone(), id.clone());
        grants.spawn(async move {
            // Half of them repeat one request.
            let id = (number % 2 == 0).then_some(&*id);
            grant(&subject.store, &*trail, &caller, 1, id).await
        });
    }

    let mut made = 0;
    for granted in grants.join_all().await {
        match granted {
            Ok(grant) => made += u64::from(!grant.repeated),
            // It certainly changed nothing.
            Err(GrantError::Store(StoreError::Busy)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    let store = &subject.store;
    assert!(made > 0);
    assert_eq!(remaining(store, &caller).await, LIMIT + made);
    assert_eq!(trail.records(store).await.len() as u64, made);
}

async fn a_grant_whose_record_is_refused_is_not_made(subject: Arc<Subject>) {
    let (store, trail, caller) = (&subject.store, Trail::with_one_key(), caller());
    grant(store, &trail, &caller, 1, None).await.unwrap();

    for id in [None, Some(&*unique())] {
        let refused = grant(store, &trail, &caller, 10, id).await;
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(remaining(store, &caller).await, LIMIT + 1);
    }
    assert_eq!(trail.records(store).await, ["day 1"]);
}

/// What may happen to a request of a first attempt.
pub(crate) const FAULTS: [Fault; 6] = [
    Fault::LoseResponse,
    Fault::Reset,
    Fault::ServerError,
    Fault::Throttle,
    Fault::Conflict,
    Fault::Refuse("AccessDeniedException"),
];

/// Wherever the first attempt ends, the grant and its record exist once after the repetition.
#[tokio::test]
async fn grant_whose_response_is_lost_has_exactly_one_record() {
    let world = World::new().await;
    let subject = Subject::dynamodb("ministack", &world.proxy.url).await;
    let store = &subject.store;
    for failing in 0..4 {
        for fault in FAULTS {
            let (trail, caller, id) = (Trail::new(), caller(), unique());
            world.proxy.fault_by(move |number, _| {
                if number == failing {
                    fault
                } else {
                    Fault::None
                }
            });
            let first = grant(store, &trail, &caller, 10, Some(&id)).await;

            world.proxy.fault_all(Fault::None);
            let case = format!("{failing} {fault:?}: {first:?}");
            let again = grant(store, &trail, &caller, 10, Some(&id)).await.unwrap();
            assert_eq!((again.granted, again.remaining), (10, 110), "{case}");
            assert_eq!(remaining(store, &caller).await, 110, "{case}");
            assert_eq!(trail.records(store).await, ["day 10"], "{case}");
            let plan = daily();
            let listed = at(NOON, store.grants(&caller, &plan, patient())).await;
            let listed = listed.unwrap().grants.into_iter();
            let ids: Vec<_> = listed.map(|listed| listed.grant.id).collect();
            assert_eq!(ids, [again.id.unwrap()], "{case}");
        }
    }
}

/// Without an id, a grant in doubt is an error, and its record exists if the grant does.
#[tokio::test]
async fn record_of_a_grant_in_doubt_exists_if_the_grant_was_made() {
    let world = World::new().await;
    let subject = Subject::dynamodb("ministack", &world.proxy.url).await;
    let store = &subject.store;
    for (fault, made) in [(Fault::LoseResponse, 1), (Fault::Reset, 0)] {
        let (trail, caller) = (Trail::new(), caller());
        world.proxy.fault_by(move |_, operation| {
            if operation.contains("TransactWriteItems") {
                fault
            } else {
                Fault::None
            }
        });
        let granted = grant(store, &trail, &caller, 10, None).await;
        assert!(granted.is_err(), "{fault:?}: {granted:?}");

        world.proxy.fault_all(Fault::None);
        let left = remaining(store, &caller).await;
        assert_eq!(left, LIMIT + 10 * made, "{fault:?}");
        assert_eq!(trail.records(store).await.len() as u64, made, "{fault:?}");
    }
}
