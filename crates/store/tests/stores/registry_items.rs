//! The schema versions of registry items. The release before reads version 1 and ignores fields that
//! it does not know.

use std::collections::HashMap;

use aws::Retries;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use limits::PlanDocument;
use registry::{Admin, Condition, KeyHash, KeyRecord, ManagedBy};
use serde_json::{Value, json};
use store::DynamoDbStore;
use testing::Emulator;
use testing::stores::{Subject, TEST_DEADLINE, aws, instance, patient};

use crate::admin::{hash, new_secret, number};

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) store: DynamoDbStore,
    _server: Emulator,
}

impl World {
    pub(crate) async fn new(server: Emulator) -> Self {
        let url = format!("http://{}", server.address);
        Subject::dynamodb("dynamodb", &url).await;
        let aws = aws(&url).await;
        let client = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
        Self {
            client,
            store: instance(&aws, TEST_DEADLINE),
            _server: server,
        }
    }

    async fn item(&self, pk: &str, sk: &str) -> HashMap<String, AttributeValue> {
        let key = [("pk", pk), ("sk", sk)]
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        let request = self.client.get_item().table_name("tollgate-registry");
        let request = request
            .consistent_read(true)
            .set_key(Some(HashMap::from(key)));
        request.send().await.unwrap().item.unwrap()
    }

    async fn version(&self, pk: &str, sk: &str) -> String {
        self.item(pk, sk).await["v"].as_n().unwrap().clone()
    }

    async fn version_of_secret(&self, hash: &KeyHash) -> String {
        let hex = serde_json::to_value(hash).unwrap();
        let pk = format!("key#{}", hex.as_str().unwrap());
        self.version(&pk, "key").await
    }
}

/// A key that has this field too.
fn key_with(field: &str, value: Value) -> KeyRecord {
    let mut key = json!({"key_id": format!("id-{:06}", number()), "plan": "free", "enabled": true});
    key[field] = value;
    serde_json::from_value(key).unwrap()
}

/// Fields of a key, and the schema version of its item.
fn fields() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("expires_at", json!("2999-01-01T00:00:00Z"), "1"),
        ("enabled", json!(false), "1"),
        ("subject", json!("alice"), "1"),
        ("scopes", json!(["a"]), "1"),
        ("name", json!("Acme"), "1"),
        ("metadata", json!({"group": "acme"}), "1"),
        ("hint", json!("abcd"), "1"),
        ("prefix", json!("acme_"), "1"),
        ("managed_by", json!("production"), "1"),
        ("updated_at", json!("2026-01-01T00:00:00Z"), "1"),
        ("not_before", json!("2026-01-01T00:00:00Z"), "2"),
        ("allowed_ips", json!(["192.0.2.0/24"]), "2"),
        ("group", json!("acme"), "2"),
    ]
}

async fn only_restrictions_make_version_2(world: &World) {
    for (field, value, version) in fields() {
        let (record, hash) = (key_with(field, value), hash(&new_secret()));
        let registry = world.store.registry();
        registry.put_key(&hash, &record.key).await.unwrap();
        assert_eq!(world.version_of_secret(&hash).await, version, "{field}");
        let read = world.store.key(&hash, patient()).await.unwrap().unwrap();
        assert_eq!(*read, record.key, "{field}");
    }
}

/// Not on dynalite, which has no transactions.
#[tokio::test(flavor = "multi_thread")]
async fn earlier_secrets_have_the_restrictions_of_their_key() {
    let world = World::new(Emulator::ministack()).await;
    let (admin, now) = (Admin::dynamodb(world.store.registry()), Timestamp::now());
    for (field, value, version) in fields() {
        let (record, first) = (key_with(field, value), hash(&new_secret()));
        admin.create_key(&first, &record, &(), now).await.unwrap();

        let (second, end) = (hash(&new_secret()), now + SignedDuration::from_hours(1));
        let key_id = &record.key.key_id;
        admin
            .rotate_key(key_id, &second.into(), end, &Condition::None, &(), now)
            .await
            .unwrap();
        for hash in [first, second] {
            assert_eq!(world.version_of_secret(&hash).await, version, "{field}");
        }
        let read = world.store.key(&first, patient()).await.unwrap().unwrap();
        let restrictions = (&read.allowed_ips, read.not_before, &read.group);
        let key = &record.key;
        assert_eq!(restrictions, (&key.allowed_ips, key.not_before, &key.group));
    }
}

async fn only_a_disabled_plan_has_version_2(world: &World) {
    for (document, version) in [
        (r#"{"shadow":true}"#, "1"),
        (r#"{"enabled":true}"#, "1"),
        (r#"{"enabled":false,"throttle":{"rate":1,"burst":5}}"#, "2"),
    ] {
        let name = format!("plan-{:06}", number());
        let plan: PlanDocument = serde_json::from_str(document).unwrap();
        let admin = Admin::dynamodb(world.store.registry());
        admin
            .put_plan(&name, &plan, &Condition::None)
            .await
            .unwrap();
        assert_eq!(world.version("plan", &name).await, version, "{document}");
        let read = world.store.plan(&name, patient()).await.unwrap().unwrap();
        assert_eq!(read.enabled, version == "1", "{document}");
    }
}

/// The release before reads the same document, and removes the name when it writes the item.
async fn creator_is_an_attribute_that_the_release_before_ignores(world: &World) {
    let (name, program) = (format!("managed-{:06}", number()), ManagedBy::new("first"));
    let admin = Admin::dynamodb(world.store.registry()).created_by(program.as_ref());
    let plan: PlanDocument = serde_json::from_str(r#"{"shadow":true}"#).unwrap();
    admin
        .put_plan(&name, &plan, &Condition::None)
        .await
        .unwrap();
    admin
        .put_policy(&name, r#"{"rules":[]}"#, &Condition::None)
        .await
        .unwrap();
    admin
        .put_composition(&name, r#"{"routes":{}}"#, &Condition::None)
        .await
        .unwrap();

    for (kind, document) in [
        ("plan", r#"{"shadow":true}"#),
        ("policy", r#"{"rules":[]}"#),
        ("composition", r#"{"routes":{}}"#),
    ] {
        let mut item = world.item(kind, &name).await;
        assert_eq!(item["doc"].as_s().unwrap(), document);
        assert_eq!(item["managed_by"].as_s().unwrap(), "first");
        assert_eq!(item["v"].as_n().unwrap(), "1");

        item.remove("managed_by");
        let request = world.client.put_item().table_name("tollgate-registry");
        request.set_item(Some(item)).send().await.unwrap();
    }

    let (put, _) = admin
        .put_plan(&name, &PlanDocument::default(), &Condition::None)
        .await
        .unwrap();
    assert_eq!((put.created, put.managed_by), (false, None));
    assert_eq!(admin.plan(&name).await.unwrap().managed_by, None);
    assert_eq!(admin.policy(&name).await.unwrap().managed_by, None);
}

macro_rules! test_on_servers {
    ($($case:ident)+) => {
        $(mod $case {
            use testing::Emulator;
            use $crate::registry_items::World;

            #[tokio::test(flavor = "multi_thread")]
            async fn ministack() {
                super::$case(&World::new(Emulator::ministack()).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn dynalite() {
                super::$case(&World::new(Emulator::dynalite()).await).await;
            }
        })+
    };
}

pub(crate) use test_on_servers;

test_on_servers! {
    only_restrictions_make_version_2
    only_a_disabled_plan_has_version_2
    creator_is_an_attribute_that_the_release_before_ignores
}
