//! Complete responses: merging, entity tags, caching and paging.

use outcome::ContextField;
use serde_json::{Value, json};
use testing::http_server::{HttpReply, HttpServer};

use crate::support::*;

fn dashboard(url: &str) -> Value {
    document(
        url,
        "GET /bff/dashboard",
        json!({
            "parts": {
                "user": {"get": "/users/{user_id}"},
                "orders": {"get": "/orders?userId={user_id}&limit=5", "as": "recent_orders"},
            },
            "headers": ["accept-language"],
            "versions": [{"header": "x-app-version", "below": "2.0.0", "rename": {"recent_orders": "data"}}],
        }),
    )
}

fn dashboard_service(cache_control: &str) -> HttpServer {
    let server = HttpServer::start();
    let json = |json| HttpReply::json(200, &json).header("cache-control", cache_control);
    server.reply("GET /users/alice", json(json!({"name": "Alice"})));
    server.reply("GET /orders", json(json!([{"id": 1}])));
    server
}

#[tokio::test]
async fn complete_response_merges_the_parts_in_document_order() {
    let service = dashboard_service("private, max-age=30");
    let composer = composer(&dashboard(&service.url()), &open_policy()).await;

    let reply = composer.compose(&get("/bff/dashboard")).await;

    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.body,
        r#"{"user":{"name":"Alice"},"recent_orders":[{"id":1}]}"#
    );
    for (name, expected) in [
        ("content-type", "application/json"),
        ("x-tollgate-complete", "true"),
        ("cache-control", "private, max-age=30"),
        (
            "vary",
            "accept-language, x-app-version, authorization, x-api-key",
        ),
        ("x-request-id", "id-1"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(reply.headers[name], expected, "{name}");
    }
    let mut targets: Vec<_> = service
        .requests()
        .into_iter()
        .map(|sent| sent.target)
        .collect();
    targets.sort();
    assert_eq!(targets, ["/orders?userId=alice&limit=5", "/users/alice"]);
}

#[tokio::test]
async fn client_that_knows_the_response_gets_304() {
    let service = dashboard_service("max-age=30");
    let composer = composer(&dashboard(&service.url()), &open_policy()).await;
    let first = composer.compose(&get("/bff/dashboard")).await;
    let tag = first.headers["etag"].to_str().unwrap();

    let known = with_headers(get("/bff/dashboard"), &[("if-none-match", tag)]);
    let second = composer.compose(&known).await;

    assert_eq!(second.status, 304);
    assert!(second.body.is_empty() && !second.headers.contains_key("content-type"));
    assert_eq!(second.headers["etag"], tag);
    assert_eq!(second.headers["vary"], first.headers["vary"]);

    let other = with_headers(get("/bff/dashboard"), &[("if-none-match", "\"other\"")]);
    assert_eq!(composer.compose(&other).await.status, 200);
}

#[tokio::test]
async fn another_version_has_another_entity_tag() {
    let service = dashboard_service("max-age=30");
    let composer = composer(&dashboard(&service.url()), &open_policy()).await;

    let newest = composer.compose(&get("/bff/dashboard")).await;
    let old = with_headers(get("/bff/dashboard"), &[("x-app-version", "1.9.0")]);
    let old = composer.compose(&old).await;

    assert_eq!(
        body(&old),
        json!({"user": {"name": "Alice"}, "data": [{"id": 1}]})
    );
    assert_ne!(old.headers["etag"], newest.headers["etag"]);
}

#[tokio::test]
async fn head_has_the_headers_of_get_without_a_body() {
    let service = dashboard_service("max-age=30");
    let composer = composer(&dashboard(&service.url()), &open_policy()).await;

    let get = composer.compose(&get("/bff/dashboard")).await;
    let head = composer.compose(&request("HEAD", "/bff/dashboard")).await;

    assert_eq!((head.status, &head.headers), (get.status, &get.headers));
    assert!(head.body.is_empty());
    assert!(service.requests().iter().all(|sent| sent.method == "GET"));
}

