//! The usage of all keys: pages, periods, CSV, time zones and the keys with the most calls.

use std::sync::Arc;

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
        "key_id,name,group,plan,time_zone,from,to,calls,units,refused"
    );
    lines.sort_unstable();
    let expected = keys
        .iter()
        .map(|key_id| format!("{key_id},'=Acme,{group},{plan},UTC,2026-11-01,2026-11-22,1,2,0"));
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
