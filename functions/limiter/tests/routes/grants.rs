//! The list of grants, and their revocation.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, unique};

const NOON: &str = "2026-11-22T12:00:00Z";

async fn plan(api: &Api) -> String {
    let quotas = json!([{"limit": 10, "period": "month"}, {"limit": 0, "period": "total", "name": "credits"}]);
    api.plan(json!({"quotas": quotas})).await
}

/// Grants calls and returns the id of the grant.
async fn grant(api: &Api, path: &str, quota: &str, amount: i64) -> String {
    let body = json!({"quota": quota, "grant": amount});
    let granted = api.send("PATCH", path, body).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    granted.json()["id"].as_str().unwrap().to_owned()
}

async fn delete(api: &Api, path: &str) -> u64 {
    api.call("DELETE", path).send().await.status
}

/// Returns `[used, remaining]` of the first quota of a key.
async fn usage(api: &Api, key_id: &str) -> Value {
    let report = api.get(&format!("/keys/{key_id}/usage")).await.json();
    report["quotas"][0]["usage"].clone()
}

/// Returns the amounts in the audit records of a target, the lowest first.
async fn recorded(api: &Api, target: &str, action: &str) -> Vec<i64> {
    let page = api.get(&format!("/audit?target={target}&limit=100")).await;
    let page = page.json();
    let items = page["items"].as_array().unwrap().iter();
    let found = items.filter(|record| record["action"] == action);
    let mut amounts: Vec<_> = found
        .map(|record| record["amount"].as_i64().unwrap())
        .collect();
    amounts.sort_unstable();
    amounts
}

pub(crate) async fn grants_are_listed_and_revoked(api: Arc<Api>) {
    let plan = plan(&api).await;
    let (key_id, secret) = api.key(&plan).await;
    let (usage_path, path) = (
        format!("/keys/{key_id}/usage"),
        format!("/keys/{key_id}/grants"),
    );
    assert_eq!(
        api.get(&path).await.json(),
        json!({"items": [], "unlisted": 0})
    );

    let credits = grant(&api, &usage_path, "credits", 100).await;
    let month = grant(&api, &usage_path, "month", 5).await;
    for _ in 0..12 {
        api.send("POST", "/decisions", json!({"key": secret})).await;
    }
    assert_eq!(usage(&api, &key_id).await, json!([12, 3]));
    for _ in 0..2 {
        assert_eq!(delete(&api, &format!("{path}/{month}")).await, 204);
        assert_eq!(usage(&api, &key_id).await, json!([12, 0]));
    }

    let list = api.get(&path).await.json();
    let mut items = list["items"].as_array().unwrap().clone();
    // Both were made at the same time.
    items.sort_by_key(|item| item["quota"].to_string());
    assert_eq!(
        items,
        [
            json!({"id": credits, "quota": "credits", "amount": 100, "at": NOON}),
            json!({"id": month, "quota": "month", "amount": 5, "at": NOON,
                "window_start": "2026-11-01T00:00:00Z", "window_end": "2026-12-01T00:00:00Z",
                "revoked_at": NOON, "revoked": 3}),
        ]
    );
    assert_eq!(list["unlisted"], 0);
}

pub(crate) async fn revocations_have_one_record_each(api: Arc<Api>) {
    let (key_id, _) = api.key(&plan(&api).await).await;
    let path = format!("/keys/{key_id}/usage");
    let (first, second) = (
        grant(&api, &path, "month", 5).await,
        grant(&api, &path, "month", 7).await,
    );
    grant(&api, &path, "month", -16).await;

    for id in [&first, &second, &first] {
        let path = format!("/keys/{key_id}/grants/{id}");
        assert_eq!(delete(&api, &path).await, 204);
    }
    assert_eq!(recorded(&api, &key_id, "usage.grant").await, [-16, 5, 7]);
    assert_eq!(recorded(&api, &key_id, "usage.revoke").await, [-5, -1]);
}