#[tokio::test]
async fn response_for_an_identified_caller_is_never_public() {
    let service = dashboard_service("public, max-age=30, s-maxage=60");
    let public = json!({"rules": [{"match": "ANY /{proxy+}", "auth": "none"}]});
    let composer = composer(&dashboard(&service.url()), &public).await;

    let reply = composer.compose(&get("/bff/dashboard")).await;
    assert_eq!(reply.headers["cache-control"], "private, max-age=30");
}

#[tokio::test]
async fn response_for_an_anonymous_caller_is_public_unless_it_contains_the_context() {
    let server = HttpServer::responding(|_| {
        HttpReply::json(200, &json!({})).header("cache-control", "public, max-age=30")
    });
    let document = json!({
        "services": {"default": {"url": server.url()}},
        "routes": {
            "GET /bff/news": {"parts": {"news": {"get": "/news"}}},
            "GET /bff/near": {"parts": {"near": {"get": "/near?ip={client_ip}"}}},
        },
    });
    let public = json!({"rules": [{"match": "ANY /{proxy+}", "auth": "none"}]});
    let composer = composer(&document, &public).await;

    for (path, expected, vary) in [
        ("/bff/news", "public, max-age=30", None),
        (
            "/bff/near",
            "private, max-age=30",
            Some("authorization, x-api-key"),
        ),
    ] {
        let mut request = get(path);
        request.context = Some(context(&[
            (ContextField::Auth, "none"),
            (ContextField::UserId, "-"),
            (ContextField::KeyId, "-"),
            (ContextField::ClientIp, "192.0.2.7"),
        ]));
        let reply = composer.compose(&request).await;
        assert_eq!(reply.headers["cache-control"], expected, "{path}");
        let found = reply.headers.get("vary");
        assert_eq!(found.map(|value| value.to_str().unwrap()), vary, "{path}");
    }
}

#[tokio::test]
async fn part_without_cache_control_makes_the_response_private_and_stale() {
    let service = service(&[("/users/alice", json!({})), ("/orders", json!([]))]);
    let composer = composer(&dashboard(&service.url()), &open_policy()).await;

    let reply = composer.compose(&get("/bff/dashboard")).await;
    assert_eq!(reply.headers["cache-control"], "private, no-cache");
}

#[tokio::test]
async fn no_link_to_a_service_is_passed_on() {
    for (next, expected) in [
        (r#""next": "http://orders.internal/""#, r#""next": null"#),
        (
            r#""next": "http://orders.internal/\ud800?cursor=2""#,
            r#""next": null"#,
        ),
        (
            r#""next": "http://orders.internal/?cursor=1", "next": "http://orders.internal/?cursor=2""#,
            r#""next": null, "next": "?cursor=2""#,
        ),
    ] {
        let service = HttpServer::start();
        let json = format!("{{\"total\": 1.0, {next}}}");
        service.reply(
            "GET /orders",
            HttpReply::text(200, "application/json", &json),
        );
        let route =
            json!({"parts": {"orders": {"get": "/orders?cursor={query.cursor}", "next": "/next"}}});
        let document = document(&service.url(), "GET /bff/orders", route);

        let composer = composer(&document, &open_policy()).await;
        let reply = composer.compose(&get("/bff/orders")).await;

        let expected = format!("{{\"orders\":{{\"total\": 1.0, {expected}}}}}");
        assert_eq!(reply.body, expected, "{next}");
    }
}

#[tokio::test]
async fn link_to_the_next_page_leads_to_the_composition() {
    let next = "https://orders.internal/v2/orders?userId=7&cursor=b%2F2";
    let service = service(&[("/orders", json!({"items": [], "next": next}))]);
    let route = json!({"parts": {"orders": {
        "get": "/orders?userId={user_id}&cursor={query.orders_cursor}", "next": "/next"}}});
    let document = document(
        &service.url(),
        "GET /bff/a b/{id}".replace("a b", "orders").as_str(),
        route,
    );
    let composer = composer(&document, &open_policy()).await;

    let reply = composer
        .compose(&get("/bff/orders/x y?view=full&orders_cursor=a"))
        .await;
    assert_eq!(
        body(&reply)["orders"]["next"],
        "?view=full&orders_cursor=b%2F2"
    );
    assert_eq!(
        service.requests()[0].target,
        "/orders?userId=alice&cursor=a"
    );
}
