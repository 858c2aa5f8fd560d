//! What stands in the usage table: the documented form, kept small, and brought back where a clock
//! was fast.

use std::collections::HashMap;

use aws::Retries;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use limits::{Caller, Plan, SECOND, Verdict};
use store::DynamoDbStore;

use testing::Emulator;
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, Subject, TEST_DEADLINE, aws, caller, instance, now, patient, plan};

const DAY: i128 = 86_400 * SECOND;

struct World {
    client: Client,
    store: DynamoDbStore,
    _server: Emulator,
}

impl World {
    async fn new(server: Emulator) -> Self {
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

    async fn charge(&self, caller: &Caller, plan: &Plan, cost: u64, now: i128) -> Verdict {
        let route = plan.route_limit("GET", "/a").map(AsRef::as_ref);
        self.store
            .charge_at(caller, plan, route, cost, now, patient())
            .await
            .unwrap()
            .verdict
    }

    async fn item(&self, id: &str) -> HashMap<String, AttributeValue> {
        let request = self
            .client
            .get_item()
            .table_name("tollgate-usage")
            .consistent_read(true);
        request
            .key("id", AttributeValue::S(id.to_owned()))
            .send()
            .await
            .unwrap()
            .item
            .unwrap_or_default()
    }
}

/// Names of attributes, each bucket's cut to its first letter, sorted.
fn names(item: &HashMap<String, AttributeValue>) -> Vec<&str> {
    let mut names: Vec<&str> = item
        .keys()
        .map(|name| if name.starts_with('b') { "b" } else { name })
        .collect();
    names.sort_unstable();
    names
}

fn number(item: &HashMap<String, AttributeValue>, name: &str) -> i128 {
    item[name].as_n().unwrap().parse().unwrap()
}

async fn has_the_documented_form(world: &World) {
    let (caller, plan) = (
        caller(),
        plan(
            r#"{"throttle":{"rate":1,"burst":5},"routes":{"GET /a":{"rate":1,"burst":5}},
                "quotas":[{"limit":9,"period":"day"},{"limit":9,"period":"month"}]}"#,
        ),
    );
    assert_eq!(
        world.charge(&caller, &plan, 2, NOON).await,
        Verdict::Allowed
    );
    let item = world.item(&caller.to_string()).await;
    assert_eq!(
        names(&item),
        [
            "b",
            "b",
            "d20261122",
            "e261122",
            "id",
            "k2611",
            "m20261101",
            "ttl",
            "u261122",
            "v"
        ]
    );
    assert_eq!(
        ["d20261122", "m20261101", "u261122", "e261122", "k2611", "v"]
            .map(|name| number(&item, name)),
        [2, 2, 2, 1, 1, 1]
    );
    let tats = item
        .keys()
        .filter(|name| name.starts_with('b'))
        .map(|name| number(&item, name));
    assert_eq!(
        tats.collect::<Vec<_>>(),
        [NOON + 2 * SECOND, NOON + 2 * SECOND]
    );
}

/// Calendars of one's own have a name of ten characters, a sliding window has two slots that are
/// instants.
async fn has_the_documented_form_beyond_bucket_day_and_month(world: &World) {
    let plan = plan(
        r#"{"algorithm":"sliding_window","window_s":10,"limit":9,
            "quotas":[{"limit":9,"period":"week"},{"limit":9,"period":"month","time_zone":"Asia/Tokyo","starts_on":31}]}"#,
    );
    let caller = caller();
    for now in [NOON, NOON + 10 * SECOND] {
        assert_eq!(world.charge(&caller, &plan, 2, now).await, Verdict::Allowed);
    }
    let grant = world
        .store
        .grant_at(&caller, &plan, "week", 5, Some("g"), NOON, patient())
        .await
        .unwrap();
    assert_eq!(grant.remaining, 10);
    let item = world.item(&caller.to_string()).await;
    let of = |letter: char| {
        let mut found: Vec<i128> = item
            .keys()
            .filter(|name| name.starts_with(letter))
            .map(|name| number(&item, name))
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(of('s'), [NOON + 2, NOON + 10 * SECOND + 2]);
    assert_eq!(of('q'), [-1, 4]);
    assert_eq!(
        item.keys()
            .filter(|name| name.starts_with("gq") && name.len() == 11)
            .count(),
        1
    );
    assert!(!item.contains_key("gi"));
}

