//! Queries: selected fields and repeated parameters.

use serde_json::{Value, json};

use crate::support::*;

fn feed(url: &str) -> Value {
    let route = json!({
        "parts": {
            "user": {"get": "/user"},
            "orders": {"get": "/orders?page={query.page}"},
        },
        "fields_parameter": "fields",
    });
    document(url, "GET /bff/feed", route)
}

#[tokio::test]
async fn only_selected_parts_are_called() {
    let service = service(&[
        ("/user", json!({"name": "Alice", "email": "a@b.example"})),
        (
            "/orders",
            json!({"items": [{"id": 1, "total": 2, "note": 3}]}),
        ),
    ]);
    let composer = composer(&feed(&service.url()), &open_policy()).await;

    let reply = composer.compose(&get("/bff/feed?fields=user(name)")).await;
    assert_eq!(
        (reply.status.as_u16(), body(&reply)),
        (200, json!({"user": {"name": "Alice"}}))
    );
    assert_eq!(service.requests().len(), 1);

    let reply = composer
        .compose(&get("/bff/feed?fields=orders.items(id%2Ctotal)"))
        .await;
    assert_eq!(
        body(&reply),
        json!({"orders": {"items": [{"id": 1, "total": 2}]}})
    );
    assert_eq!(service.requests().len(), 2);
}

#[tokio::test]
async fn query_that_cannot_be_used_is_a_400_without_a_call() {
    let service = service(&[("/user", json!({})), ("/orders", json!({}))]);
    let composer = composer(&feed(&service.url()), &open_policy()).await;

    for (query, expected) in [
        ("fields=user(", "fields: "),
        ("fields=", "fields: "),
        ("fields=unknown", "fields: "),
        (
            "fields=user&fields=orders",
            "The query parameter `fields` occurs 2 times.",
        ),
        (
            "page=1&p%61ge=2",
            "The query parameter `page` occurs 2 times.",
        ),
        ("page=%FF", "The query is not valid UTF-8."),
    ] {
        let reply = composer.compose(&get(&format!("/bff/feed?{query}"))).await;
        let body = body(&reply);
        assert_eq!(reply.status, 400, "{query}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.starts_with(expected), "{detail}");
    }
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn repeated_parameter_that_nothing_uses_is_ignored() {
    let service = service(&[("/user", json!({})), ("/orders", json!({}))]);
    let composer = composer(&feed(&service.url()), &open_policy()).await;
    let reply = composer.compose(&get("/bff/feed?utm=1&utm=2")).await;
    assert_eq!(reply.status, 200);
}
