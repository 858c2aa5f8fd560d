//! Operations that need no transaction, on a server that has none. They respond as on the embedded
//! store.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testing::Emulator;

use crate::support::Api;

/// The lists, page by page. Their order differs between stores.
const LISTS: [&str; 17] = [
    "/plans?limit=2",
    "/policies?limit=2",
    "/compositions?limit=2",
    "/blocks",
    "/audit?from=2026-11-01&to=2026-11-30",
    "/keys?limit=3",
    "/keys?plan=gold&limit=3",
    "/keys?name=acme&limit=3",
    "/keys?subject=alice&enabled=true",
    "/keys?group=team-0&metadata.tier=silver&limit=1",
    "/keys?unused_since=2026-11-22",
    "/keys/hashes?limit=3",
    "/plans/gold/usage?limit=3",
    "/plans/gold/usage?by=day&from=2026-11-20&to=2026-11-22&limit=2",
    "/plans/gold/usage?by=month&from=2026-10-01&to=2026-11-22&limit=5",
    "/plans/gold/usage?group=team-1&limit=3",
    "/usage?name=acme&limit=3",
];
const DOCUMENTS: [&str; 11] = [
    "/plans/gold",
    "/plans/absent",
    "/policies/policy-1",
    "/policies/policy-1/candidate",
    "/compositions/composition-1",
    "/keys/key-02",
    "/keys/key-03",
    "/keys/absent",
    "/keys/key-02/usage?from=2026-11-01&to=2026-11-22",
    "/callers/group/team-1/usage?plan=gold&from=2026-11-01&to=2026-11-22",
    "/plans/gold/usage?order=calls&from=2026-11-01&to=2026-11-30&limit=4",
];

/// Returns the seeds of 16 keys with different properties.
fn seeds() -> String {
    let key = |number: usize| {
        let mut key = json!({
            "key": format!("secret-of-key-{number:02}-000000"),
            "key_id": format!("key-{number:02}"),
            "plan": if number < 12 { "gold" } else { "open" },
            "name": if number.is_multiple_of(3) { "Acme Inc." } else { "Widgets" },
            "subject": if number.is_multiple_of(4) { "alice" } else { "bob" },
            "enabled": !number.is_multiple_of(8),
            "metadata": {"tier": if number.is_multiple_of(2) { "gold" } else { "silver" }},
        });
        if number % 2 == 1 {
            key["group"] = format!("team-{}", number / 2 % 2).into();
        }
        key
    };
    let keys: Vec<Value> = (0..16).map(key).collect();
    let gold = json!({"quotas": [{"limit": 100, "period": "day"}]});
    json!({"plans": {"gold": gold, "open": {}}, "keys": keys}).to_string()
}

/// Charges some keys, and writes policies, compositions and blocks.
async fn use_api(api: &Api) {
    for (number, calls) in [(2, 1), (4, 5), (6, 3), (13, 2)] {
        for _ in 0..calls {
            let secret = format!("secret-of-key-{number:02}-000000");
            let decision = api.send("POST", "/decisions", json!({"key": secret, "cost": 2}));
            let decision = decision.await;
            assert_eq!(decision.json()["reason"], "ok", "{decision:?}");
        }
    }
    api.finish().await;
    for number in 0..3 {
        api.policy_without_record(&format!("policy-{number}"), "any")
            .await;
        api.composition_without_record(&format!("composition-{number}"))
            .await;
        api.block_without_record(&format!("key-{:02}", 14 - number))
            .await;
    }
}

/// Returns the items of all pages, in no order.
async fn all(api: &Api, path: &str) -> BTreeSet<String> {
    let (mut found, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = api.get(&format!("{path}{cursor}")).await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
        let page = page.json();
        for item in page["items"].as_array().unwrap() {
            assert!(
                found.insert(item.to_string()),
                "{path}: {item} appears twice"
            );
        }
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_the_same_on_dynalite() {
    let server = Emulator::dynalite();
    let seeds = seeds();
    let dynalite = Api::dynamodb_with_seeds(&server.url(), &seeds).await;
    let embedded = Api::with_seeds(&seeds);
    for api in [&dynalite, &embedded] {
        use_api(api).await;
    }

    for path in LISTS {
        let expected = all(&embedded, path).await;
        assert_eq!(all(&dynalite, path).await, expected, "{path}");
        let is_empty = path.starts_with("/audit");
        assert_eq!(expected.is_empty(), is_empty, "{path}");
    }
    for path in DOCUMENTS {
        let [one, other] = [dynalite.get(path).await, embedded.get(path).await];
        assert_eq!(
            (one.status, one.json()),
            (other.status, other.json()),
            "{path}"
        );
    }

    let dry_run = json!({"filter": {"plan": "gold", "enabled": true}, "set": {"enabled": false}});
    let [one, other] = [
        dynalite.send("POST", "/keys/bulk", dry_run.clone()).await,
        embedded.send("POST", "/keys/bulk", dry_run).await,
    ];
    let counts = |preview: Value| (preview["matched"].clone(), preview["changing"].clone());
    assert_eq!(counts(one.json()), counts(other.json()));
    assert_eq!(one.json()["matched"], 10);
}

/// Nothing is written if the change and its record cannot be one transaction.
#[tokio::test(flavor = "multi_thread")]
async fn change_without_a_transaction_fails_and_changes_nothing() {
    let server = Emulator::dynalite();
    let api = Api::dynamodb_with_seeds(&server.url(), &seeds()).await;
    let before = api.get("/keys/key-02").await;

    let changed = api.send("PATCH", "/keys/key-02", json!({"enabled": false}));
    assert_eq!(changed.await.status, 503);
    assert_eq!(api.get("/keys/key-02").await.etag(), before.etag());
    let none: BTreeSet<String> = BTreeSet::new();
    assert_eq!(all(&api, "/audit?from=2026-11-01").await, none);
}
