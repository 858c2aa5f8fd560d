//! The usage of all keys: pages, periods, CSV, time zones and the keys with the most calls.

use std::sync::Arc;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Api, unique};

/// Creates a key with a name and perhaps a group, and charges it `calls` times with 2 units.
async fn charged_key(api: &Api, plan: &str, group: Option<&str>, calls: u64) -> String {
    let made = api
        .send(
            "POST",
            "/keys",
            json!({"plan": plan, "name": "=Acme", "group": group}),
        )
        .await;
    assert_eq!(made.status, 201, "{made:?}");

    let made = made.json();
    for _ in 0..calls {
        let decision = api
            .send("POST", "/decisions", json!({"key": made["key"], "cost": 2}))
            .await;
        assert_eq!(decision.json()["decision"], "allowed", "{decision:?}");
    }
    made["key_id"].as_str().unwrap().to_owned()
}

/// Returns the rows of all pages, and the number of pages.
async fn all_rows(api: &Api, path: &str) -> (Vec<Value>, usize) {
    let (mut rows, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = api.get(&format!("{path}{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        rows.extend(page["items"].as_array().unwrap().clone());
        pages += 1;

        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (rows, pages),
        }
    }
}

/// Returns the id and the calls of each row.
fn calls(rows: &[Value]) -> Vec<(String, u64)> {
    let of_row = |row: &Value| {
        let key_id = row["key_id"].as_str().unwrap().to_owned();
        (key_id, row["calls"].as_u64().unwrap())
    };
    rows.iter().map(of_row).collect()
}

pub(crate) async fn every_key_of_a_plan_has_one_row_in_one_of_the_pages(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 100, "period": "month"}]}))
        .await;
    let mut expected = Vec::new();
    for count in 0..5 {
        expected.push((charged_key(&api, &plan, None, count).await, count));
    }
    expected.sort();

    let (rows, pages) = all_rows(&api, &format!("/plans/{plan}/usage?limit=2")).await;
    let mut found = calls(&rows);
    found.sort();
    assert_eq!((found, pages), (expected.clone(), 3));

    let (same, _) = all_rows(&api, &format!("/usage?plan={plan}&limit=100")).await;
    assert_eq!(same, rows);

    let (key_id, count) = &expected[0];
    let row = rows.iter().find(|row| row["key_id"] == **key_id).unwrap();
    assert_eq!(
        *row,
        json!({"key_id": key_id, "name": "=Acme", "group": null, "plan": plan, "time_zone": "UTC",
            "from": "2026-11-01", "to": "2026-11-22", "calls": count, "units": count * 2, "refused": 0})
    );
}

pub(crate) async fn periods_are_days_and_months_of_the_range(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let key_id = charged_key(&api, &plan, None, 3).await;
    let periods = async |query: &str| -> Vec<(String, String, u64)> {
        let (rows, _) = all_rows(&api, &format!("/plans/{plan}/usage?{query}")).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        rows.iter()
            .map(|row| {
                (
                    text(&row["from"]),
                    text(&row["to"]),
                    row["calls"].as_u64().unwrap(),
                )
            })
            .collect()
    };
    let row = |from: &str, to: &str, calls| (from.to_owned(), to.to_owned(), calls);

    assert_eq!(
        periods("by=day&from=2026-11-21&to=2026-11-23").await,
        [
            row("2026-11-21", "2026-11-21", 0),
            row("2026-11-22", "2026-11-22", 3),
            row("2026-11-23", "2026-11-23", 0)
        ]
    );
    assert_eq!(
        periods("by=month&from=2026-10-30&to=2026-11-22").await,
        [
            row("2026-10-30", "2026-10-31", 0),
            row("2026-11-01", "2026-11-22", 3)
        ]
    );

    // A page with every day of a year has fewer keys, and the next one continues.
    for _ in 0..15 {
        charged_key(&api, &plan, None, 0).await;
    }
    let year = format!("/plans/{plan}/usage?by=day&from=2025-11-22&to=2026-11-22");
    let (rows, pages) = all_rows(&api, &year).await;
    assert_eq!((rows.len(), pages), (16 * 366, 2));
    let used: Vec<_> = rows.iter().filter(|row| row["calls"] != 0).collect();
    assert_eq!(used.len(), 1);
    assert_eq!(used[0]["key_id"], key_id);
}

