//! Usage plans.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, unique};

pub(crate) async fn plan_is_created_read_replaced_listed_and_deleted(api: Arc<Api>) {
    let path = format!("/plans/{}", unique("life"));
    assert_eq!(api.get(&path).await.status, 404);

    let (first, second) = (
        json!({"throttle": {"rate": 10, "burst": 20}}),
        json!({"near_limit": 0.5}),
    );
    let made = api.send("PUT", &path, first.clone()).await;
    assert_eq!((made.status, made.json()), (201, first.clone()));

    let read = api.get(&path).await;
    assert_eq!(
        (read.status, read.json(), read.etag()),
        (200, first, made.etag())
    );

    let known = api
        .call("GET", &path)
        .header("if-none-match", made.etag())
        .send()
        .await;
    assert_eq!(
        (known.status, known.text.as_str(), known.etag()),
        (304, "", made.etag())
    );

    let replaced = api.send("PUT", &path, second.clone()).await;
    assert_eq!((replaced.status, replaced.json()), (200, second.clone()));

    let (mut found, mut cursor) = (None, String::new());
    while found.is_none() {
        let page = api.get(&format!("/plans?limit=2{cursor}")).await.json();
        let mut items = page["items"].as_array().unwrap().clone().into_iter();
        found = items.find(|item| path.ends_with(item["name"].as_str().unwrap()));
        assert!(
            found.is_some() || page["next_cursor"].is_string(),
            "the plan is not listed"
        );
        cursor = format!(
            "&cursor={}",
            page["next_cursor"].as_str().unwrap_or_default()
        );
    }
    let found = found.unwrap();
    assert_eq!(
        (&found["plan"], found["etag"].as_str()),
        (&second, Some(replaced.etag()))
    );
    assert_eq!(api.call("DELETE", &path).send().await.status, 204);
    assert_eq!(api.call("DELETE", &path).send().await.status, 404);
}

pub(crate) async fn stale_version_changes_nothing(api: Arc<Api>) {
    let path = format!("/plans/{}", unique("race"));
    let made = api
        .call("PUT", &path)
        .header("if-none-match", "*")
        .json(json!({}))
        .send()
        .await;
    assert_eq!(made.status, 201);

    let again = api
        .call("PUT", &path)
        .header("if-none-match", "*")
        .json(json!({}))
        .send()
        .await;
    assert_eq!(again.status, 412);

    let change = |n: u64, etag: String| {
        let (api, path) = (Arc::clone(&api), path.clone());
        async move {
            let document = json!({"throttle": {"rate": n, "burst": n}});
            api.call("PUT", &path)
                .header("if-match", &etag)
                .json(document)
                .send()
                .await
                .status
        }
    };
    let changes: Vec<_> = (1..=8)
        .map(|n| tokio::spawn(change(n, made.etag().to_owned())))
        .collect();
    let mut statuses = Vec::new();
    for change in changes {
        statuses.push(change.await.unwrap());
    }
    statuses.sort_unstable();

    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    assert_eq!(
        api.call("DELETE", &path)
            .header("if-match", made.etag())
            .send()
            .await
            .status,
        412
    );
    assert_eq!(
        api.call("DELETE", &path)
            .header("if-match", "*")
            .send()
            .await
            .status,
        204
    );
}

