//! Searches of keys.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use testing::{Emulator, Fault};

use crate::support::{Api, unique};

const KEYS: usize = 300;

/// True if a key with these properties is selected.
type Selects = fn(&Properties) -> bool;

/// The properties of the key with this number.
struct Properties {
    name: &'static str,
    subject: &'static str,
    tier: &'static str,
    is_enabled: bool,
    is_new: bool,
    is_used: bool,
}

fn properties(number: usize) -> Properties {
    Properties {
        name: ["Acme Inc.", "ACME Labs", "Widgets", ""][number % 4],
        subject: ["alice", "bob", ""][number % 3],
        tier: ["gold", "silver"][number / 5 % 2],
        is_enabled: !number.is_multiple_of(7),
        is_new: number.is_multiple_of(11),
        is_used: number.is_multiple_of(13),
    }
}

/// Imports [`KEYS`] keys, uses some of them, and returns their ids and the plan.
async fn imported(api: &Api) -> (Vec<String>, String) {
    let (plan, batch) = (api.plan(json!({})).await, unique("search"));
    let ids: Vec<String> = (0..KEYS)
        .map(|number| format!("{batch}-{number}"))
        .collect();

    let mut file = "Key,KeyId,Name,UsagePlanIds,Enabled,Subject,Metadata,CreatedAt\n".to_owned();
    for (number, key_id) in ids.iter().enumerate() {
        let key = properties(number);
        let created_at = if key.is_new {
            "2026-11-22T09:00:00Z"
        } else {
            "2026-01-01T00:00:00Z"
        };
        writeln!(
            file,
            "secret-of-{key_id}-000000,{key_id},{},{plan},{},{},\"{{\"\"tier\"\":\"\"{}\"\"}}\",{created_at}",
            key.name,
            if key.is_enabled { "TRUE" } else { "FALSE" },
            key.subject,
            key.tier,
        )
        .unwrap();
        if key.is_used {
            api.charge(key_id, 1).await;
        }
    }
    let imported = api
        .call("POST", "/keys/import")
        .body("text/csv", &file)
        .send()
        .await;
    assert_eq!(imported.json()["imported"], KEYS, "{imported:?}");
    (ids, plan)
}