pub(crate) async fn csv_pages_can_be_concatenated(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let group = unique("group");
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(charged_key(&api, &plan, Some(&group), 1).await);
    }
    keys.sort();

    let (mut file, mut path) = (String::new(), format!("/plans/{plan}/usage?limit=2"));
    loop {
        let page = api.call("GET", &path).header("accept", "text/csv");
        let page = page.send().await;
        assert_eq!(page.status, 200, "{page:?}");
        file.push_str(&page.text);

        let Some(cursor) = page.header("x-next-cursor") else {
            assert_eq!(page.header("link"), None);
            break;
        };
        let next = format!("/plans/{plan}/usage?limit=2&cursor={cursor}");
        assert_eq!(
            page.header("link"),
            Some(format!("</_tollgate/v1{next}>; rel=\"next\"").as_str())
        );
        path = next;
    }

    let mut lines: Vec<&str> = file.lines().collect();
    assert_eq!(
        lines.remove(0),
        "key_id,name,group,plan,time_zone,from,to,calls,units,refused,deleted_at"
    );
    lines.sort_unstable();
    let expected = keys
        .iter()
        .map(|key_id| format!("{key_id},'=Acme,{group},{plan},UTC,2026-11-01,2026-11-22,1,2,0,"));
    assert_eq!(lines, expected.collect::<Vec<_>>());
}

pub(crate) async fn keys_of_a_group_have_their_own_calls(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 100, "period": "month"}]}))
        .await;
    let group = unique("group");
    let (first, second, other) = (
        charged_key(&api, &plan, Some(&group), 3).await,
        charged_key(&api, &plan, Some(&group), 4).await,
        charged_key(&api, &plan, None, 5).await,
    );

    let (rows, _) = all_rows(&api, &format!("/usage?plan={plan}&group={group}")).await;
    let mut found = calls(&rows);
    found.sort_by_key(|(_, calls)| *calls);
    assert_eq!(found, [(first.clone(), 3), (second.clone(), 4)]);
    assert!(rows.iter().all(|row| row["group"] == group));

    let top = api
        .get(&format!("/usage?plan={plan}&order=calls"))
        .await
        .json();
    assert_eq!(
        calls(top["items"].as_array().unwrap()),
        [(other, 5), (second, 4), (first, 3)]
    );
}

pub(crate) async fn keys_with_the_most_calls_come_first(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let mut keys = Vec::new();
    for count in [1, 3, 2, 3] {
        keys.push((charged_key(&api, &plan, None, count).await, count));
    }
    keys.sort_by(|(key_id, count), (other_id, other)| other.cmp(count).then(key_id.cmp(other_id)));

    let top = api
        .get(&format!("/plans/{plan}/usage?order=calls&limit=3"))
        .await
        .json();
    assert_eq!(calls(top["items"].as_array().unwrap()), keys[..3]);
    assert_eq!(top["next_cursor"], Value::Null);

    for month in [
        "from=2026-11-01&to=2026-11-30",
        "from=2026-10-01&to=2026-10-31",
    ] {
        let top = api
            .get(&format!("/plans/{plan}/usage?order=calls&{month}"))
            .await;
        assert_eq!(top.status, 200, "{top:?}");
    }
    for days in [
        "from=2026-11-02&to=2026-11-22",
        "from=2026-11-01&to=2026-11-21",
        "from=2026-10-01&to=2026-11-22",
    ] {
        let wrong = api
            .get(&format!("/plans/{plan}/usage?order=calls&{days}"))
            .await;
        assert_eq!(
            (wrong.status, wrong.mistakes()),
            (400, vec!["from".to_owned()]),
            "{days}"
        );
    }
}