pub(crate) async fn every_mistake_of_a_plan_is_reported_at_once(api: Arc<Api>) {
    let path = format!("/plans/{}", unique("wrong"));
    let response = api
        .send(
            "PUT",
            &path,
            json!({"trottle": 1, "throttle": {"rate": "x", "burst": -1}, "quotas": [{"period": "eon"}]}),
        )
        .await;
    assert_eq!(response.status, 422);
    assert_eq!(
        response.mistakes(),
        [
            "/quotas/0/period",
            "/quotas/0/limit",
            "/throttle/burst",
            "/throttle/rate",
            "/trottle"
        ]
        .sorted()
    );

    let response = api
        .send(
            "PUT",
            &path,
            json!({"throttle": {"rate": -1, "burst": 100_000_001}, "near_limit": 2}),
        )
        .await;
    assert_eq!(
        response.mistakes(),
        ["/near_limit", "/throttle/burst", "/throttle/rate"]
    );

    // Mistakes against the schema and in the meaning, but none that only follows from another one.
    let mixed = json!({"algorithm": "leaky", "window_s": "long", "near_limit": 2, "throttle": {"rate": -1, "burst": "x"},
        "quotas": [{"limit": 1, "period": "eon"}, {"limit": 1, "period": "day", "starts_on": 2}, {"name": "é", "limit": 1.5, "period": "week"}],
        "routes": {"GET": {"rate": 1, "burst": 1}}});
    let response = api.send("PUT", &path, mixed).await;
    assert_eq!(
        response.mistakes(),
        [
            "/algorithm",
            "/near_limit",
            "/quotas/0/period",
            "/quotas/1/starts_on",
            "/quotas/2/limit",
            "/quotas/2/name",
            "/routes/GET",
            "/throttle/burst",
            "/throttle/rate",
            "/window_s"
        ]
    );
    assert!(
        !response.text.contains("struct") && !response.text.contains("invalid type"),
        "{response:?}"
    );
    assert_eq!(
        api.send("PUT", "/plans/no name", json!({})).await.status,
        422
    );
    assert_eq!(api.get(&path).await.status, 404);
}

trait Sorted {
    fn sorted(self) -> Vec<String>;
}

impl<const N: usize> Sorted for [&str; N] {
    fn sorted(self) -> Vec<String> {
        let mut texts = self.map(str::to_owned).to_vec();
        texts.sort_unstable();
        texts
    }
}

pub(crate) async fn plan_with_keys_is_not_deleted(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let (key_id, _) = api.key(&plan).await;
    let refused = api.call("DELETE", &format!("/plans/{plan}")).send().await;

    assert_eq!(refused.status, 409);
    assert!(refused.json()["detail"].as_str().unwrap().contains(&key_id));
    assert_eq!(
        api.call("DELETE", &format!("/keys/{key_id}"))
            .send()
            .await
            .status,
        204
    );
    assert_eq!(
        api.call("DELETE", &format!("/plans/{plan}"))
            .send()
            .await
            .status,
        204
    );
}

