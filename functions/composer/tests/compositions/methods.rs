//! Methods, paths and POST parts.

use serde_json::{Value, json};
use testing::http_server::{HttpReply, HttpServer};

use crate::support::*;

fn checkout(url: &str) -> Value {
    json!({
        "services": {"default": {"url": url}},
        "routes": {
            "POST /bff/checkout": {"parts": {"order": {"post": "/orders"}, "user": {"get": "/users/{user_id}"}}},
            "GET /bff/products/{id}": {"parts": {"product": {"get": "/products/{id}"}}},
        },
    })
}

#[tokio::test]
async fn post_part_gets_the_body_and_is_sent_once() {
    let server = HttpServer::start();
    server.reply("POST /orders", HttpReply::json(201, &json!({"id": 7})));
    server.reply("GET /users/alice", HttpReply::json(200, &json!({})));
    let composer = composer(&checkout(&server.url()), &open_policy()).await;

    let mut request = with_headers(
        request("POST", "/bff/checkout"),
        &[("content-type", "application/json"), ("if-none-match", "*")],
    );
    request.body = "{\"sku\": 1}".into();
    let reply = composer.compose(&request).await;

    assert_eq!(
        (reply.status.as_u16(), body(&reply)),
        (200, json!({"order": {"id": 7}, "user": {}}))
    );
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(reply.headers["x-tollgate-complete"], "true");
    assert!(!reply.headers.contains_key("etag"));

    let sent = server.requests();
    let post = sent.iter().find(|sent| sent.method == "POST").unwrap();
    assert_eq!(post.body, b"{\"sku\": 1}");
    assert_eq!(post.headers["content-type"], "application/json");
    let get = sent.iter().find(|sent| sent.method == "GET").unwrap();
    assert!(get.body.is_empty() && !get.headers.contains_key("content-type"));
}

#[tokio::test]
async fn failed_post_part_fails_the_request_without_a_retry() {
    let server = HttpServer::start();
    server.reply("POST /orders", HttpReply::json(503, &json!({})));
    server.reply("GET /users/alice", HttpReply::json(200, &json!({})));
    let composer = composer(&checkout(&server.url()), &open_policy()).await;

    let reply = composer.compose(&request("POST", "/bff/checkout")).await;
    assert_eq!(
        (reply.status.as_u16(), &body(&reply)["part"]),
        (502, &json!("order"))
    );
    let posts = server
        .requests()
        .iter()
        .filter(|sent| sent.method == "POST")
        .count();
    assert_eq!(posts, 1);
}

#[tokio::test]
async fn variable_of_the_route_fills_the_path() {
    let service = service(&[("/products/a%20b", json!({"id": "a b"}))]);
    let composer = composer(&checkout(&service.url()), &open_policy()).await;

    let reply = composer.compose(&get("/bff/products/a b")).await;
    assert_eq!(body(&reply), json!({"product": {"id": "a b"}}));
}

#[tokio::test]
async fn unknown_path_is_a_404_and_another_method_a_405() {
    let composer = composer(&checkout("http://127.0.0.1:9"), &open_policy()).await;
    for (method, path, status, allow) in [
        ("GET", "/bff/unknown", 404, None),
        ("OPTIONS", "/bff/unknown", 404, None),
        ("GET", "/bff/products/1/", 404, None),
        ("GET", "/bff/checkout", 405, Some("POST, OPTIONS")),
        ("HEAD", "/bff/checkout", 405, Some("POST, OPTIONS")),
        ("DELETE", "/bff/products/1", 405, Some("GET, HEAD, OPTIONS")),
        ("get", "/bff/products/1", 405, Some("GET, HEAD, OPTIONS")),
        (
            "OPTIONS",
            "/bff/products/1",
            204,
            Some("GET, HEAD, OPTIONS"),
        ),
    ] {
        let reply = composer.compose(&request(method, path)).await;
        assert_eq!(reply.status, status, "{method} {path}");
        let found = reply
            .headers
            .get("allow")
            .map(|value| value.to_str().unwrap());
        assert_eq!(found, allow, "{method} {path}");
        if status != 204 && method != "HEAD" {
            assert_eq!(body(&reply)["status"], status);
        }
    }
}

/// A route with a POST part and a required GET part.
fn order(url: &str, required: Value) -> Value {
    let parts = json!({"order": {"post": "/orders"}, "must": required});
    document(url, "POST /bff/order", json!({"parts": parts}))
}

fn orders(server: &HttpServer) -> usize {
    let sent = server.requests();
    sent.iter().filter(|sent| sent.method == "POST").count()
}

#[tokio::test]
async fn post_part_is_not_sent_if_a_required_part_is_missing() {
    let policy = json!({"rules": [
        {"match": "GET /admin", "auth": "any", "scopes": ["admin"]},
        {"match": "ANY /{proxy+}", "auth": "any"}]});

    for (required, status, reason) in [
        (json!({"get": "/admin", "required": true}), 403, "forbidden"),
        (
            json!({"get": "/x/{email}", "required": true}),
            403,
            "invalid_value",
        ),
        (json!({"get": "/broken", "required": true}), 502, "status"),
    ] {
        let server = HttpServer::start();
        server.reply("POST /orders", HttpReply::json(201, &json!({})));
        server.reply("GET /broken", HttpReply::json(500, &json!({})));
        let composer = composer(&order(&server.url(), required), &policy).await;

        let reply = composer.compose(&request("POST", "/bff/order")).await;
        assert_eq!(
            (reply.status.as_u16(), &body(&reply)["reason"]),
            (status, &json!(reason))
        );
        assert_eq!(body(&reply).get("sent"), None);
        assert_eq!(orders(&server), 0, "{reason}");
        if reason == "status" {
            assert_eq!(body(&reply)["service_status"], 500);
        } else {
            assert!(server.requests().is_empty(), "{reason}");
        }
    }
}

#[tokio::test]
async fn problem_after_a_sent_post_part_says_so() {
    let server = HttpServer::start();
    server.reply("POST /orders", HttpReply::json(201, &json!({"id": 7})));
    let required = json!({"get": "/receipts/{order#/id}", "after": "order", "required": true});
    let composer = composer(&order(&server.url(), required), &open_policy()).await;

    let reply = composer.compose(&request("POST", "/bff/order")).await;
    let body = body(&reply);
    assert_eq!(
        (reply.status.as_u16(), &body["part"]),
        (502, &json!("must"))
    );
    assert_eq!(body["sent"], "order");
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("`order` was sent"),
        "{body}"
    );
    assert_eq!(orders(&server), 1);
}

#[tokio::test]
async fn body_with_a_content_coding_is_refused_before_any_call() {
    let server = HttpServer::start();
    let composer = composer(&checkout(&server.url()), &open_policy()).await;

    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    let reply = composer
        .compose(&with_headers(request("POST", "/bff/checkout"), &headers))
        .await;
    assert_eq!(
        (reply.status.as_u16(), &body(&reply)["status"]),
        (415, &json!(415))
    );
    assert!(server.requests().is_empty());
}