pub(crate) async fn days_are_those_of_the_time_zone_of_the_plan(api: Arc<Api>) {
    let auckland = api.plan(json!({"time_zone": "Pacific/Auckland"})).await;
    charged_key(&api, &auckland, None, 1).await;

    // It is already the 23rd in Auckland.
    let (rows, _) = all_rows(
        &api,
        &format!("/plans/{auckland}/usage?time_zone=pacific/auckland"),
    )
    .await;
    assert_eq!(
        (&rows[0]["to"], &rows[0]["time_zone"], &rows[0]["calls"]),
        (&json!("2026-11-23"), &json!("Pacific/Auckland"), &json!(1))
    );

    let wrong = api
        .get(&format!("/usage?plan={auckland}&time_zone=Europe/Berlin"))
        .await;
    assert_eq!(
        (wrong.status, wrong.mistakes()),
        (422, vec!["time_zone".to_owned()])
    );
    for part in [&*auckland, "`Pacific/Auckland`", "`Europe/Berlin`"] {
        assert!(wrong.text.contains(part), "{wrong:?}");
    }
}

pub(crate) async fn invalid_queries_of_usage_are_rejected(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    for _ in 0..2 {
        charged_key(&api, &plan, None, 0).await;
    }

    let page = api.get(&format!("/usage?plan={plan}&limit=1")).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    for (query, parameters) in [
        ("from=2026-11-22&to=2026-11-21".to_owned(), vec!["to"]),
        ("from=2025-11-21".to_owned(), vec!["to"]),
        (
            "by=year&order=name&time_zone=Europe/Atlantis".to_owned(),
            vec!["by", "order", "time_zone"],
        ),
        (format!("order=calls&cursor={cursor}"), vec!["cursor"]),
        (format!("cursor={cursor}"), vec!["cursor"]),
        (
            format!("plan={plan}&by=day&cursor={cursor}"),
            vec!["cursor"],
        ),
        (
            format!("plan={plan}&from=2026-11-02&cursor={cursor}"),
            vec!["cursor"],
        ),
        ("sort=calls".to_owned(), vec!["sort"]),
        (
            "order=calls&unused_since=2026-11-20".to_owned(),
            vec!["unused_since"],
        ),
        ("unused_since=2026-11-23".to_owned(), vec!["unused_since"]),
        (
            format!("plan={plan}&name=a&cursor={cursor}"),
            vec!["cursor"],
        ),
    ] {
        let wrong = api.get(&format!("/usage?{query}")).await;
        assert_eq!(
            (wrong.status, wrong.mistakes()),
            (400, parameters.into_iter().map(str::to_owned).collect()),
            "{query}"
        );
    }
    assert_eq!(
        api.get(&format!("/usage?plan={plan}&limit=7&cursor={cursor}"))
            .await
            .status,
        200
    );

    assert_eq!(api.get("/plans/unknown/usage").await.status, 404);
    let own = api
        .call_as(
            "GET",
            "/_tollgate/v1/usage",
            json!({"lambda": {"key_id": "k"}}),
        )
        .send()
        .await;
    assert_eq!(own.status, 403);
}

/// Imports keys with a name and metadata, and returns their ids.
async fn imported(api: &Api, plan: &str, number: usize) -> Vec<String> {
    let batch = unique("many");
    let ids: Vec<String> = (0..number).map(|key| format!("{batch}-{key}")).collect();

    let mut file = "Key,KeyId,Name,UsagePlanIds,Metadata,CreatedAt\n".to_owned();
    for (key, key_id) in ids.iter().enumerate() {
        let tier = if key % 2 == 0 { "gold" } else { "silver" };
        writeln!(
            file,
            "secret-of-{key_id}-000000,{key_id},Acme,{plan},\"{{\"\"tier\"\":\"\"{tier}\"\"}}\",2026-01-01T00:00:00Z"
        )
        .unwrap();
    }
    let sent = api.call("POST", "/keys/import").body("text/csv", &file);
    let imported = sent.send().await;
    assert_eq!(imported.json()["imported"], number, "{imported:?}");
    ids
}