pub(crate) async fn plan_is_returned_unchanged_with_warnings(api: Arc<Api>) {
    let path = format!("/plans/{}", unique("plan"));
    let plan = json!({"throttle": {"rate": 1000, "burst": 49}, "routes": {"GET /a": {"rate": 0.5, "burst": 1}}});
    let put = api.send("PUT", &path, plan.clone()).await;
    assert_eq!(put.status, 201);

    let mut body = put.json();
    let warnings = body.as_object_mut().unwrap().remove("warnings").unwrap();
    assert_eq!(
        (&body, warnings[0]["pointer"].as_str()),
        (&plan, Some("/throttle/burst"))
    );
    assert!(
        warnings[0]["detail"]
            .as_str()
            .unwrap()
            .contains("at least 50"),
        "{warnings}"
    );
    assert_eq!(
        (
            warnings.as_array().unwrap().len(),
            api.get(&path).await.json()
        ),
        (1, plan)
    );

    let whole = api
        .send(
            "PUT",
            &path,
            json!({"throttle": {"rate": 1.0, "burst": 1.0}}),
        )
        .await;
    assert_eq!(
        (whole.status, whole.text.as_str()),
        (200, r#"{"throttle":{"rate":1,"burst":1}}"#)
    );
}

pub(crate) async fn unknown_cursor_is_rejected(api: Arc<Api>) {
    for _ in 0..2 {
        api.plan(json!({})).await;
    }
    let next = api.get("/plans?limit=1").await.json()["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        api.get(&format!("/plans?limit=1&cursor={next}"))
            .await
            .status,
        200
    );

    for (path, cursor) in [
        ("/plans?", "zzzz"),
        ("/plans?", "..%2F.."),
        ("/plans?", "%F0%9F%98%80"),
        ("/plans?", "plan-000001"),
        ("/plans?", &next[1..]),
        ("/keys?", &next),
        ("/keys?plan=free&", "zzzz"),
        ("/keys/export?", "zzzz"),
    ] {
        let refused = api
            .call("GET", &format!("{path}cursor={cursor}"))
            .header("accept", "*/*")
            .send()
            .await;
        assert_eq!(
            (refused.status, refused.mistakes()),
            (400, vec!["cursor".to_owned()]),
            "{path} {cursor}"
        );
    }
}

pub(crate) async fn plan_in_a_policy_is_not_deleted(api: Arc<Api>) {
    let (plan, policy) = (
        api.plan(json!({})).await,
        format!("/policies/{}", unique("policy")),
    );
    let introspection = json!({"endpoint": "https://a.example/x", "client_id": "a", "client_secret": "env:SECRET",
        "default_plan": plan});
    for (document, place) in [
        (
            json!({"rules": [{"match": "GET /a", "auth": "none", "limit_by": "ip", "plan": plan}]}),
            "rules[0].plan",
        ),
        (
            json!({"rules": [], "mtls": {"default_plan": plan}}),
            "mtls.default_plan",
        ),
        (
            json!({"rules": [], "introspection": introspection}),
            "introspection.default_plan",
        ),
    ] {
        assert!(api.send("PUT", &policy, document).await.status < 300);
        let refused = api.call("DELETE", &format!("/plans/{plan}")).send().await;
        assert_eq!(refused.status, 409, "{place}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains(place) && detail.contains(&policy["/policies/".len()..]),
            "{detail}"
        );
    }

    assert_eq!(
        api.send("PUT", &policy, json!({"rules": []})).await.status,
        200
    );
    assert_eq!(
        api.call("DELETE", &format!("/plans/{plan}"))
            .send()
            .await
            .status,
        204
    );
    assert_eq!(
        api.call("DELETE", &format!("/plans/{plan}"))
            .send()
            .await
            .status,
        404
    );
}

pub(crate) async fn time_zone_is_stored_by_its_canonical_name(api: Arc<Api>) {
    let quotas =
        |zone: Value| json!({"quotas": [{"limit": 5, "period": "month", "time_zone": zone}]});
    let plan = api.plan(quotas(json!("UTC"))).await;
    let (key_id, secret) = api.key(&plan).await;
    api.send(
        "PATCH",
        &format!("/keys/{key_id}/usage"),
        json!({"quota": "month", "grant": 10}),
    )
    .await;
    api.send("POST", "/decisions", json!({"key": secret})).await;

    for zone in ["Etc/UTC", "Zulu", "utc"] {
        let path = format!("/plans/{plan}");
        let put = api.send("PUT", &path, quotas(json!(zone))).await;
        assert_eq!(
            (put.status, &put.json()["quotas"][0]["time_zone"]),
            (200, &json!("UTC")),
            "{zone}"
        );
        let there = api.get(&path).await;
        assert_eq!((there.json(), there.etag()), (put.json(), put.etag()));
        let usage = api.get(&format!("/keys/{key_id}/usage")).await.json();
        assert_eq!(usage["quotas"][0]["usage"], json!([1, 14]), "{zone}");
    }

    for zone in ["Factory", "Etc/Unknown", "Europe/Atlantis"] {
        let refused = api.send("PUT", "/plans/p", quotas(json!(zone))).await;
        assert_eq!(
            (refused.status, refused.mistakes()),
            (422, vec!["/quotas/0/time_zone".to_owned()]),
            "{zone}"
        );
    }
    let twice = json!({"quotas": [{"limit": 1, "period": "day", "time_zone": "Europe/Berlin"},
        {"name": "other", "limit": 2, "period": "day", "time_zone": "europe/berlin"}]});
    assert_eq!(
        api.send("PUT", "/plans/p", twice).await.mistakes(),
        ["/quotas/1/period"]
    );
}
