//! The audit records, and `GET /audit`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, Response, idempotency_key, unique};

const DAY: &str = "2026-11-22";

pub(crate) async fn send_as(
    api: &Api,
    principal: &str,
    method: &str,
    path: &str,
    body: Value,
) -> Response {
    let path = format!("/_tollgate/v1{path}");
    let call = api.call_as(method, &path, json!({"iam": {"userArn": principal}}));
    if body.is_null() {
        call.send().await
    } else {
        call.json(body).send().await
    }
}

/// Returns all records that a query selects.
pub(crate) async fn records(api: &Api, query: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/audit?{query}{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        found.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// Returns the actions of the records of a target, the oldest first.
async fn actions(api: &Api, target: &str) -> Vec<String> {
    let mut found = records(api, &format!("target={target}")).await;
    // The time of all requests is the same, so that their order is not known.
    found.sort_by_key(|record| record["action"].to_string());
    let action = |record: &Value| record["action"].as_str().unwrap().to_owned();
    found.iter().map(action).collect()
}

pub(crate) async fn every_change_has_one_record_without_secrets(api: Arc<Api>) {
    let principal = unique("arn:aws:iam::123456789012:user/alice");
    let send = async |method: &str, path: &str, body| {
        let response = send_as(&api, &principal, method, path, body).await;
        assert!(response.status < 300, "{response:?}");
        response
    };
    let plan = unique("plan");
    send("PUT", &format!("/plans/{plan}"), json!({"near_limit": 0.5})).await;
    let new = json!({"plan": plan, "name": "Acme", "metadata": {"crm": "hush-1"}});
    let made = send("POST", "/keys", new).await.json();
    let key_id = made["key_id"].as_str().unwrap();
    let path = format!("/keys/{key_id}");
    send(
        "PATCH",
        &path,
        json!({"enabled": false, "metadata": {"crm": "hush-2"}}),
    )
    .await;
    let rotated = send("POST", &format!("{path}/rotate"), json!({"grace_s": 60}))
        .await
        .json();
    send("DELETE", &path, Value::Null).await;
    send("DELETE", &format!("/plans/{plan}"), Value::Null).await;
    let policy = unique("policy");
    let rules = json!({"rules": [{"match": "GET /", "auth": "none"}]});
    send("PUT", &format!("/policies/{policy}"), rules).await;

    let expected = ["key.create", "key.delete", "key.rotate", "key.update"];
    assert_eq!(actions(&api, key_id).await, expected);
    assert_eq!(actions(&api, &plan).await, ["plan.delete", "plan.put"]);
    assert_eq!(actions(&api, &policy).await, ["policy.put"]);

    let all = records(&api, &format!("principal={principal}")).await;
    assert_eq!(all.len(), 7, "{all:?}");
    let update = all.iter().find(|record| record["action"] == "key.update");
    assert_eq!(
        update.unwrap(),
        &json!({"at": "2026-11-22T12:00:00Z", "principal": principal, "action": "key.update",
            "target": key_id, "request_id": "JKJaXmPLvHcESHA=",
            "changes": {"/enabled": {"old": true, "new": false}, "/metadata/crm": "changed"}})
    );

    let text = json!(all).to_string();
    for secret in [&made["key"], &rotated["key"], &json!("hush")] {
        assert!(!text.contains(secret.as_str().unwrap()), "{text}");
    }
}

pub(crate) async fn grant_has_one_record_of_what_it_changed(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 10, "period": "day"}]}))
        .await;
    let made = api.send("POST", "/keys", json!({"plan": plan})).await;
    let key_id = made.json()["key_id"].as_str().unwrap().to_owned();
    let (path, id) = (format!("/keys/{key_id}/usage"), idempotency_key());
    let group = unique("acme");
    let to_group = format!("/callers/group/{group}/usage?plan={plan}");

    for _ in 0..2 {
        let call = api.call("PATCH", &path).header("idempotency-key", &id);
        let grant = json!({"quota": "day", "grant": 5});
        assert_eq!(call.json(grant).send().await.status, 200);
    }
    let cut = json!({"quota": "day", "grant": -500});
    for (path, grant) in [(&path, cut.clone()), (&path, cut.clone()), (&to_group, cut)] {
        assert_eq!(api.send("PATCH", path, grant).await.status, 200);
    }
    let unknown = json!({"quota": "week", "grant": 1});
    assert_eq!(api.send("PATCH", &path, unknown).await.status, 422);

    let found = records(&api, &format!("target={key_id}")).await;
    let mut amounts: Vec<_> = found
        .iter()
        .filter(|record| record["action"] == "usage.grant")
        .map(|record| record["amount"].as_i64().unwrap())
        .collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [-15, 5], "{found:?}");

    let found = records(&api, &format!("target=group%23{group}")).await;
    assert_eq!(
        found,
        [
            json!({"at": "2026-11-22T12:00:00Z", "principal": found[0]["principal"], "action": "usage.grant",
            "target": format!("group#{group}"), "request_id": "JKJaXmPLvHcESHA=", "quota": "day", "amount": -10,
            "grant_id": found[0]["grant_id"]})
        ]
    );
}