/// A call a day for forty days: past days end up in items of their own, and no window is left
/// behind.
async fn stays_small_and_keeps_its_history(world: &World) {
    let (caller, plan) = (caller(), plan(r#"{"quotas":[{"limit":9,"period":"day"}]}"#));
    for day in 0..40 {
        assert_eq!(
            world.charge(&caller, &plan, 1, NOON + day * DAY).await,
            Verdict::Allowed
        );
    }
    let item = world.item(&caller.to_string()).await;
    let windows = item.keys().filter(|name| name.starts_with('d')).count();
    assert!(
        windows <= 1 + 2 + 4,
        "{windows} windows: today's, two kept, four stale"
    );
    assert!(
        item.keys().all(|name| !name.starts_with("u2611")),
        "{:?}",
        names(&item)
    );
    assert!(
        item.keys().filter(|name| name.starts_with('u')).count() <= 19,
        "{:?}",
        names(&item)
    );
    assert_eq!(number(&item, "u261231"), 1);
    let december = world.item(&format!("history#{caller}#202612")).await;
    assert_eq!(number(&december, "u261201"), 1);
    let history = world.item(&format!("history#{caller}#202611")).await;
    assert_eq!(
        history
            .keys()
            .filter(|name| name.starts_with("u2611"))
            .count(),
        9
    );
    assert_eq!(
        ["u261122", "u261130", "v"].map(|name| number(&history, name)),
        [1, 1, 1]
    );
}

async fn is_brought_back_from_a_fast_clock(world: &World) {
    let (caller, plan) = (caller(), plan(r#"{"throttle":{"rate":1,"burst":5}}"#));
    let now = now();
    world.charge(&caller, &plan, 5, now + 3600 * SECOND).await;
    let fast = world.item(&caller.to_string()).await;
    assert!(matches!(
        world.charge(&caller, &plan, 1, now).await,
        Verdict::Throttled {
            retry_after_s: 3,
            ..
        }
    ));
    let right = world.item(&caller.to_string()).await;
    let bucket = right.keys().find(|name| name.starts_with('b')).unwrap();
    assert_eq!(number(&fast, bucket), now + 3605 * SECOND);
    assert_eq!(number(&right, bucket), now + 7 * SECOND);
}

/// The item of a key with a total never expires, whatever is written to it. That of a token subject
/// expires, because no deletion would end it.
async fn keeps_a_balance_for_as_long_as_its_key_exists(world: &World) {
    const NEVER: i128 = 253_402_300_799;
    let plan = plan(
        r#"{"throttle":{"rate":1,"burst":5},
            "quotas":[{"limit":9,"period":"total"},{"limit":9,"period":"month"}]}"#,
    );
    let [key, subject] = [
        caller(),
        Caller::from_subject("https://issuer.example", "alice"),
    ];
    let expiry = async |caller: &Caller| number(&world.item(&caller.to_string()).await, "ttl");
    let lifetime = NOON / SECOND + 401 * DAY / SECOND;

    world.charge(&key, &plan, 1, NOON).await;
    assert_eq!(expiry(&key).await, NEVER, "after a charge");
    let query = world
        .store
        .charge_usage_query_at(&key, &plan, NOON, patient());
    assert_eq!(query.await.verdict, Verdict::Allowed);
    assert_eq!(expiry(&key).await, NEVER, "after a query for usage");
    for quota in ["month", "total"] {
        for caller in [&key, &subject] {
            let grant = world
                .store
                .grant_at(caller, &plan, quota, 5, None, NOON, patient());
            assert_eq!(grant.await.unwrap().granted, 5);
        }
        assert_eq!(expiry(&key).await, NEVER, "after a grant to {quota}");
        assert!(
            expiry(&subject).await <= lifetime + 31 * DAY / SECOND,
            "{quota}"
        );
    }
    world.charge(&subject, &plan, 1, NOON).await;
    assert!(expiry(&subject).await <= lifetime + 31 * DAY / SECOND);

    let list = async |caller, window: &str| {
        number(
            &world.item(&format!("grants#{caller}#{window}")).await,
            "ttl",
        )
    };
    let december = 1_796_083_200;
    assert_eq!(list(&key, "m20261101").await, december + 2 * DAY / SECOND);
    assert_eq!(list(&key, "t").await, NEVER);
    assert_eq!(
        list(&subject, "t").await,
        NOON / SECOND + 400 * DAY / SECOND
    );

    world.store.retire(&key, patient()).await.unwrap();
    let retired = now() / SECOND + 400 * DAY / SECOND;
    assert!(expiry(&key).await <= retired);
    assert!(list(&key, "t").await <= retired);
}

/// A call in each hour of six days: ended hours are removed within hours, each time several at once.
async fn keeps_few_hours(world: &World) {
    let (caller, plan) = (
        caller(),
        plan(r#"{"quotas":[{"limit":9,"period":"hour"}]}"#),
    );
    let mut most = 0;
    for hour in 0..144 {
        let now = NOON + hour * 3600 * SECOND;
        assert_eq!(world.charge(&caller, &plan, 1, now).await, Verdict::Allowed);
        let item = world.item(&caller.to_string()).await;
        most = most.max(item.keys().filter(|name| name.starts_with('h')).count());
    }
    assert!(
        most <= 1 + 1 + 5,
        "{most} hours: the present one, the last one, and five stale"
    );
}

/// The item of a deleted key expires 400 days after the deletion. A key that never made a call has no
/// item, and gets none.
async fn expires_once_its_key_is_deleted(world: &World) {
    let (plan, now) = (plan(r#"{"quotas":[{"limit":9,"period":"month"}]}"#), now());
    let [used, unused] = [caller(), caller()];
    world.charge(&used, &plan, 1, now + 90 * DAY).await;
    let before = number(&world.item(&used.to_string()).await, "ttl");

    for caller in [&used, &unused] {
        world.store.retire(caller, patient()).await.unwrap();
    }
    let retired = world.item(&used.to_string()).await;
    let lifetime = number(&retired, "ttl") - now / SECOND - 400 * DAY / SECOND;
    assert!((0..=60).contains(&lifetime), "{lifetime} s more");
    assert!(number(&retired, "ttl") < before);
    for item in [unused.to_string(), format!("grants#{unused}#t")] {
        assert_eq!(names(&world.item(&item).await), [""; 0], "{item}");
    }
}

async fn all_cases(server: Emulator) {
    let world = World::new(server).await;
    has_the_documented_form(&world).await;
    stays_small_and_keeps_its_history(&world).await;
    is_brought_back_from_a_fast_clock(&world).await;
    keeps_few_hours(&world).await;
    expires_once_its_key_is_deleted(&world).await;
}

#[tokio::test]
async fn an_item_on_ministack_has_its_form_stays_small_and_is_brought_back() {
    all_cases(Emulator::ministack()).await;
}

/// Without dynalite, which has no transactions.
#[tokio::test]
async fn an_item_with_grants_has_its_form_and_is_kept() {
    let world = World::new(Emulator::ministack()).await;
    has_the_documented_form_beyond_bucket_day_and_month(&world).await;
    keeps_a_balance_for_as_long_as_its_key_exists(&world).await;
}

#[tokio::test]
async fn an_item_on_dynalite_has_its_form_stays_small_and_is_brought_back() {
    all_cases(Emulator::dynalite()).await;
}
