//! API keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, idempotency_key, unique};

pub(crate) async fn key_is_created_read_updated_and_deleted(api: Arc<Api>) {
    let new = json!({"name": "Team A", "description": "Orders", "plan": "free", "subject": "alice",
        "scopes": ["orders:read"], "metadata": {"team": "a", "cost": "7"}, "expires_at": "2027-01-01T00:00:00Z"});
    let made = api.send("POST", "/keys", new.clone()).await;
    assert_eq!(made.status, 201);

    let path = made
        .header("location")
        .unwrap()
        .strip_prefix("/_tollgate/v1")
        .unwrap()
        .to_owned();
    let read = api.get(&path).await;
    assert_eq!(read.etag(), made.etag());

    let shown = read.json();
    for (field, value) in new.as_object().unwrap() {
        assert_eq!(&shown[field], value);
    }
    assert_eq!(
        (&shown["enabled"], &shown["created_at"]),
        (&json!(true), &json!("2026-11-22T12:00:00Z"))
    );

    let patch = json!({"name": null, "enabled": false, "plan": "open", "metadata": {"team": null, "floor": "2"}});
    let changed = api
        .call("PATCH", &path)
        .header("if-match", read.etag())
        .json(patch.clone())
        .send()
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");

    let shown = changed.json();
    assert_eq!(
        (&shown["name"], &shown["enabled"], &shown["plan"]),
        (&Value::Null, &json!(false), &json!("open"))
    );
    assert_eq!(
        (&shown["metadata"], &shown["description"]),
        (&json!({"cost": "7", "floor": "2"}), &json!("Orders"))
    );

    let stale = api
        .call("PATCH", &path)
        .header("if-match", read.etag())
        .json(patch)
        .send()
        .await;
    assert_eq!(stale.status, 412);
    assert_eq!(
        api.call("DELETE", &path)
            .header("if-match", read.etag())
            .send()
            .await
            .status,
        412
    );
    assert_eq!(api.call("DELETE", &path).send().await.status, 204);

    for method in ["GET", "DELETE"] {
        assert_eq!(api.call(method, &path).send().await.status, 404);
    }
    assert_eq!(api.send("PATCH", &path, json!({})).await.status, 404);
}

pub(crate) async fn secret_is_shown_only_once(api: Arc<Api>) {
    let (key_id, secret) = api.key("free").await;
    assert!(
        secret.starts_with("tg_") && secret.len() == 52,
        "the form of a secret"
    );

    let shown = [
        api.get(&format!("/keys/{key_id}")).await,
        api.get("/keys?plan=free").await,
        api.call("GET", "/keys/export")
            .header("accept", "text/csv")
            .send()
            .await,
        api.send("PATCH", &format!("/keys/{key_id}"), json!({"name": "x"}))
            .await,
    ];
    for response in shown {
        assert_eq!(response.status, 200);
        assert!(!response.text.contains(&secret));
    }
}

pub(crate) async fn repeated_creation_returns_the_same_key(api: Arc<Api>) {
    let id = idempotency_key();
    let create = |body: Value| {
        api.call("POST", "/keys")
            .header("idempotency-key", &id)
            .json(body)
            .send()
    };
    let first = create(json!({"plan": "free"})).await;
    let again = create(json!({"plan": "free"})).await;
    assert_eq!(
        (first.status, again.status, first.json()),
        (201, 201, again.json())
    );
    assert_eq!(
        (
            first.header("idempotent-replayed"),
            again.header("idempotent-replayed")
        ),
        (None, Some("true"))
    );

    for header in ["etag", "location", "content-type", "cache-control"] {
        assert!(
            first.header(header).is_some() && first.header(header) == again.header(header),
            "{header}: {again:?}"
        );
    }
    assert_eq!(create(json!({"plan": "open"})).await.status, 422);

    // A key that does not exist yet has no version that `If-Match` could name.
    for id in [&id, &idempotency_key()] {
        let matched = api
            .call("POST", "/keys")
            .header("idempotency-key", id)
            .header("if-match", first.etag());
        assert_eq!(
            matched.json(json!({"plan": "free"})).send().await.status,
            412
        );
    }
    for weak in ["short", "1795864918023053632-3587"] {
        let refused = api
            .call("POST", "/keys")
            .header("idempotency-key", weak)
            .json(json!({"plan": "free"}))
            .send()
            .await;
        assert_eq!(
            (refused.status, refused.mistakes()),
            (400, vec!["Idempotency-Key".to_owned()]),
            "{weak}"
        );
    }
}