pub(crate) async fn change_that_is_refused_or_changes_nothing_has_no_record(api: Arc<Api>) {
    let plan = api.plan(json!({"near_limit": 0.5})).await;
    let path = format!("/plans/{plan}");
    let id = idempotency_key();
    let create = || {
        let call = api.call("POST", "/keys").header("idempotency-key", &id);
        call.json(json!({"plan": plan})).send()
    };
    let key_id = create().await.json()["key_id"].as_str().unwrap().to_owned();
    let key = format!("/keys/{key_id}");

    create().await;
    let refused = [
        api.send("PUT", &path, json!({"near_limit": 2})).await,
        api.call("DELETE", &path).send().await,
        api.send("PATCH", &key, json!({"plan": "missing"})).await,
        api.call("PUT", &path)
            .header("if-match", "\"x\"")
            .json(json!({}))
            .send()
            .await,
    ];
    assert!(
        refused.iter().all(|response| response.status >= 400),
        "{refused:?}"
    );
    api.send("PUT", &path, json!({"near_limit": 0.5})).await;
    api.send("PATCH", &key, json!({"enabled": true})).await;

    assert_eq!(actions(&api, &plan).await, ["plan.put"]);
    assert_eq!(actions(&api, &key_id).await, ["key.create"]);
}

pub(crate) async fn import_has_one_record_per_transaction(api: Arc<Api>) {
    let principal = unique("arn:aws:iam::123456789012:user/importer");
    let tag = unique("secret");
    let plan = api.plan(json!({})).await;
    let rows: Vec<_> = (0..60)
        .map(|row| format!("{tag}-of-row-number-{row:02},{plan}"))
        .collect();
    let file = format!("Key,UsagePlanIds\n{}\n", rows.join("\n"));
    let import = || {
        let caller = json!({"iam": {"userArn": principal}});
        let call = api.call_as("POST", "/_tollgate/v1/keys/import", caller);
        call.body("text/csv", &file).send()
    };
    let imported = import().await.json();
    import().await;

    let found = records(&api, &format!("principal={principal}")).await;
    let mut keys: Vec<_> = found
        .iter()
        .map(|record| record["keys"].as_array().unwrap().len())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, [12, 48], "{found:?}");
    assert!(!json!(found).to_string().contains(&tag));

    let key_id = imported["keys"][0]["key_id"].as_str().unwrap();
    assert_eq!(actions(&api, key_id).await, ["key.import"]);
}

