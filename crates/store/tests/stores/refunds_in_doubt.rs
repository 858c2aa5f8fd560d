//! Refunds while the store fails: wherever an attempt breaks off, the charge is given back exactly
//! once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{Deadline, Retries};
use limits::{Caller, ChargeId, Plan, Refund, SECOND};
use store::{DynamoDbStore, StoreError};

use crate::failure::{DEADLINE, World};
use testing::Fault;
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, TEST_DEADLINE, aws, caller, patient, plan};

const DAY: i128 = 86_400 * SECOND;
/// A week that began in November.
const MONDAY: i128 = NOON + 8 * DAY;
/// The last request of a refund whose day has been archived: two transactions, and the note that it
/// was answered.
const LAST_REQUEST: usize = 2;

/// One charge of 4 of a caller, and the instant at which it is refunded.
struct Charged {
    caller: Caller,
    plan: Plan,
    charge: ChargeId,
    now: i128,
}

impl Charged {
    async fn new(world: &World, is_archived: bool) -> Self {
        let (store, caller) = (world.warm().await, caller());
        let plan = plan(r#"{"quotas":[{"limit":100,"period":"week"}]}"#);
        let cost = |cost, now| store.charge_at(&caller, &plan, None, cost, now, patient());

        let charge = cost(4, MONDAY).await.unwrap().charge.unwrap();
        // Days of November are put away with the first charge of December's third day.
        let now = if is_archived {
            MONDAY + 4 * DAY
        } else {
            MONDAY
        };
        cost(1, now).await.unwrap();
        Self {
            caller,
            plan,
            charge,
            now,
        }
    }

    async fn refund(
        &self,
        store: &DynamoDbStore,
        deadline: Duration,
    ) -> Result<Refund, StoreError> {
        store
            .refund_at(
                &self.caller,
                &self.charge,
                self.now,
                Deadline::after(Instant::now(), deadline),
            )
            .await
    }

    /// What the week has left, and what was charged on the day of the charge.
    async fn counts(&self, world: &World) -> (u64, u64) {
        world.proxy.fault_all(Fault::None);
        let (store, day) = (world.warm().await, jiff::civil::date(2026, 11, 30));
        let report = store
            .usage_at(
                &self.caller,
                Some(&self.plan),
                day,
                day,
                self.now,
                patient(),
            )
            .await
            .unwrap();
        (report.quotas[0].remaining, report.days[0].units)
    }

    /// What is counted once the charge is given back.
    fn given_back(&self) -> (u64, u64) {
        (99, u64::from(self.now == MONDAY))
    }

    /// The refund is repeated, by another function too, until it is answered.
    async fn assert_given_back_once(&self, world: &World, first: &str) {
        world.proxy.fault_all(Fault::None);
        let other = world.warm().await;
        let again = self.refund(&other, TEST_DEADLINE).await.unwrap();
        assert!(
            matches!(again, Refund::Returned | Refund::AlreadyRefunded),
            "{first}: {again:?}"
        );
        assert_eq!(self.counts(world).await, self.given_back(), "{first}");
        assert_eq!(
            self.refund(&other, TEST_DEADLINE).await.unwrap(),
            Refund::AlreadyRefunded,
            "{first}"
        );
        assert_eq!(self.counts(world).await, self.given_back(), "{first}");
    }
}

#[tokio::test]
async fn a_refund_is_made_once_whichever_request_meets_which_fault() {
    let world = World::new().await;
    for is_archived in [false, true] {
        for failing in 0..=LAST_REQUEST {
            for fault in [
                Fault::LoseResponse,
                Fault::Reset,
                Fault::ServerError,
                Fault::Throttle,
                Fault::ThrottleFor("TableWriteAccountLimitExceeded"),
                Fault::Conflict,
                Fault::Refuse("AccessDeniedException"),
            ] {
                let charged = Charged::new(&world, is_archived).await;
                let store = world.warm().await;
                world.proxy.fault_by(move |number, _| {
                    if number == failing {
                        fault
                    } else {
                        Fault::None
                    }
                });
                let first = charged.refund(&store, TEST_DEADLINE).await;

                let case = format!("{is_archived} {failing} {fault:?}: {first:?}");
                if !matches!(fault, Fault::Refuse(_)) {
                    assert_eq!(first.as_ref().ok(), Some(&Refund::Returned), "{case}");
                }
                charged.assert_given_back_once(&world, &case).await;
            }
        }
    }
}

/// A reply that is lost for good: the first attempt is not answered, and the repetition answers in
/// its place.
#[tokio::test]
async fn a_repetition_answers_as_the_first_attempt_would_have() {
    let world = World::new().await;
    for is_archived in [false, true] {
        for fault in [
            Fault::LoseResponse,
            Fault::Delay(2 * DEADLINE),
            Fault::Reset,
            Fault::Hang,
        ] {
            let charged = Charged::new(&world, is_archived).await;
            let store = world.warm().await;
            world.proxy.fault_all(fault);
            let first = charged.refund(&store, DEADLINE).await;
            assert!(
                matches!(first, Err(StoreError::NoAnswer(_))),
                "{fault:?}: {first:?}"
            );

            // The delayed one arrives.
            tokio::time::sleep(if fault == Fault::Delay(2 * DEADLINE) {
                3 * DEADLINE
            } else {
                Duration::ZERO
            })
            .await;
            world.proxy.fault_all(Fault::None);
            let again = charged.refund(&world.warm().await, TEST_DEADLINE).await;
            assert_eq!(again.unwrap(), Refund::Returned, "{fault:?}");
            charged
                .assert_given_back_once(&world, &format!("{fault:?}"))
                .await;
        }
    }
}

/// The function is frozen or killed while a request is under way, whether the store acts on it or
/// not.
#[tokio::test]
async fn a_function_that_ends_between_two_requests_loses_no_refund() {
    let world = World::new().await;
    for is_archived in [false, true] {
        for last in 0..=LAST_REQUEST {
            for fault in [Fault::Delay(Duration::from_millis(400)), Fault::Hang] {
                let charged = Charged::new(&world, is_archived).await;
                let store = world.warm().await;
                world
                    .proxy
                    .fault_by(move |number, _| if number == last { fault } else { Fault::None });
                let ended = tokio::time::timeout(
                    Duration::from_millis(200),
                    charged.refund(&store, TEST_DEADLINE),
                )
                .await;
                drop(store);

                tokio::time::sleep(Duration::from_millis(300)).await;
                charged
                    .assert_given_back_once(
                        &world,
                        &format!("{is_archived} {last} {fault:?}: {ended:?}"),
                    )
                    .await;
            }
        }
    }
}

#[tokio::test]
async fn refunds_of_one_charge_at_once_are_one() {
    let world = World::new().await;
    for is_archived in [false, true] {
        let charged = Arc::new(Charged::new(&world, is_archived).await);
        let mut stores = Vec::new();
        for _ in 0..8 {
            stores.push(world.warm().await);
        }
        world.proxy.fault_by(|number, _| {
            if number % 3 == 1 {
                Fault::LoseResponse
            } else {
                Fault::None
            }
        });
        let mut refunds = tokio::task::JoinSet::new();
        for store in stores {
            let charged = Arc::clone(&charged);
            refunds.spawn(async move { charged.refund(&store, TEST_DEADLINE).await.unwrap() });
        }
        let refunds = refunds.join_all().await;
        assert_eq!(
            refunds
                .iter()
                .filter(|refund| **refund == Refund::Returned)
                .count(),
            1,
            "{refunds:?}"
        );
        assert_eq!(charged.counts(&world).await, charged.given_back());
    }
}

/// Earlier releases marked a refund by version and expiry alone, and look at the version.
#[tokio::test]
async fn a_mark_of_an_earlier_release_is_of_a_refund_that_was_answered() {
    let world = World::new().await;
    let charged = Charged::new(&world, false).await;
    let store = world.warm().await;
    assert_eq!(
        charged.refund(&store, TEST_DEADLINE).await.unwrap(),
        Refund::Returned
    );

    let aws = aws(&world.proxy.url).await;
    let client = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
    let items = client
        .scan()
        .table_name("tollgate-usage")
        .send()
        .await
        .unwrap()
        .items
        .unwrap();
    let prefix = format!("refund#{}#", charged.caller);
    let mut mark = items
        .into_iter()
        .find(|item| item["id"].as_s().unwrap().starts_with(&prefix))
        .unwrap();
    assert!(mark.remove("rw").is_some() && mark.contains_key("ttl"));
    assert_eq!((mark.len(), mark["v"].as_n().unwrap().as_str()), (3, "1"));

    client
        .put_item()
        .table_name("tollgate-usage")
        .set_item(Some(mark))
        .send()
        .await
        .unwrap();
    assert_eq!(
        charged
            .refund(&world.warm().await, TEST_DEADLINE)
            .await
            .unwrap(),
        Refund::AlreadyRefunded
    );
    assert_eq!(charged.counts(&world).await, charged.given_back());
}
