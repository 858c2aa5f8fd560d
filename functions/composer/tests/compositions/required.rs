//! Required parts that are missing, and decisions of the authorizer.

use std::time::{Duration, Instant};

use outcome::ContextField;
use serde_json::{Value, json};
use testing::http_server::HttpServer;

use crate::support::*;

#[tokio::test]
async fn missing_required_part_is_a_502_and_cancels_the_others() {
    let slow = HeldService::start(json!([]));
    let failing = HttpServer::start();
    let document = json!({
        "services": {"default": {"url": failing.url()}, "slow": {"url": slow.server.url()}},
        "routes": {"GET /bff/profile": {"timeout_ms": 20000, "parts": {
            "user": {"get": "/users/{user_id}", "required": true, "as": "profile"},
            "orders": {"get": "/orders", "service": "slow", "timeout_ms": 6000}}}},
    });
    let composer = composer(&document, &open_policy()).await;

    let began = Instant::now();
    let reply = composer.compose(&get("/bff/profile")).await;

    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(reply.status, 502);
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let body = body(&reply);
    assert_eq!(body["part"], "profile");
    assert_eq!(body["reason"], "status");
    assert_eq!(body["status"], 502);
    assert!(!body.to_string().contains("127.0.0.1"), "{body}");
}

#[tokio::test]
async fn required_part_that_depends_on_a_missing_one_is_a_502() {
    let failing = HttpServer::start();
    let route = json!({"parts": {
        "user": {"get": "/user"},
        "orders": {"get": "/orders/{user#/id}", "after": "user", "required": true}}});
    let document = document(&failing.url(), "GET /bff/profile", route);
    let composer = composer(&document, &open_policy()).await;

    let reply = composer.compose(&get("/bff/profile")).await;
    assert_eq!(
        (reply.status.as_u16(), &body(&reply)["reason"]),
        (502, &json!("dependency"))
    );
}

#[tokio::test]
async fn invalid_value_of_a_required_part_names_its_source_and_not_a_failed_service() {
    let service = service(&[("/profile", json!({}))]);
    let url = service.url();
    for (template, target, status, detail) in [
        (
            "/items/{id}",
            "/bff/items/a;b",
            400,
            "The value of the path parameter `id` is not allowed here.",
        ),
        (
            "/pages/{query.page}",
            "/bff/items/1",
            400,
            "The query parameter `page` is missing, and this composition requires it.",
        ),
        (
            "/pages/{query.page}",
            "/bff/items/1?page=a%2Fb",
            400,
            "The value of the query parameter `page` is not allowed here.",
        ),
        (
            "/{header.accept-language}/home",
            "/bff/items/1",
            400,
            "The header `accept-language` is missing, and this composition requires it.",
        ),
        (
            "/users/{email}",
            "/bff/items/1",
            403,
            "This composition requires `email`, which your credential does not have.",
        ),
        (
            "/offers/{profile#/segment}",
            "/bff/items/1",
            502,
            "A required part of this composition is missing.",
        ),
    ] {
        let route = json!({"headers": ["accept-language"], "parts": {
            "profile": {"get": "/profile"},
            "page": {"get": template, "after": "profile", "required": true}}});
        let document = document(&url, "GET /bff/items/{id}", route);
        let composer = composer(&document, &open_policy()).await;

        let reply = composer.compose(&get(target)).await;
        let body = body(&reply);
        assert_eq!(reply.status, status, "{template}: {body}");
        assert_eq!(body["detail"], detail);
        assert_eq!(
            (&body["part"], &body["reason"]),
            (&json!("page"), &json!("invalid_value"))
        );
    }
}

#[tokio::test]
async fn forbidden_required_part_is_a_403_without_a_call() {
    let service = service(&[("/admin", json!({}))]);
    let route = json!({"parts": {"admin": {"get": "/admin", "required": true}}});
    let document = document(&service.url(), "GET /bff/admin", route);
    let policy = json!({"rules": [{"match": "GET /admin", "auth": "any", "scopes": ["admin"]}]});
    let composer = composer(&document, &policy).await;

    let reply = composer.compose(&get("/bff/admin")).await;
    assert_eq!(
        (reply.status.as_u16(), &body(&reply)["reason"]),
        (403, &json!("forbidden"))
    );
    assert!(service.requests().is_empty());
}

fn profile(url: &str) -> Value {
    document(
        url,
        "GET /bff/profile",
        json!({"parts": {"user": {"get": "/user"}}}),
    )
}

#[tokio::test]
async fn marked_request_is_refused_before_any_call() {
    let service = service(&[("/user", json!({}))]);
    let composer = composer(&profile(&service.url()), &open_policy()).await;

    for (decision, status, retry_after) in [
        ("throttled", 429, "7"),
        ("unavailable", 503, "7"),
        ("denied", 503, "7"),
        ("new", 503, "7"),
    ] {
        let mut request = get("/bff/profile");
        request.context = Some(context(&[
            (ContextField::Decision, decision),
            (ContextField::RetryAfter, "7"),
            (ContextField::RatelimitPolicy, "\"burst\";q=5;w=5"),
            (ContextField::Ratelimit, "\"burst\";r=0;t=1"),
        ]));
        let reply = composer.compose(&request).await;

        assert_eq!(reply.status, status, "{decision}");
        assert_eq!(reply.headers["retry-after"], retry_after);
        assert_eq!(reply.headers["ratelimit"], "\"burst\";r=0;t=1");
        assert_eq!(reply.headers["ratelimit-policy"], "\"burst\";q=5;w=5");
        assert_eq!(reply.headers["x-request-id"], "id-1");
    }
    assert!(service.requests().is_empty());

    let mut request = get("/bff/unknown");
    request.context = Some(context(&[(ContextField::Decision, "throttled")]));
    assert_eq!(composer.compose(&request).await.status, 429);
}

#[tokio::test]
async fn degraded_request_is_served() {
    let service = service(&[("/user", json!({}))]);
    let composer = composer(&profile(&service.url()), &open_policy()).await;
    let mut request = get("/bff/profile");
    request.context = Some(context(&[(ContextField::Decision, "degraded")]));

    assert_eq!(composer.compose(&request).await.status, 200);
}

#[tokio::test]
async fn request_without_the_authorizer_is_our_failure() {
    let service = service(&[("/user", json!({}))]);
    let composer = composer(&profile(&service.url()), &open_policy()).await;
    let mut request = get("/bff/profile");
    request.context = None;

    let reply = composer.compose(&request).await;
    assert_eq!(
        (reply.status.as_u16(), &body(&reply)["reason"]),
        (500, &json!("fault"))
    );
    assert!(service.requests().is_empty());
}