pub(crate) async fn deleted_keys_come_last(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let group = unique("group");
    let mut keys = Vec::new();
    for (count, group) in [(1, None), (4, Some(&*group)), (2, None), (3, Some(&group))] {
        keys.push((charged_key(&api, &plan, group, count).await, count));
    }
    for (key_id, _) in &keys[..2] {
        let deleted = api.call("DELETE", &format!("/keys/{key_id}")).send().await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
    }
    let (deleted, existing) = keys.split_at(2);

    for limit in [1, 3, 100] {
        let (rows, _) = all_rows(&api, &format!("/usage?plan={plan}&limit={limit}")).await;
        let is_deleted = |row: &Value| !row["deleted_at"].is_null();
        let first = rows.iter().position(is_deleted).unwrap();
        for (rows, keys) in [(&rows[..first], existing), (&rows[first..], deleted)] {
            let (mut found, mut expected) = (calls(rows), keys.to_vec());
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{limit}");
        }
        assert_eq!(rows[first]["deleted_at"], "2026-11-22T12:00:00Z");
        assert_eq!(rows[first]["plan"], plan);
    }

    let (grouped, _) = all_rows(&api, &format!("/plans/{plan}/usage?group={group}")).await;
    assert_eq!(calls(&grouped), [keys[3].clone(), keys[1].clone()]);
    let (named, _) = all_rows(&api, &format!("/plans/{plan}/usage?name=acme")).await;
    assert_eq!(named.len(), 4);

    let top = api
        .get(&format!("/plans/{plan}/usage?order=calls&limit=2"))
        .await
        .json();
    assert_eq!(
        calls(top["items"].as_array().unwrap()),
        [keys[1].clone(), keys[3].clone()]
    );

    // A key that was deleted before the first day of the report is not shown.
    let later = "from=2026-11-24&to=2026-11-25";
    let (rows, _) = all_rows(&api, &format!("/usage?plan={plan}&{later}")).await;
    assert_eq!(rows.len(), 2);

    let file = api
        .call("GET", &format!("/plans/{plan}/usage?group={group}"))
        .header("accept", "text/csv");
    let file = file.send().await.text;
    assert!(file.ends_with("4,8,0,2026-11-22T12:00:00Z\n"), "{file}");
}

pub(crate) async fn keys_of_a_deleted_plan_are_reported(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let key_id = charged_key(&api, &plan, None, 2).await;
    for path in [format!("/keys/{key_id}"), format!("/plans/{plan}")] {
        let deleted = api.call("DELETE", &path).send().await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
    }

    let (rows, _) = all_rows(&api, &format!("/usage?plan={plan}")).await;
    assert_eq!(calls(&rows), [(key_id, 2)]);
    let of_plan = api.get(&format!("/plans/{plan}/usage")).await;
    assert_eq!(of_plan.status, 404);
}

pub(crate) async fn usage_is_selected_like_keys(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let ids = imported(&api, &plan, 40).await;
    for (number, key_id) in ids.iter().enumerate() {
        if number % 5 == 0 {
            api.charge(key_id, 1).await;
        }
    }

    for (query, expected) in [
        ("name=acme", 40),
        ("name=other", 0),
        ("metadata.tier=gold", 20),
        ("metadata.tier=gold&metadata.other=x", 0),
        ("unused_since=2026-11-22", 32),
        ("unused_since=2026-11-22&metadata.tier=silver", 16),
    ] {
        for limit in [7, 100] {
            let path = format!("/usage?plan={plan}&{query}&limit={limit}");
            let (rows, _) = all_rows(&api, &path).await;
            assert_eq!(rows.len(), expected, "{path}");
        }
    }
    let path = format!("/usage?plan={plan}&metadata.tier=gold&order=calls&limit=5");
    let top = api.get(&path).await.json();
    let used = calls(top["items"].as_array().unwrap());
    let expected = [0, 10, 20, 30].map(|number| (ids[number].clone(), 1));
    assert_eq!(used[..4], expected);
    assert_eq!(used[4].1, 0);
}