pub(crate) async fn unknown_grants_and_removals_are_not_revoked(api: Arc<Api>) {
    let plan = plan(&api).await;
    let [(key_id, _), (other, _)] = [api.key(&plan).await, api.key(&plan).await];
    let removal = grant(&api, &format!("/keys/{key_id}/usage"), "month", -4).await;
    let of_other = grant(&api, &format!("/keys/{other}/usage"), "month", 4).await;

    for (path, status) in [
        (format!("/keys/{key_id}/grants/{of_other}"), 404),
        (format!("/keys/{key_id}/grants/000000000000000"), 404),
        (format!("/keys/{key_id}/grants/first"), 404),
        (format!("/keys/{key_id}/grants/{removal}"), 409),
        (format!("/keys/{}/grants/{removal}", unique("no-key")), 404),
    ] {
        let response = api.call("DELETE", &path).send().await;
        assert_eq!(response.status, status, "{path}: {response:?}");
        assert_eq!(response.mistakes(), [""; 0]);
    }
    assert_eq!(usage(&api, &key_id).await, json!([0, 6]));
    assert_eq!(usage(&api, &other).await, json!([0, 14]));
    assert_eq!(recorded(&api, &key_id, "usage.revoke").await, [0; 0]);
}

pub(crate) async fn grants_of_other_callers_are_listed_and_revoked(api: Arc<Api>) {
    let (plan, caller) = (
        plan(&api).await,
        format!("/callers/cert/{}", "0b".repeat(32)),
    );
    let query = format!("plan={plan}");
    let id = grant(&api, &format!("{caller}/usage?{query}"), "month", 5).await;
    let list = format!("{caller}/grants?{query}");
    assert_eq!(api.get(&list).await.json()["items"][0]["id"], json!(id));

    let one = format!("{caller}/grants/{id}");
    for path in [
        format!("{caller}/grants"),
        format!("{caller}/grants?plan=missing"),
    ] {
        let wrong = api.get(&path).await;
        assert_eq!(
            (wrong.status, wrong.mistakes()),
            (400, vec!["plan".to_owned()])
        );
    }
    assert_eq!(delete(&api, &one).await, 400);
    assert_eq!(delete(&api, &format!("{one}?{query}")).await, 204);
    let revoked = api.get(&list).await.json()["items"][0].clone();
    assert_eq!(
        (&revoked["revoked"], &revoked["revoked_at"]),
        (&json!(5), &json!(NOON))
    );
}

pub(crate) async fn keys_of_a_group_share_their_grants(api: Arc<Api>) {
    let quotas = json!([{"limit": 10, "period": "month"}]);
    let (plan, group) = (api.plan(json!({"quotas": quotas})).await, unique("acme"));
    let mut keys = Vec::new();
    for _ in 0..2 {
        let new = json!({"plan": plan, "group": group});
        let made = api.send("POST", "/keys", new).await.json();
        keys.push((
            made["key_id"].as_str().unwrap().to_owned(),
            made["key"].clone(),
        ));
    }

    let id = grant(&api, &format!("/keys/{}/usage", keys[0].0), "month", 5).await;
    let peek = json!({"key": keys[1].1, "mode": "peek"});
    let left =
        async || api.send("POST", "/decisions", peek.clone()).await.json()["remaining"].clone();
    assert_eq!(left().await, json!(15));
    let of_group = api
        .get(&format!("/callers/group/{group}/grants?plan={plan}"))
        .await;
    assert_eq!(of_group.json()["items"][0]["id"], json!(id));

    let path = format!("/keys/{}/grants/{id}", keys[1].0);
    assert_eq!(delete(&api, &path).await, 204);
    assert_eq!(left().await, json!(10));
    let of_key = api.get(&format!("/keys/{}/grants", keys[0].0)).await.json();
    assert_eq!(of_key["items"][0]["revoked"], json!(5));
}