#[tokio::test]
async fn rotation_needs_a_random_idempotency_key() {
    let api = Api::embedded();
    let (key_id, _) = api.key("open").await;
    let rotate = |id: &str| {
        api.call("POST", &format!("/keys/{key_id}/rotate"))
            .header("idempotency-key", id)
            .send()
    };
    let refused = rotate("1795864918023053632-3587").await;

    assert_eq!(
        (refused.status, refused.mistakes()),
        (400, vec!["Idempotency-Key".to_owned()])
    );
    assert_eq!(
        api.get(&format!("/keys/{key_id}"))
            .await
            .json()
            .get("earlier_secrets_end_at"),
        None
    );
    assert_eq!(rotate(&idempotency_key()).await.status, 200);
}

pub(crate) async fn concurrent_creations_with_one_idempotency_key_create_one_key(api: Arc<Api>) {
    let (id, plan) = (idempotency_key(), api.plan(json!({})).await);
    let create = || {
        let (api, id, plan) = (Arc::clone(&api), id.clone(), plan.clone());
        async move {
            api.call("POST", "/keys")
                .header("idempotency-key", &id)
                .json(json!({"plan": plan}))
                .send()
                .await
        }
    };
    let creations: Vec<_> = (0..8).map(|_| tokio::spawn(create())).collect();
    let mut keys = BTreeSet::new();
    for creation in creations {
        let response = creation.await.unwrap();
        assert_eq!(response.status, 201, "{response:?}");
        keys.insert(response.json()["key"].as_str().unwrap().to_owned());
    }

    assert_eq!(keys.len(), 1);
    assert_eq!(
        api.get(&format!("/keys?plan={plan}")).await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

pub(crate) async fn reason(api: &Api, secret: &str) -> Value {
    api.send("POST", "/decisions", json!({"key": secret, "mode": "peek"}))
        .await
        .json()["reason"]
        .clone()
}

pub(crate) async fn both_secrets_of_a_rotated_key_work(api: Arc<Api>) {
    let (key_id, old) = api.key("open").await;
    let rotated = api
        .send(
            "POST",
            &format!("/keys/{key_id}/rotate"),
            json!({"grace_s": 3600}),
        )
        .await;
    assert_eq!(rotated.status, 200, "{rotated:?}");

    let shown = rotated.json();
    assert_eq!(shown["key_id"], key_id.as_str());
    assert_eq!(
        shown["earlier_secrets_end_at"],
        json!(["2026-11-22T13:00:00Z"])
    );

    let new = shown["key"].as_str().unwrap();
    assert_eq!(
        (reason(&api, &old).await, reason(&api, new).await),
        (json!("ok"), json!("ok"))
    );

    let read = api.get(&format!("/keys/{key_id}")).await;
    assert_eq!(
        (read.etag(), &read.json()["earlier_secrets_end_at"]),
        (rotated.etag(), &shown["earlier_secrets_end_at"])
    );

    // An empty body means the default of one day.
    let again = api
        .call("POST", &format!("/keys/{key_id}/rotate"))
        .send()
        .await;
    assert_eq!(
        again.json()["earlier_secrets_end_at"],
        json!(["2026-11-22T13:00:00Z", "2026-11-23T12:00:00Z"])
    );

    let long = api
        .send(
            "POST",
            &format!("/keys/{key_id}/rotate"),
            json!({"grace_s": 7_776_001}),
        )
        .await;
    assert_eq!(
        (long.status, long.mistakes()),
        (422, vec!["/grace_s".to_owned()])
    );

    let ended = api
        .send(
            "POST",
            &format!("/keys/{key_id}/rotate"),
            json!({"grace_s": 0}),
        )
        .await;
    assert_eq!(ended.json().get("earlier_secrets_end_at"), None);
}

pub(crate) async fn repeated_rotation_returns_the_same_secret(api: Arc<Api>) {
    let ((key_id, _), id) = (api.key("open").await, idempotency_key());
    let path = format!("/keys/{key_id}/rotate");
    let rotate = || {
        api.call("POST", &path)
            .header("idempotency-key", &id)
            .json(json!({"grace_s": 60}))
            .send()
    };
    let (first, again) = (rotate().await, rotate().await);
    assert_eq!(
        (first.status, again.status, first.json()),
        (200, 200, again.json())
    );

    let ends = api.get(&format!("/keys/{key_id}")).await.json()["earlier_secrets_end_at"].clone();
    assert_eq!(ends.as_array().unwrap().len(), 1);
}

pub(crate) async fn keys_are_listed_page_by_page(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let mut made = BTreeSet::new();
    for _ in 0..7 {
        made.insert(api.key(&plan).await.0);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api
            .get(&format!("/keys?plan={plan}&limit=3{cursor}"))
            .await
            .json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3 && items.iter().all(|item| item["etag"].is_string()));
        seen.extend(
            items
                .iter()
                .map(|item| item["key_id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(
        (seen.len(), seen.into_iter().collect::<BTreeSet<_>>()),
        (7, made)
    );

    let wrong = api.get("/keys?limit=101&page=2").await;
    assert_eq!(
        (wrong.status, wrong.mistakes()),
        (400, vec!["limit".to_owned(), "page".to_owned()])
    );
}

pub(crate) async fn every_mistake_of_a_key_is_reported_at_once(api: Arc<Api>) {
    let response = api
        .send(
            "POST",
            "/keys",
            json!({"enabled": "yes", "expires_at": "soon", "key": "mine"}),
        )
        .await;
    assert_eq!(
        (response.status, response.mistakes().join(" ")),
        (422, "/enabled /expires_at /key /plan".to_owned())
    );

    let response = api
        .send(
            "POST",
            "/keys",
            json!({"plan": "free", "subject": "-", "scopes": ["a b"], "name": "n".repeat(1025)}),
        )
        .await;
    assert_eq!(
        (response.status, response.mistakes().join(" ")),
        (422, "/name /scopes /subject".to_owned())
    );

    let mixed = json!({"plan": 1, "subject": "-", "name": "n".repeat(1025), "scopes": {}});
    assert_eq!(
        api.send("POST", "/keys", mixed.clone())
            .await
            .mistakes()
            .join(" "),
        "/name /plan /scopes /subject"
    );

    let (key_id, _) = api.key("free").await;
    let response = api.send("PATCH", &format!("/keys/{key_id}"), mixed).await;
    assert_eq!(
        (response.status, response.mistakes().join(" ")),
        (422, "/name /plan /scopes /subject".to_owned())
    );

    let response = api.send("POST", "/keys", json!({"plan": "nowhere"})).await;
    assert_eq!(
        (response.status, response.mistakes()),
        (422, vec!["/plan".to_owned()])
    );

    let (key_id, _) = api.key("free").await;
    let response = api
        .send(
            "PATCH",
            &format!("/keys/{key_id}"),
            json!({"plan": null, "enabled": 1, "key_id": "x"}),
        )
        .await;
    assert_eq!(
        (response.status, response.mistakes().join(" ")),
        (422, "/enabled /key_id /plan".to_owned())
    );

    let response = api
        .send(
            "PATCH",
            &format!("/keys/{key_id}"),
            json!({"plan": "nowhere"}),
        )
        .await;
    assert_eq!(
        (response.status, response.mistakes()),
        (422, vec!["/plan".to_owned()])
    );
}

pub(crate) async fn cursor_of_another_list_is_rejected(api: Arc<Api>) {
    let (one, other) = (api.plan(json!({})).await, api.plan(json!({})).await);
    for plan in [&one, &one, &other, &other] {
        api.key(plan).await;
    }
    let next = api.get(&format!("/keys?plan={one}&limit=1")).await.json()["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = async |query: String| api.get(&format!("/keys?limit=1&{query}")).await;

    assert_eq!(
        page(format!("plan={one}&cursor={next}")).await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        page(format!("plan={other}&cursor={next}")).await.mistakes(),
        ["cursor"]
    );
    assert_eq!(page(format!("cursor={next}")).await.mistakes(), ["cursor"]);
    assert_eq!(page("cursor=".to_owned()).await.status, 200);
}

pub(crate) async fn key_can_expire_in_the_year_9999(api: Arc<Api>) {
    let never = "9999-12-31T23:59:59Z";
    let made = api
        .send(
            "POST",
            "/keys",
            json!({"plan": "free", "expires_at": never}),
        )
        .await;
    assert_eq!(
        (made.status, &made.json()["expires_at"]),
        (201, &json!(never))
    );

    let path = format!("/keys/{}", made.json()["key_id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.json()["expires_at"], never);

    let changed = api
        .send(
            "PATCH",
            &path,
            json!({"expires_at": "9999-12-31T00:00:00+01:00"}),
        )
        .await;
    assert_eq!(
        (changed.status, &changed.json()["expires_at"]),
        (200, &json!(never))
    );

    for wrong in ["9999-12-31", "9999-12-32T00:00:00Z", "never"] {
        let refused = api.send("PATCH", &path, json!({"expires_at": wrong})).await;
        assert_eq!(
            (refused.status, refused.mistakes()),
            (422, vec!["/expires_at".to_owned()]),
            "{wrong}"
        );
    }
    let cleared = api.send("PATCH", &path, json!({"expires_at": null})).await;
    assert_eq!(
        (cleared.status, cleared.json().get("expires_at")),
        (200, None)
    );

    let secret = format!("{}-0123456789", unique("never-expires"));
    let file = format!("Key,UsagePlanIds,ExpiresAt\n{secret},free,{never}\n");
    let imported = api
        .call("POST", "/keys/import")
        .body("text/csv", &file)
        .send()
        .await
        .json();
    let key_id = imported["keys"][0]["key_id"]
        .as_str()
        .unwrap_or_else(|| panic!("{imported}"));
    assert_eq!(
        api.get(&format!("/keys/{key_id}")).await.json()["expires_at"],
        never
    );

    let decided = api.send("POST", "/decisions", json!({"key": secret})).await;
    assert_eq!(decided.json()["decision"], "allowed");
}