/// Keys of one plan on a server that counts the items that are read.
#[tokio::test(flavor = "multi_thread")]
async fn report_reads_in_proportion_to_its_rows() {
    let (api, proxy, _server) = Api::behind_proxy().await;
    let plan = api.plan(json!({})).await;
    let ids = imported(&api, &plan, 303).await;
    for key_id in &ids[300..] {
        api.call("DELETE", &format!("/keys/{key_id}")).send().await;
    }
    api.get(&format!("/plans/{plan}/usage")).await;

    let read = async |path: &str| {
        let before = proxy.items_read();
        let page = api.get(path).await;
        assert_eq!(page.status, 200, "{page:?}");
        (page.json(), proxy.items_read() - before)
    };
    let items_of_pages = async |path: &str| {
        let (mut items, mut rows, mut cursor) = (Vec::new(), 0, String::new());
        loop {
            let (page, reads) = read(&format!("{path}{cursor}")).await;
            rows += page["items"].as_array().unwrap().len();
            items.push(reads);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return (items, rows),
            }
        }
    };

    // For each row the key, its usage and its usage of the month. The last page has the three
    // deleted keys.
    let (items, rows) = items_of_pages(&format!("/usage?plan={plan}&limit=100")).await;
    assert_eq!((items, rows), (vec![300, 300, 300, 3 * 3], 303));
    let (items, rows) = items_of_pages(&format!("/usage?plan={plan}&limit=10")).await;
    assert_eq!((items[0], rows), (10 * 3, 303));

    // The month of every key is read once, and then the rows.
    let top = format!("/usage?plan={plan}&order=calls&limit=10");
    let (page, reads) = read(&top).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 10);
    assert_eq!(reads, 303 + 303 + 10 * 2);

    // A page of a search reads at most 1,000 items, whether keys are found or not.
    for query in [
        "name=absent",
        "metadata.tier=gold",
        "unused_since=2026-11-22",
    ] {
        for days in ["", "&from=2025-11-22&to=2026-11-22"] {
            let path = format!("/usage?plan={plan}&{query}{days}");
            let (items, _) = items_of_pages(&path).await;
            assert!(
                items.iter().all(|items| *items <= 1_000),
                "{path}: {items:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_10000_keys_are_ordered() {
    let key = |number: usize| {
        let group = (number > 0).then_some("acme");
        json!({"key": format!("secret-of-one-of-many-{number:05}"), "key_id": format!("k{number}"),
            "plan": "p", "group": group})
    };
    let keys: Vec<Value> = (0..=10_000).map(key).collect();
    let api = Api::with_seeds(&json!({"plans": {"p": {}}, "keys": keys}).to_string());

    let top = "/usage?order=calls&limit=1";
    let of_group = api.get(&format!("{top}&group=acme")).await;
    assert_eq!(of_group.status, 200, "{of_group:?}");
    let refused = api.get(top).await;
    assert_eq!(
        (refused.status, refused.mistakes()),
        (422, vec!["order".to_owned()])
    );
    for parameter in ["`plan`", "`group`"] {
        assert!(refused.text.contains(parameter), "{refused:?}");
    }

    // Deleted keys count as well.
    let deleted = api.call("DELETE", "/keys/k0").send().await;
    assert_eq!((deleted.status, api.get(top).await.status), (204, 422));
}