pub(crate) async fn records_are_selected_by_time_and_paged(api: Arc<Api>) {
    let principal = unique("arn:aws:iam::123456789012:user/pager");
    for _ in 0..5 {
        let path = format!("/plans/{}", unique("plan"));
        send_as(&api, &principal, "PUT", &path, json!({})).await;
    }
    let of = |query: &str| format!("principal={principal}&limit=2{query}");

    assert_eq!(records(&api, &of("")).await.len(), 5);
    assert_eq!(
        records(&api, &of(&format!("&from={DAY}&to={DAY}")))
            .await
            .len(),
        5
    );
    let at_noon = "&from=2026-11-22T12:00:00Z&to=2026-11-22T12:00:01Z";
    assert_eq!(records(&api, &of(at_noon)).await.len(), 5);
    for other in [
        "&to=2026-11-21",
        "&from=2026-11-23",
        "&to=2026-11-22T12:00:00Z",
        "&from=2026-11-22T12:00:00.000000001Z",
        "&target=another",
    ] {
        assert_eq!(
            records(&api, &of(other)).await,
            Vec::<Value>::new(),
            "{other}"
        );
    }

    // Filters are exact.
    let part = principal.strip_suffix(char::is_numeric).unwrap();
    let of_part = format!("principal={part}");
    assert_eq!(records(&api, &of_part).await, Vec::<Value>::new());
}

pub(crate) async fn invalid_query_of_records_is_rejected(api: Arc<Api>) {
    let principal = unique("arn:aws:iam::123456789012:user/pager");
    for _ in 0..2 {
        let path = format!("/plans/{}", unique("plan"));
        send_as(&api, &principal, "PUT", &path, json!({})).await;
    }
    let query = format!("/audit?principal={principal}&limit=1");
    let first = api.get(&query).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();

    let of_another_list = format!("cursor={cursor}");
    for (wrong, parameter) in [
        (&*of_another_list, "cursor"),
        ("cursor=%20", "cursor"),
        ("from=yesterday", "from"),
        ("from=", "from"),
        ("from=2026-11-22T12:00:00", "from"),
        ("from=20261122", "from"),
        ("to=2026-13-01", "to"),
        ("to=2026-11-22T25:00:00Z", "to"),
        ("from=2026-11-23&to=2026-11-22", "to"),
        ("from=2026-11-22T12:00:01Z&to=2026-11-22T12:00:00Z", "to"),
        ("from=2026-11-22T12:00:00Z&to=2026-11-22T12:00:00Z", "to"),
        ("from=2026-11-23T00:00:00Z&to=2026-11-22", "to"),
        ("from=2026-11-22&from=2026-11-23", "from"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("action=key.create", "action"),
    ] {
        let rejected = api.get(&format!("/audit?{wrong}")).await;
        assert_eq!(rejected.status, 400, "{wrong}");
        assert_eq!(rejected.mistakes(), [parameter], "{wrong}");
    }

    for right in [
        "from=2026-11-22&to=2026-11-22",
        "from=2026-11-22T13:00:00%2B01:00&to=2026-11-22T12:00:01Z",
        "from=-009999-01-01&to=-009999-01-02",
        "from=9999-12-30&to=9999-12-31",
        "from=2026-11-22T23:59:59.999999999Z&to=2026-11-22",
    ] {
        let found = api.get(&format!("/audit?{right}")).await;
        assert_eq!(found.status, 200, "{right}: {found:?}");
    }
}

pub(crate) async fn bulk_change_has_one_record_per_transaction(api: Arc<Api>) {
    let principal = unique("arn:aws:iam::123456789012:user/operator");
    let plan = api.plan(json!({})).await;
    let mut key_ids = Vec::new();
    for _ in 0..53 {
        key_ids.push(api.key(&plan).await.0);
    }
    let mut body = json!({"filter": {"plan": plan}, "set": {"enabled": false}});
    let preview = api.send("POST", "/keys/bulk", body.clone()).await.json();
    body["token"] = preview["token"].clone();
    let changed = send_as(&api, &principal, "POST", "/keys/bulk", body).await;
    assert_eq!(changed.json()["changed"], 53, "{changed:?}");

    let found = records(&api, &format!("principal={principal}")).await;
    let mut keys: Vec<_> = found
        .iter()
        .map(|record| record["keys"].as_array().unwrap().len())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, [3, 50]);
    for key_id in &key_ids {
        let mine = records(&api, &format!("principal={principal}&target={key_id}")).await;
        let keys = mine[0]["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["target"] == **key_id).unwrap();
        let changes = json!({"/enabled": {"old": true, "new": false}});
        assert_eq!((mine.len(), &key["changes"]), (1, &changes));
    }
}
