//! Compositions.

use std::sync::Arc;

use limiter::ComposerSettings;
use serde_json::{Value, json};

use crate::audit_records::records;
use crate::support::{Api, COMPOSITION_IN_USE, unique};

/// A composition whose parts are not in the order of their names.
const DASHBOARD: &str = r#"{
  "routes": {"GET /bff/dashboard": {"partial_status": 200, "parts": {
    "user": {"get": "/users/{user_id}", "fallback": {"name": "User"}},
    "orders": {"get": "/orders?userId={user_id}&limit=5"}
  }}},
  "services": {"default": {"url": "http://alb.example.com"}}
}"#;

fn composition(route: &str) -> Value {
    json!({"routes": {route: {"parts": {"user": {"get": "/users/me"}}}}})
}

pub(crate) async fn composition_is_returned_as_it_was_sent(api: Arc<Api>) {
    let path = format!("/compositions/{}", unique("composition"));
    assert_eq!(api.get(&path).await.status, 404);

    let put = api
        .call("PUT", &path)
        .body("application/json", &format!("\n{DASHBOARD}\n"));
    let made = put.send().await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        made.json(),
        serde_json::from_str::<Value>(DASHBOARD).unwrap()
    );

    let read = api.get(&path).await;
    assert_eq!((read.text.as_str(), read.etag()), (DASHBOARD, made.etag()));
    let known = api.call("GET", &path).header("if-none-match", made.etag());
    assert_eq!(known.send().await.status, 304);

    let put = api.call("PUT", &path).header("if-match", made.etag());
    let same = put.body("application/json", &read.text).send().await;
    assert_eq!((same.status, same.etag()), (200, made.etag()));
}

pub(crate) async fn numbers_of_a_composition_are_not_changed(api: Arc<Api>) {
    let numbers = r#"{"id":12345678901234567890123,"price":1.10}"#;
    let document = format!(
        r#"{{"routes":{{"GET /bff/a":{{"partial_status":200,"parts":{{"a":{{"get":"/a","fallback":{numbers}}}}}}}}}}}"#
    );
    let path = format!("/compositions/{}", unique("composition"));
    let put = api.call("PUT", &path).body("application/json", &document);
    let made = put.send().await;
    assert_eq!((made.status, made.text.as_str()), (201, document.as_str()));
    assert_eq!(api.get(&path).await.text, document);
}

pub(crate) async fn only_compositions_that_a_composer_can_load_are_stored(api: Arc<Api>) {
    let path = format!("/compositions/{}", unique("composition"));
    let part = |part: Value| json!({"routes": {"GET /bff/a": {"parts": {"a": part}}}});
    let in_part = "/routes/GET ~1bff~1a/parts/a";

    for (document, place) in [
        (json!({"routez": {}}), "/routes".to_owned()),
        (
            json!({"routes": {}, "services": {"a": {}}}),
            "/services/a/url".to_owned(),
        ),
        (part(json!({"get": 1})), format!("{in_part}/get")),
        (
            part(json!({"get": "/a", "getz": "/b"})),
            format!("{in_part}/getz"),
        ),
        (
            part(json!({"get": "/a", "fallbak": 1})),
            format!("{in_part}/fallbak"),
        ),
        (
            part(json!({"get": "/a/{unknown}"})),
            format!("{in_part}/get"),
        ),
        (part(json!({"get": "/a/../b"})), format!("{in_part}/get")),
        (
            part(json!({"get": "/a", "service": "b"})),
            format!("{in_part}/service"),
        ),
        (
            part(json!({"get": "/a", "after": "b"})),
            format!("{in_part}/after"),
        ),
        (
            part(json!({"get": "/a", "timeout_ms": 9})),
            format!("{in_part}/timeout_ms"),
        ),
    ] {
        let refused = api.send("PUT", &path, document.clone()).await;
        assert_eq!(refused.status, 422, "{document}: {refused:?}");
        let mistakes = refused.mistakes();
        assert!(mistakes[0].starts_with(&place), "{document}: {mistakes:?}");
    }

    let both = json!({"routes": {"GET /bff/a": {"parts": {"a": {"get": 1}}, "timeout_ms": "1"}}});
    let places = [
        "/routes/GET ~1bff~1a/parts/a/get",
        "/routes/GET ~1bff~1a/timeout_ms",
    ];
    assert_eq!(api.send("PUT", &path, both).await.mistakes(), places);

    let twice = r#"{"routes": {}, "routes": {}}"#;
    let call = api.call("PUT", &path).body("application/json", twice);
    assert_eq!(call.send().await.status, 422);
    let call = api.call("PUT", &path).body("application/json", "{");
    assert_eq!(call.send().await.status, 400);
    assert_eq!(api.get(&path).await.status, 404);
}

