//! Grants with an id that the release before has begun. It wrote the item of the id first, then the
//! caller's item, then the outcome.

use std::collections::HashMap;

use aws::Retries;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use limits::{Caller, Grant, GrantOrder, Plan, SECOND};
use store::DynamoDbStore;

use crate::failure::World;
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, aws, caller, patient, plan, unique};

const AMOUNT: i64 = 10;

fn daily() -> Plan {
    plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#)
}

/// A grant of [`AMOUNT`] calls, begun by the release before.
struct BegunGrant {
    client: Client,
    store: DynamoDbStore,
    caller: Caller,
    id: String,
}

impl BegunGrant {
    async fn new(world: &World) -> Self {
        let aws = aws(&world.proxy.url).await;
        let begun = Self {
            client: aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard),
            store: world.warm().await,
            caller: caller(),
            id: unique(),
        };
        begun.claim(&begun.id).await;
        begun
    }

    /// Writes the item of an id, without the outcome.
    async fn claim(&self, id: &str) {
        let plan = daily();
        let order = GrantOrder::new(&plan, "day", AMOUNT, Some(id), NOON)
            .unwrap()
            .unwrap();
        let claim = [
            ("v", 1),
            ("ttl", NOON / SECOND + 86_400),
            ("gr", order.request(&self.caller).into()),
        ];
        self.put(&claim_name(id), &claim).await;
    }

    async fn put(&self, id: &str, numbers: &[(&str, i128)]) {
        let numbers = numbers
            .iter()
            .map(|(name, number)| ((*name).to_owned(), AttributeValue::N(number.to_string())));
        self.client
            .put_item()
            .table_name("tollgate-usage")
            .set_item(Some(numbers.collect()))
            .item("id", AttributeValue::S(id.to_owned()))
            .send()
            .await
            .unwrap();
    }

    /// Writes the caller's item as it is after the grant of `id`.
    async fn put_granted(&self, id: &str) {
        let item = [
            ("v", 1),
            ("d20261122", (-AMOUNT).into()),
            ("gd20261122", AMOUNT.into()),
            ("gi", number_of(id).into()),
            ("ga", AMOUNT.into()),
        ];
        self.put(&self.caller.to_string(), &item).await;
    }

    async fn item(&self, id: &str) -> HashMap<String, AttributeValue> {
        let get = self.client.get_item().table_name("tollgate-usage");
        let get = get.key("id", AttributeValue::S(id.to_owned()));
        get.send().await.unwrap().item.unwrap()
    }

    async fn repeat(&self, id: &str) -> Grant {
        let plan = daily();
        let grant = self.store.grant_at(
            &self.caller,
            &plan,
            "day",
            AMOUNT,
            Some(id),
            NOON,
            patient(),
        );
        grant.await.unwrap()
    }
}

fn number_of(id: &str) -> u64 {
    let plan = daily();
    let order = GrantOrder::new(&plan, "day", AMOUNT, Some(id), NOON);
    order.unwrap().unwrap().id.unwrap()
}

fn claim_name(id: &str) -> String {
    format!("grant#{:015}", number_of(id))
}

#[tokio::test]
async fn begun_grant_that_was_not_made_is_made_once() {
    let world = World::new().await;
    let begun = BegunGrant::new(&world).await;

    for repeated in [false, true] {
        let grant = begun.repeat(&begun.id).await;
        assert_eq!((grant.granted, grant.remaining), (AMOUNT, 110));
        assert_eq!(grant.repeated, repeated);
    }
    // A request of the release before that is still under way finds another grant, and is refused.
    let item = begun.item(&begun.caller.to_string()).await;
    let number = number_of(&begun.id).to_string();
    assert_eq!(item["gi"], AttributeValue::N(number));
}

#[tokio::test]
async fn begun_grant_that_was_made_is_not_made_again() {
    let world = World::new().await;
    let begun = BegunGrant::new(&world).await;
    begun.put_granted(&begun.id).await;

    for _ in 0..2 {
        let grant = begun.repeat(&begun.id).await;
        assert_eq!((grant.granted, grant.remaining), (AMOUNT, 110));
        assert!(grant.repeated);
    }
}

#[tokio::test]
async fn outcome_of_the_grant_before_a_begun_one_is_not_lost() {
    let world = World::new().await;
    let begun = BegunGrant::new(&world).await;
    let before = unique();
    begun.claim(&before).await;
    begun.put_granted(&before).await;

    assert!(!begun.repeat(&begun.id).await.repeated);
    let grant = begun.repeat(&before).await;
    assert!(grant.repeated, "{grant:?}");
    assert_eq!(grant.remaining, 120);
}
