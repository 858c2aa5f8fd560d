//! The name of the program that created a plan, a policy, a composition or a key.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::audit_records::records;
use crate::support::{Api, Response, unique};

const HEADER: &str = "x-tollgate-managed-by";
/// The lists, with the body that creates one of their objects.
const KINDS: [&str; 4] = ["plans", "policies", "compositions", "keys"];

fn body(kind: &str) -> Value {
    match kind {
        "plans" => json!({"near_limit": 0.5}),
        "policies" => json!({"rules": [{"match": "GET /", "auth": "none"}]}),
        "compositions" => json!({"routes": {"GET /bff/a": {"parts": {"a": {"get": "/a"}}}}}),
        _ => json!({"plan": "open"}),
    }
}

async fn put_as(api: &Api, path: &str, program: &str, body: Value) -> Response {
    let call = api.call("PUT", path).header(HEADER, program);
    call.json(body).send().await
}

/// Returns the name that GET shows: in a key, and in a header of a plan or policy.
async fn shown(api: &Api, path: &str) -> Option<String> {
    let response = api.get(path).await;
    assert_eq!(response.status, 200, "{path}: {response:?}");
    let name = if path.starts_with("/keys/") {
        response.json()["managed_by"].as_str().map(str::to_owned)
    } else {
        response.header(HEADER).map(str::to_owned)
    };
    assert!(response.header(HEADER).is_none() || !path.starts_with("/keys/"));
    name
}

/// Returns the entry of an object in its list.
pub(crate) async fn listed(api: &Api, kind: &str, name: &str) -> Value {
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/{kind}?limit=100{cursor}")).await.json();
        let field = if kind == "keys" { "key_id" } else { "name" };
        let items = page["items"].as_array().unwrap().iter();
        if let Some(found) = items.into_iter().find(|item| item[field] == name) {
            return found.clone();
        }
        let next = page["next_cursor"].as_str();
        cursor = format!(
            "&cursor={}",
            next.unwrap_or_else(|| panic!("no {kind}/{name}"))
        );
    }
}

pub(crate) async fn object_shows_the_program_that_created_it(api: Arc<Api>) {
    for kind in KINDS {
        let (named, unnamed) = (unique("named"), unique("unnamed"));
        let [named_path, unnamed_path] = [&named, &unnamed].map(|name| format!("/{kind}/{name}"));
        let made = put_as(&api, &named_path, "production-1", body(kind)).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = api.send("PUT", &unnamed_path, body(kind)).await;
        assert_eq!(made.status, 201, "{made:?}");

        assert_eq!(
            shown(&api, &named_path).await.as_deref(),
            Some("production-1")
        );
        assert_eq!(shown(&api, &unnamed_path).await, None);
        assert_eq!(
            listed(&api, kind, &named).await["managed_by"],
            "production-1"
        );
        assert_eq!(listed(&api, kind, &unnamed).await.get("managed_by"), None);
    }

    let plan = unique("plan");
    put_as(&api, &format!("/plans/{plan}"), "production-1", json!({})).await;
    assert_eq!(api.get(&format!("/plans/{plan}")).await.text, "{}");
}