pub(crate) async fn doubtful_composition_is_stored_with_a_warning(api: Arc<Api>) {
    let path = format!("/compositions/{}", unique("composition"));
    let put = api.send("PUT", &path, composition("GET /bff/a")).await;
    assert_eq!(put.status, 201, "{put:?}");

    let mut body = put.json();
    let warnings = body.as_object_mut().unwrap().remove("warnings").unwrap();
    let pointer = &warnings[0]["pointer"];
    assert_eq!(pointer, "/routes/GET ~1bff~1a/partial_status", "{warnings}");
    let stored = api.get(&path).await;
    assert_eq!((body, stored.etag()), (stored.json(), put.etag()));
}

pub(crate) async fn composition_that_is_too_large_is_rejected(api: Arc<Api>) {
    let path = format!("/compositions/{}", unique("composition"));
    let with_fallback = |bytes: usize| {
        let fallback = "x".repeat(bytes);
        json!({"routes": {"GET /bff/a": {"parts": {"a": {"get": "/a", "fallback": fallback}}}}})
    };
    assert_eq!(
        api.send("PUT", &path, with_fallback(99_000)).await.status,
        201
    );

    let refused = api.send("PUT", &path, with_fallback(100_000)).await;
    assert_eq!(refused.status, 413, "{refused:?}");
    assert!(refused.text.contains("100000 bytes"), "{refused:?}");
}

pub(crate) async fn compositions_are_listed_page_by_page(api: Arc<Api>) {
    let prefix = unique("listed");
    for number in 0..3 {
        let path = format!("/compositions/{prefix}-{number}");
        let made = api.send("PUT", &path, composition("GET /bff/a")).await;
        assert_eq!(made.status, 201, "{made:?}");
    }

    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/compositions?limit=2&cursor={cursor}");
        let page = api.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        listed.extend(items.clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }

    listed.retain(|item| item["name"].as_str().unwrap().starts_with(&prefix));
    let names: Vec<_> = listed.iter().map(|item| item["name"].clone()).collect();
    assert_eq!(
        names,
        [0, 1, 2].map(|number| json!(format!("{prefix}-{number}")))
    );
    let first = api.get(&format!("/compositions/{prefix}-0")).await;
    assert_eq!(listed[0]["etag"], first.etag());
    let unknown = api.get("/compositions?cursor=x").await;
    assert_eq!(unknown.mistakes(), ["cursor"]);
}

pub(crate) async fn change_of_a_composition_is_recorded_with_its_urls(api: Arc<Api>) {
    let name = unique("composition");
    let path = format!("/compositions/{name}");
    let with_url = |url: &str| {
        let mut document = composition("GET /bff/a");
        document["services"] = json!({"default": {"url": url}});
        document
    };
    api.send("PUT", &path, with_url("http://a.example.com"))
        .await;
    api.send("PUT", &path, with_url("http://b.example.com"))
        .await;
    assert_eq!(api.call("DELETE", &path).send().await.status, 204);

    let found = records(&api, &format!("target={name}")).await;
    let actions = found.iter().filter_map(|record| record["action"].as_str());
    let mut actions: Vec<_> = actions.collect();
    actions.sort_unstable();
    let expected = ["composition.delete", "composition.put", "composition.put"];
    assert_eq!(actions, expected);

    let change = json!({"/services/default/url":
        {"old": "http://a.example.com", "new": "http://b.example.com"}});
    assert!(
        found.iter().any(|record| record["changes"] == change),
        "{found:?}"
    );
}

pub(crate) async fn composition_in_use_is_deleted_only_by_force(api: Arc<Api>) {
    let path = format!("/compositions/{COMPOSITION_IN_USE}");
    assert_eq!(api.call("DELETE", &path).send().await.status, 404);
    let made = api.send("PUT", &path, composition("GET /bff/a")).await;
    assert_eq!(made.status, 201, "{made:?}");

    let refused = api.call("DELETE", &path).send().await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("force=true"), "{refused:?}");
    assert_eq!(api.get(&path).await.status, 200);

    let unclear = api.call("DELETE", &format!("{path}?force=yes")).send();
    assert_eq!(unclear.await.mistakes(), ["force"]);
    let stale = api.call("DELETE", &format!("{path}?force=true"));
    let stale = stale.header("if-match", "\"0\"").send();
    assert_eq!(stale.await.status, 412);
    let forced = api.call("DELETE", &format!("{path}?force=true")).send();
    assert_eq!(forced.await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
}

#[tokio::test]
async fn routes_are_below_the_path_of_the_composer() {
    let composer = |prefix: Option<&str>| ComposerSettings {
        prefix: prefix.map(Into::into),
        in_use: None,
    };
    for (prefix, route, expected) in [
        (Some("/bff"), "GET /bff/a", 201),
        (Some("/bff"), "GET /api/a", 422),
        (Some("/api"), "GET /api/a", 201),
        (None, "GET /bff/a", 201),
        (None, "GET /api/a", 201),
        (None, "GET /_tollgate/a", 422),
    ] {
        let api = Api::embedded().with_composer(composer(prefix));
        let put = api
            .send("PUT", "/compositions/main", composition(route))
            .await;
        assert_eq!(put.status, expected, "{prefix:?} {route}: {put:?}");
    }
}