/// Returns the ids of all pages, and asserts that each page has at most `limit` items.
async fn search(api: &Api, query: &str, limit: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api
            .get(&format!("/keys?{query}&limit={limit}{cursor}"))
            .await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();

        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        found.extend(
            items
                .iter()
                .map(|item| item["key_id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}

pub(crate) async fn pages_of_a_search_are_the_filtered_list(api: Arc<Api>) {
    let (ids, plan) = imported(&api).await;
    let cases: [(&str, usize, Selects); 10] = [
        ("name=acme", 100, |key| key.name.starts_with("A")),
        ("name=C.", 7, |key| key.name == "Acme Inc."),
        ("subject=alice", 10, |key| key.subject == "alice"),
        ("enabled=false", 3, |key| !key.is_enabled),
        ("enabled=true&subject=bob", 100, |key| {
            key.is_enabled && key.subject == "bob"
        }),
        ("metadata.tier=gold", 100, |key| key.tier == "gold"),
        ("metadata.tier=gold&metadata.other=x", 1, |_| false),
        ("unused_since=2026-11-22", 100, |key| {
            !key.is_used && !key.is_new
        }),
        ("unused_since=2026-01-02&name=widgets", 9, |key| {
            !key.is_used && !key.is_new && key.name == "Widgets"
        }),
        ("name=&subject=", 100, |_| true),
    ];

    for (query, limit, is_selected) in cases {
        let expected: BTreeSet<String> = (0..KEYS)
            .filter(|number| is_selected(&properties(*number)))
            .map(|number| ids[number].clone())
            .collect();
        let found = search(&api, &format!("plan={plan}&{query}"), limit).await;
        let distinct: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(
            found.len(),
            distinct.len(),
            "{query}: a key was found twice"
        );
        assert_eq!(distinct, expected, "{query}");
    }

    // Without a plan, keys of other plans are searched as well.
    let ids: BTreeSet<String> = ids.into_iter().collect();
    let found = search(&api, "metadata.tier=silver&enabled=true", 100).await;
    let found: BTreeSet<String> = found.into_iter().collect();
    let is_selected = |key: &Properties| key.tier == "silver" && key.is_enabled;
    let expected = (0..KEYS)
        .filter(|number| is_selected(&properties(*number)))
        .count();
    assert_eq!(found.intersection(&ids).count(), expected);
}

pub(crate) async fn invalid_searches_are_rejected(api: Arc<Api>) {
    for (query, mistakes) in [
        (
            "enabled=yes&metadata=1&email=a",
            vec!["email", "enabled", "metadata"],
        ),
        ("unused_since=2026-11-23", vec!["unused_since"]),
        ("unused_since=2025-11-20", vec!["unused_since"]),
        ("unused_since=yesterday", vec!["unused_since"]),
    ] {
        let rejected = api.get(&format!("/keys?{query}")).await;
        assert_eq!(
            (rejected.status, rejected.mistakes()),
            (400, mistakes.into_iter().map(str::to_owned).collect())
        );
    }

    let plan = api.plan(json!({})).await;
    for _ in 0..2 {
        api.key(&plan).await;
    }
    let page = api
        .get(&format!("/keys?plan={plan}&enabled=true&limit=1"))
        .await
        .json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let other = api
        .get(&format!("/keys?plan={plan}&enabled=false&cursor={cursor}"))
        .await;
    assert_eq!(
        (other.status, other.mistakes()),
        (400, vec!["cursor".to_owned()])
    );
}

pub(crate) async fn key_shows_the_day_of_its_last_use(api: Arc<Api>) {
    for document in [json!({}), json!({"shared_by_plan": true})] {
        let plan = api.plan(document).await;
        let (key_id, _) = api.key(&plan).await;
        let path = format!("/keys/{key_id}");

        assert_eq!(api.get(&path).await.json()["last_used_on"], Value::Null);
        api.charge(&key_id, 1).await;
        assert_eq!(api.get(&path).await.json()["last_used_on"], "2026-11-22");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_a_search_reads_at_most_1000_items() {
    let (api, proxy, _server) = Api::behind_proxy().await;
    let plan = api.plan(json!({})).await;
    let mut rows = "Key,UsagePlanIds,CreatedAt\n".to_owned();
    for _ in 0..1_100 {
        let secret = unique("one-of-very-many-keys");
        writeln!(rows, "{secret},{plan},2026-01-01T00:00:00Z").unwrap();
    }
    let imported = api.call("POST", "/keys/import").body("text/csv", &rows);
    assert_eq!(imported.send().await.json()["imported"], 1_100);

    for (query, found) in [("name=absent", 0), ("unused_since=2026-11-22", 1_100)] {
        let (mut keys, mut cursor) = (0, String::new());
        loop {
            let before = proxy.count("BatchGetItem");
            let path = format!("/keys?plan={plan}&{query}{cursor}");
            let page = api.get(&path).await.json();
            let batches = proxy.count("BatchGetItem") - before;
            assert!(batches <= 10, "{batches} requests of up to 100 items");

            keys += page["items"].as_array().unwrap().len();
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(keys, found, "{query}");
        assert_ne!(cursor, "", "a search of 1,100 keys has several pages");
    }
}

/// A key that is called unused may be disabled although customers use it.
#[tokio::test(flavor = "multi_thread")]
async fn use_under_a_formerly_shared_plan_is_found() {
    let server = Emulator::ministack();
    let api = Api::dynamodb(&server.url()).await;
    for document in [
        json!({"shared_by_plan": true}),
        json!({"shared_by_plan": true, "throttle": {"rate": 1, "burst": 5}}),
    ] {
        let plan = api.plan(document).await;
        let (key_id, secret) = api.key(&plan).await;
        let decision = api.send("POST", "/decisions", json!({"key": secret})).await;
        assert_eq!(decision.json()["reason"], "ok", "{decision:?}");
        api.finish().await;

        let alone = api.send("PUT", &format!("/plans/{plan}"), json!({})).await;
        assert_eq!(alone.status, 200, "{alone:?}");
        let other = Api::dynamodb(&server.url()).await;
        let shown = other.get(&format!("/keys/{key_id}")).await.json();
        assert_eq!(shown["last_used_on"], "2026-11-22", "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_shown_although_its_usage_cannot_be_read() {
    let (api, proxy, _server) = Api::behind_proxy().await;
    let (key_id, _) = api.key("open").await;
    api.charge(&key_id, 1).await;
    let path = format!("/keys/{key_id}");
    assert_eq!(api.get(&path).await.json()["last_used_on"], "2026-11-22");

    for fault in [
        Fault::ThrottleFor("TableReadAccountLimitExceeded"),
        Fault::Refuse("AccessDeniedException"),
        Fault::Hang,
    ] {
        // The key itself is read by other operations.
        let of_usage = |operation: &str| operation == "GetItem";
        proxy.fault_by(move |_, operation| {
            if of_usage(operation) {
                fault
            } else {
                Fault::None
            }
        });
        let shown = api.get(&path).await;
        assert_eq!(shown.status, 200, "{fault:?}: {shown:?}");
        let shown = shown.json();
        assert_eq!(shown["key_id"], key_id, "{fault:?}");
        assert_eq!(shown["last_use_unknown"], true, "{fault:?}");
        assert_eq!(shown["last_used_on"], Value::Null, "{fault:?}");
    }

    proxy.fault_all(Fault::None);
    let shown = Api::dynamodb(&proxy.url).await.get(&path).await.json();
    assert_eq!(shown["last_used_on"], "2026-11-22");
    assert_eq!(shown["last_use_unknown"], Value::Null);
}