pub(crate) async fn later_changes_keep_the_program_that_created_the_object(api: Arc<Api>) {
    let (plan, policy, key) = (unique("plan"), unique("policy"), unique("key"));
    let rules = |cost: u32| json!({"rules": [{"match": "GET /", "auth": "any", "cost": cost}]});
    let (plan_path, policy_path) = (format!("/plans/{plan}"), format!("/policies/{policy}"));
    let key_path = format!("/keys/{key}");
    put_as(&api, &plan_path, "first", json!({})).await;
    put_as(&api, &policy_path, "first", rules(1)).await;
    put_as(&api, &key_path, "first", json!({"plan": "open"})).await;

    let changed = put_as(&api, &plan_path, "second", json!({"near_limit": 0.5})).await;
    assert_eq!(
        (changed.status, changed.header(HEADER)),
        (200, Some("first"))
    );
    let changed = api
        .send("PUT", &plan_path, json!({"near_limit": 0.4}))
        .await;
    assert_eq!(changed.header(HEADER), Some("first"));
    assert_eq!(shown(&api, &plan_path).await.as_deref(), Some("first"));

    put_as(&api, &policy_path, "second", rules(2)).await;
    let candidate = format!("{policy_path}/candidate");
    put_as(&api, &candidate, "second", rules(3)).await;
    assert_eq!(api.get(&candidate).await.header(HEADER), None);
    let promotion = api.call("POST", &format!("{policy_path}/promote"));
    assert_eq!(promotion.send().await.status, 200);
    assert_eq!(shown(&api, &policy_path).await.as_deref(), Some("first"));

    let changes = [
        ("PUT", key_path.clone(), json!({"name": "Acme"})),
        ("PATCH", key_path.clone(), json!({"enabled": false})),
        ("PATCH", key_path.clone(), json!({"enabled": true})),
        ("POST", format!("{key_path}/rotate"), json!({"grace_s": 60})),
    ];
    for (method, path, body) in changes {
        let call = api.call(method, &path).header(HEADER, "second");
        let response = call.json(body).send().await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.json()["managed_by"], "first", "{method} {path}");
    }

    let bulk = json!({"filter": {"name": "Acme", "plan": "open"}, "set": {"description": "bulk"}});
    let token = api.send("POST", "/keys/bulk", bulk.clone()).await.json()["token"].clone();
    let mut bulk = bulk;
    bulk["token"] = token;
    assert_eq!(api.send("POST", "/keys/bulk", bulk).await.status, 200);
    assert_eq!(api.get(&key_path).await.json()["description"], "bulk");
    assert_eq!(shown(&api, &key_path).await.as_deref(), Some("first"));
}

pub(crate) async fn object_that_is_created_again_has_the_new_name(api: Arc<Api>) {
    // The id of a deleted key cannot be used again.
    for kind in ["plans", "policies", "compositions"] {
        let path = format!("/{kind}/{}", unique("again"));
        put_as(&api, &path, "first", body(kind)).await;
        assert_eq!(api.call("DELETE", &path).send().await.status, 204);
        put_as(&api, &path, "second", body(kind)).await;
        assert_eq!(shown(&api, &path).await.as_deref(), Some("second"));

        assert_eq!(api.call("DELETE", &path).send().await.status, 204);
        api.send("PUT", &path, body(kind)).await;
        assert_eq!(shown(&api, &path).await, None);
    }
}

pub(crate) async fn creation_is_recorded_with_the_name(api: Arc<Api>) {
    for kind in KINDS {
        let name = unique("recorded");
        let path = format!("/{kind}/{name}");
        put_as(&api, &path, "first", body(kind)).await;
        put_as(&api, &path, "second", changed(kind)).await;

        let found = records(&api, &format!("target={name}")).await;
        let names: Vec<_> = found
            .iter()
            .map(|record| record["changes"].get("/managed_by").cloned())
            .collect();
        assert_eq!(names.len(), 2, "{found:?}");
        assert!(names.contains(&Some(json!({"new": "first"}))), "{found:?}");
        assert!(names.contains(&None), "{found:?}");
    }
}

fn changed(kind: &str) -> Value {
    match kind {
        "plans" => json!({"near_limit": 0.4}),
        "policies" => json!({"rules": []}),
        "compositions" => json!({"routes": {"GET /bff/b": {"parts": {"b": {"get": "/b"}}}}}),
        _ => json!({"name": "Acme"}),
    }
}

pub(crate) async fn invalid_name_is_rejected(api: Arc<Api>) {
    for kind in KINDS {
        let path = format!("/{kind}/{}", unique("invalid"));
        for name in ["", "Production", "a b", "a,b", "a_b", &"a".repeat(65)] {
            let response = put_as(&api, &path, name, body(kind)).await;
            assert_eq!(
                (response.status, response.mistakes()),
                (400, vec![HEADER.to_owned()])
            );
        }
        assert_eq!(api.get(&path).await.status, 404, "nothing is created");
    }
}
