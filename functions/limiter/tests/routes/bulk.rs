//! Bulk changes of keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, Response};

const PATH: &str = "/keys/bulk";

/// Creates keys on a plan, each with the metadata `n`.
async fn keys(api: &Api, plan: &str, count: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for number in 0..count {
        let body = json!({"plan": plan, "name": format!("Key {number}"), "metadata": {"n": number.to_string()}});
        let made = api.send("POST", "/keys", body).await.json();
        ids.insert(made["key_id"].as_str().unwrap().to_owned());
    }
    ids
}

async fn bulk(api: &Api, filter: &Value, set: &Value, token: Option<&Value>) -> Response {
    let body = json!({"filter": filter, "set": set, "token": token});
    api.send("POST", PATH, body).await
}

async fn enabled(api: &Api, plan: &str) -> usize {
    let list = api
        .get(&format!("/keys?plan={plan}&enabled=true"))
        .await
        .json();
    list["items"].as_array().unwrap().len()
}

/// Returns the matched, changed, unchanged, remaining and failed keys of a change.
fn counts(response: &Response) -> [usize; 5] {
    let result = response.json();
    let count = |field: &str| usize::try_from(result[field].as_u64().unwrap()).unwrap();
    let failed = result["failed"].as_array().unwrap().len();
    [
        count("matched"),
        count("changed"),
        count("unchanged"),
        count("remaining"),
        failed,
    ]
}

