//! Partial responses: each reason why a part is missing.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use composition::Missing;
use outcome::ContextField;
use serde_json::{Value, json};
use testing::http_server::{HttpReply, HttpServer};

use crate::support::*;

/// A dashboard whose part `orders` calls another service, with this change of the part.
fn dashboard(users: &str, orders: &str, part: Value) -> Value {
    let mut merged = json!({"get": "/orders", "service": "orders", "fallback": {"items": []}});
    merged
        .as_object_mut()
        .unwrap()
        .extend(part.as_object().unwrap().clone());
    json!({
        "services": {"default": {"url": users}, "orders": {"url": orders, "max_concurrent_calls": 1}},
        "routes": {"GET /bff/dashboard": {"parts": {"user": {"get": "/users/{user_id}"}, "orders": merged}}},
    })
}

fn users() -> HttpServer {
    service(&[("/users/alice", json!({"name": "Alice"}))])
}

/// A server that refuses connections.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Checks a partial response whose part `orders` is missing.
async fn check(document: &Value, reason: Missing) -> Value {
    let composer = composer(document, &open_policy()).await;
    let reply = composer.compose(&get("/bff/dashboard")).await;

    assert_eq!(missing(&reply), [("orders".to_owned(), reason)]);
    assert_eq!(reply.status, 206);
    assert_eq!(reply.headers["x-tollgate-complete"], "false");
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert!(!reply.headers.contains_key("etag"));
    let body = body(&reply);
    assert_eq!(body["user"], json!({"name": "Alice"}));
    assert_eq!(body["_metadata"]["missing"][0]["reason"], reason.as_str());
    body
}

#[tokio::test]
async fn service_that_fails_is_replaced_by_the_fallback() {
    let orders = HttpServer::start();
    orders.reply("GET /orders", HttpReply::json(500, &json!({"secret": 1})));
    let document = dashboard(&users().url(), &orders.url(), json!({}));

    let body = check(&document, Missing::Status(500)).await;
    assert_eq!(body["orders"], json!({"items": []}));
    assert_eq!(
        body["_metadata"],
        json!({"missing": [{"part": "orders", "reason": "status", "fallback": true, "status": 500}]})
    );
    assert!(!body.to_string().contains("secret"));
}

#[tokio::test]
async fn part_without_a_fallback_is_absent() {
    let document = json!({
        "services": {"default": {"url": users().url()}, "orders": {"url": closed()}},
        "routes": {"GET /bff/dashboard": {"parts": {
            "user": {"get": "/users/{user_id}"}, "orders": {"get": "/orders", "service": "orders"}},
            "partial_status": 200}},
    });
    let composer = composer(&document, &open_policy()).await;
    let reply = composer.compose(&get("/bff/dashboard")).await;

    assert_eq!(reply.status, 200);
    assert_eq!(
        body(&reply),
        json!({"user": {"name": "Alice"}, "_metadata": {"missing": [
            {"part": "orders", "reason": "unreachable", "fallback": false}]}})
    );
}

#[tokio::test]
async fn unreachable_service_is_missing() {
    let document = dashboard(&users().url(), &closed(), json!({}));
    check(&document, Missing::Unreachable).await;
}

#[tokio::test]
async fn slow_service_is_missing_after_the_timeout_of_the_part() {
    let orders = HeldService::start(json!([]));
    let document = dashboard(
        &users().url(),
        &orders.server.url(),
        json!({"timeout_ms": 100}),
    );

    let began = Instant::now();
    check(&document, Missing::Timeout).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn slow_service_is_missing_after_the_timeout_of_the_route() {
    let orders = HeldService::start(json!([]));
    let mut document = dashboard(
        &users().url(),
        &orders.server.url(),
        json!({"timeout_ms": 6000}),
    );
    // It also applies to the part `user`, which must succeed on a busy machine.
    document["routes"]["GET /bff/dashboard"]["timeout_ms"] = 1_500.into();

    let began = Instant::now();
    check(&document, Missing::Timeout).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn response_that_is_not_json_is_missing() {
    let orders = HttpServer::start();
    orders.reply("GET /orders", HttpReply::text(200, "text/html", "<html>"));
    let document = dashboard(&users().url(), &orders.url(), json!({}));
    check(&document, Missing::InvalidResponse).await;
}

#[tokio::test]
async fn response_that_is_too_large_is_missing() {
    let orders = HttpServer::start();
    let large = format!("\"{}\"", "x".repeat(2_000_000));
    orders.reply(
        "GET /orders",
        HttpReply::text(200, "application/json", &large),
    );
    let document = dashboard(&users().url(), &orders.url(), json!({}));
    check(&document, Missing::TooLarge).await;
}

#[tokio::test]
async fn busy_service_is_missing() {
    let orders = HeldService::start(json!([]));
    let parts = |timeout_ms| json!({"orders": {"get": "/orders", "timeout_ms": timeout_ms}});
    let document = json!({
        "services": {"default": {"url": orders.server.url(), "max_concurrent_calls": 1}},
        "routes": {"GET /bff/patient": {"parts": parts(6000)}, "GET /bff/hasty": {"parts": parts(100)}},
    });
    let composer = composer(&document, &open_policy()).await;

    let (patient, hasty) = (get("/bff/patient"), get("/bff/hasty"));
    let second = async {
        // Let the first request take the only call.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let reply = composer.compose(&hasty).await;
        orders.release();
        reply
    };
    let (first, second) = tokio::join!(composer.compose(&patient), second);

    assert_eq!(missing(&first), []);
    assert_eq!(
        missing(&second),
        [("orders".to_owned(), Missing::Overloaded)]
    );
    assert_eq!(part(&second, "orders").attempts, 0);
}

#[tokio::test]
async fn service_with_an_open_circuit_is_not_called() {
    let orders = HttpServer::start();
    orders.reply("GET /orders", HttpReply::json(500, &json!({})));
    let document = dashboard(&users().url(), &orders.url(), json!({}));
    let composer = composer(&document, &open_policy()).await;

    for _ in 0..100 {
        let reply = composer.compose(&get("/bff/dashboard")).await;
        if missing(&reply)[0].1 == Missing::CircuitOpen {
            let calls = orders.requests().len();
            composer.compose(&get("/bff/dashboard")).await;
            assert_eq!(orders.requests().len(), calls);
            return;
        }
    }
    panic!("the circuit never opened");
}

#[tokio::test]
async fn part_whose_dependency_is_missing_is_not_called() {
    let service = service(&[("/users/alice", json!({"name": "Alice"}))]);
    let route = json!({"parts": {
        "user": {"get": "/users/{user_id}"},
        "cart": {"get": "/cart"},
        "items": {"get": "/items/{cart#/id}", "after": "cart"},
        "prices": {"get": "/prices", "after": "items"},
    }});
    let document = document(&service.url(), "GET /bff/dashboard", route);
    let composer = composer(&document, &open_policy()).await;

    let reply = composer.compose(&get("/bff/dashboard")).await;
    assert_eq!(
        missing(&reply),
        [
            ("cart".to_owned(), Missing::Status(404)),
            ("items".to_owned(), Missing::Dependency),
            ("prices".to_owned(), Missing::Dependency),
        ]
    );
    assert_eq!(
        (part(&reply, "items").attempts, &part(&reply, "items").url),
        (0, &None)
    );
}

#[tokio::test]
async fn hostile_value_never_leaves_its_place() {
    let service = service(&[("/users/alice", json!({"name": "Alice"}))]);
    let route = json!({"parts": {
        "user": {"get": "/users/alice"},
        "mine": {"get": "/mine/{user_id}/x?email={email}"},
    }});
    let document = document(&service.url(), "GET /bff/dashboard", route);
    let composer = composer(&document, &open_policy()).await;

    // The authorizer encodes values. `-` means that there is none.
    for user in [
        "-",
        "..",
        ".",
        "a/b",
        "%2Fadmin",
        "..%2Fadmin",
        "a%5Cb",
        "a%00b",
        "%",
        "%zz",
        "%FF",
    ] {
        let mut request = get("/bff/dashboard");
        request.context = Some(context(&[
            (ContextField::UserId, user),
            (ContextField::Email, "a@b.example"),
        ]));
        let reply = composer.compose(&request).await;
        assert_eq!(
            missing(&reply),
            [("mine".to_owned(), Missing::InvalidValue)],
            "{user}"
        );
    }
    assert!(
        service
            .requests()
            .iter()
            .all(|sent| sent.target == "/users/alice")
    );

    let mut request = get("/bff/dashboard");
    request.context = Some(context(&[
        (ContextField::UserId, "J%C3%BCrgen"),
        (ContextField::Email, "a%26admin=1@b.example"),
    ]));
    composer.compose(&request).await;
    let targets: Vec<_> = service
        .requests()
        .into_iter()
        .map(|sent| sent.target)
        .collect();
    let expected = "/mine/J%C3%BCrgen/x?email=a%26admin%3D1%40b.example".to_owned();
    assert!(targets.contains(&expected), "{targets:?}");
}

#[tokio::test]
async fn response_above_the_limit_of_lambda_is_an_error() {
    let large = format!("\"{}\"", "\\\"".repeat(900_000));
    let server = HttpServer::start();
    server.reply("GET /a", HttpReply::text(200, "application/json", &large));
    let route = json!({"parts": {"a": {"get": "/a"}, "b": {"get": "/a"}}});
    let document = document(&server.url(), "GET /bff/large", route);
    let composer = composer(&document, &open_policy()).await;

    // 3.6 MB of JSON are 7.2 MB as a string of JSON.
    let reply = composer.compose(&get("/bff/large")).await;
    assert_eq!(reply.status, 502);
    assert_eq!(body(&reply)["reason"], "too_large");
}