pub(crate) async fn keys_are_changed_with_the_token_of_the_dry_run(api: Arc<Api>) {
    let (plan, other) = (api.plan(json!({})).await, api.plan(json!({})).await);
    let ids = keys(&api, &plan, 55).await;
    keys(&api, &other, 1).await;
    let (filter, set) = (json!({"plan": plan}), json!({"enabled": false}));

    let preview = bulk(&api, &filter, &set, None).await.json();
    assert_eq!(
        (
            &preview["dry_run"],
            &preview["matched"],
            &preview["changing"]
        ),
        (&json!(true), &json!(55), &json!(55))
    );
    let changes = preview["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 20);
    assert!(ids.contains(changes[0]["key_id"].as_str().unwrap()));
    assert_eq!(
        changes[0]["changes"],
        json!({"/enabled": {"old": true, "new": false}})
    );
    assert_eq!(enabled(&api, &plan).await, 55, "a dry run changes nothing");

    let body = json!({"filter": filter, "set": set, "token": preview["token"], "dry_run": true});
    assert_eq!(api.send("POST", PATH, body).await.json(), preview);

    let token = &preview["token"];
    let changed = bulk(&api, &filter, &set, Some(token)).await;
    assert_eq!(counts(&changed), [55, 55, 0, 0, 0]);
    assert_eq!(
        (enabled(&api, &plan).await, enabled(&api, &other).await),
        (0, 1)
    );

    // The response may have been lost.
    let repeated = bulk(&api, &filter, &set, Some(token)).await;
    assert_eq!(counts(&repeated), [55, 0, 55, 0, 0]);
}

pub(crate) async fn change_that_empties_its_selection_can_be_repeated(api: Arc<Api>) {
    let (from, to) = (api.plan(json!({})).await, api.plan(json!({})).await);
    keys(&api, &from, 3).await;
    let (filter, set) = (
        json!({"plan": from}),
        json!({"plan": to, "metadata": {"moved": "yes", "n": null}}),
    );

    let preview = bulk(&api, &filter, &set, None).await.json();
    let token = &preview["token"];
    assert_eq!(
        counts(&bulk(&api, &filter, &set, Some(token)).await),
        [3, 3, 0, 0, 0]
    );
    assert_eq!(
        counts(&bulk(&api, &filter, &set, Some(token)).await),
        [0; 5]
    );

    let list = api.get(&format!("/keys?plan={to}")).await.json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert!(
        items
            .iter()
            .all(|item| item["metadata"] == json!({"moved": "yes"}))
    );
    assert_eq!(
        api.send("DELETE", &format!("/plans/{to}"), Value::Null)
            .await
            .status,
        409
    );
}

pub(crate) async fn changed_selection_is_a_conflict(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let ids = keys(&api, &plan, 3).await;
    let (filter, set) = (json!({"plan": plan}), json!({"scopes": ["read"]}));
    let token = bulk(&api, &filter, &set, None).await.json()["token"].clone();

    let added = keys(&api, &plan, 1).await;
    let conflict = bulk(&api, &filter, &set, Some(&token)).await;
    assert_eq!(conflict.status, 409);
    assert!(
        conflict.json()["detail"]
            .as_str()
            .unwrap()
            .contains("4 keys"),
        "{conflict:?}"
    );

    let added = added.first().unwrap();
    api.call("DELETE", &format!("/keys/{added}")).send().await;
    let path = format!("/keys/{}", ids.first().unwrap());
    api.send("PATCH", &path, json!({"subject": "alice"})).await;
    assert_eq!(bulk(&api, &filter, &set, Some(&token)).await.status, 409);
    assert_eq!(
        bulk(&api, &filter, &json!({"scopes": ["write"]}), Some(&token))
            .await
            .status,
        409
    );

    // A key that another request has changed in the same way is left as it is.
    api.send("PATCH", &path, json!({"subject": null, "scopes": ["read"]}))
        .await;
    let token = bulk(&api, &filter, &set, None).await.json()["token"].clone();
    assert_eq!(
        counts(&bulk(&api, &filter, &set, Some(&token)).await),
        [3, 2, 1, 0, 0]
    );
}

pub(crate) async fn change_of_any_field_after_the_dry_run_is_a_conflict(api: Arc<Api>) {
    let changes = [
        json!({"enabled": false}),
        json!({"expires_at": "2026-12-24T00:00:00Z"}),
        json!({"allowed_ips": ["192.0.2.1/32"]}),
        json!({"not_before": "2026-12-24T00:00:00Z"}),
        json!({"group": "other"}),
        json!({"scopes": ["admin"]}),
        json!({"metadata": {"crm": "2"}}),
        json!({"name": "other"}),
    ];
    for change in changes {
        let plan = api.plan(json!({})).await;
        let ids = keys(&api, &plan, 1).await;
        let path = format!("/keys/{}", ids.first().unwrap());
        let filter = json!({"plan": plan});
        let set = json!({"enabled": true, "expires_at": null, "allowed_ips": null, "not_before": null,
            "group": null, "scopes": ["read"], "name": "set", "metadata": {"crm": "1"}});

        let token = bulk(&api, &filter, &set, None).await.json()["token"].clone();
        let changed = api.send("PATCH", &path, change.clone()).await;
        assert_eq!(changed.status, 200, "{change}: {changed:?}");
        let conflict = bulk(&api, &filter, &set, Some(&token)).await;
        assert_eq!(conflict.status, 409, "{change}: {conflict:?}");
        let present = api.get(&path).await;
        assert_eq!(present.etag(), changed.etag(), "{change}");
    }
}

pub(crate) async fn bulk_change_enables_no_key_unless_it_says_so(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let ids = keys(&api, &plan, 2).await;
    let path = format!("/keys/{}", ids.first().unwrap());
    api.send("PATCH", &path, json!({"enabled": false})).await;

    for (set, expected) in [(json!({"name": "New"}), 1), (json!({"enabled": true}), 2)] {
        let filter = json!({"plan": plan});
        let token = bulk(&api, &filter, &set, None).await.json()["token"].clone();
        assert_eq!(bulk(&api, &filter, &set, Some(&token)).await.status, 200);
        assert_eq!(enabled(&api, &plan).await, expected, "{set}");
    }
}

pub(crate) async fn key_that_would_become_invalid_is_reported(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    keys(&api, &plan, 1).await;
    let full: Value = (0..16)
        .map(|n| (format!("entry-{n}"), json!("x")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let made = api
        .send("POST", "/keys", json!({"plan": plan, "metadata": full}))
        .await
        .json();
    let (filter, set) = (json!({"plan": plan}), json!({"metadata": {"another": "x"}}));

    let token = bulk(&api, &filter, &set, None).await.json()["token"].clone();
    let changed = bulk(&api, &filter, &set, Some(&token)).await;
    assert_eq!(counts(&changed), [2, 1, 0, 0, 1]);
    assert_eq!(changed.json()["failed"][0]["key_id"], made["key_id"]);
}

pub(crate) async fn bulk_change_needs_a_filter_and_a_change(api: Arc<Api>) {
    for (body, mistakes) in [
        (
            json!({"filter": {}, "set": {"enabled": false}}),
            vec!["/filter"],
        ),
        (
            json!({"filter": {"all": false}, "set": {"enabled": false}}),
            vec!["/filter"],
        ),
        (
            json!({"filter": {"plan": null}, "set": {"enabled": false}}),
            vec!["/filter"],
        ),
        (
            json!({"filter": {"all": true, "plan": "p"}, "set": {"enabled": false}}),
            vec!["/filter/all"],
        ),
        (
            json!({"filter": {"name": ""}, "set": {}}),
            vec!["/filter/name", "/set"],
        ),
        (
            json!({"filter": {"unused_since": "2026-11-23"}, "set": {"plan": 1}}),
            vec!["/filter/unused_since", "/set/plan"],
        ),
        (
            json!({"filter": {"email": "a"}, "set": {"enabled": null, "scopes": ["a b"]}}),
            vec!["/filter/email", "/set/enabled", "/set/scopes"],
        ),
        (
            json!({"filter": {"plan": "p"}, "set": {"enabled": false}, "dry_run": false}),
            vec!["/token"],
        ),
        (
            json!({"filter": {"plan": "p"}, "set": {"plan": "absent"}}),
            vec!["/set/plan"],
        ),
    ] {
        let rejected = api.send("POST", PATH, body.clone()).await;
        assert_eq!(
            (rejected.status, rejected.mistakes()),
            (422, mistakes.into_iter().map(str::to_owned).collect()),
            "{body}"
        );
    }
    let rejected = api
        .send(
            "POST",
            PATH,
            json!({"filter": {}, "set": {"enabled": false}}),
        )
        .await;
    assert!(rejected.text.contains(r#"{\"all\": true}"#), "{rejected:?}");

    let all = api
        .send(
            "POST",
            PATH,
            json!({"filter": {"all": true}, "set": {"enabled": false}}),
        )
        .await;
    assert_eq!(all.json()["dry_run"], true);
}
