//! Requests to a server that is not signed, and its responses.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails at the first unexpected result"
)]

use std::time::Duration;

use admin_client::{AdminClient, AdminRequest, ClientError, TargetOptions, path};
use serde_json::json;
use testing::{HttpReply, HttpServer};

async fn client_of(server: &HttpServer) -> AdminClient {
    let options = TargetOptions {
        url: Some(server.url()),
        ..TargetOptions::default()
    };
    AdminClient::connect(&options).await.unwrap()
}

#[tokio::test]
async fn request_has_path_headers_and_body() {
    let server = HttpServer::start();
    let reply = HttpReply::json(
        200,
        &json!({"warnings": [{"pointer": "/a", "detail": "odd"}]}),
    );
    let reply = reply.header("etag", "\"7\"");
    server.reply("PUT /_tollgate/v1/plans/a%2Fb", reply);

    let request = AdminRequest::put(path(&["plans", "a/b"]).query(&[("x", "y z")]), &json!({}))
        .if_match("\"6\"")
        .header("x-tollgate-managed-by", "default");
    let response = client_of(&server).await.send(request).await.unwrap();

    let received = server.requests().remove(0);
    assert_eq!(received.target, "/_tollgate/v1/plans/a%2Fb?x=y%20z");
    assert_eq!(received.headers["content-type"], "application/json");
    assert_eq!(received.headers["if-match"], "\"6\"");
    assert_eq!(received.headers["x-tollgate-managed-by"], "default");
    assert!(received.headers["user-agent"].starts_with("tollgate/"));
    assert_eq!(received.headers.get("authorization"), None);
    assert_eq!(received.body, b"{}");
    assert_eq!((response.status, response.etag()), (200, Some("\"7\"")));
    assert_eq!(response.warnings(), ["/a: odd"]);
}

#[tokio::test]
async fn pages_are_read_until_the_last_cursor() {
    let server = HttpServer::start();
    for page in [
        json!({"items": [1, 2], "next_cursor": "a b"}),
        json!({"items": [], "next_cursor": "c"}),
        json!({"items": [3], "next_cursor": null}),
    ] {
        server.reply("GET /_tollgate/v1/keys", HttpReply::json(200, &page));
    }

    let mut pages = client_of(&server).await.pages("/keys?plan=free");
    let mut items = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        items.extend(page);
    }

    assert_eq!(items, [1, 2, 3]);
    let targets: Vec<_> = server.requests().into_iter().map(|it| it.target).collect();
    let list = "/_tollgate/v1/keys?plan=free";
    let expected = [
        list.to_owned(),
        format!("{list}&cursor=a%20b"),
        format!("{list}&cursor=c"),
    ];
    assert_eq!(targets, expected);
}

#[tokio::test]
async fn repeated_cursor_ends_the_list_with_an_error() {
    let server = HttpServer::start();
    let page = json!({"items": [1], "next_cursor": "same"});
    server.reply("GET /_tollgate/v1/keys", HttpReply::json(200, &page));

    let mut pages = client_of(&server).await.pages("/keys");
    assert!(pages.next().await.unwrap().is_some());
    let error = pages.next().await.unwrap_err();
    assert!(
        matches!(error, ClientError::RepeatedCursor { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn lists_that_do_not_end_are_errors() {
    let server = HttpServer::start();
    for cursor in ["a", "b", "a"] {
        let page = json!({"items": [1], "next_cursor": cursor});
        server.reply("GET /_tollgate/v1/keys", HttpReply::json(200, &page));
    }

    let mut pages = client_of(&server).await.pages("/keys");
    assert!(pages.next().await.unwrap().is_some());
    assert!(pages.next().await.unwrap().is_some());
    let error = pages.next().await.unwrap_err();
    assert!(
        matches!(error, ClientError::RepeatedCursor { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn response_with_a_huge_declared_length_is_refused_at_once() {
    let server = HttpServer::start();
    let huge = HttpReply::json(200, &json!({})).header("content-length", "99999999999");
    server.reply("GET /_tollgate/v1/plans", huge);

    let error = client_of(&server).await.get("/plans").await.unwrap_err();
    assert!(
        error.to_string().contains("larger than 16777216 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn name_of_dots_is_not_sent() {
    let server = HttpServer::start();
    let request = AdminRequest::delete(path(&["policies", ".."]));
    let error = client_of(&server).await.send(request).await.unwrap_err();
    assert_eq!(error.to_string(), "invalid path of the API: /policies/..");
    assert_eq!((error.exit_code(), server.requests().len()), (2, 0));
}

#[tokio::test]
async fn login_page_does_not_look_like_a_change() {
    let server = HttpServer::start();
    let page = HttpReply::text(200, "text/html", "<html>");
    server.reply("DELETE /_tollgate/v1/plans/a", page.clone());
    server.reply("PUT /_tollgate/v1/blocks/key/a", page);
    let client = client_of(&server).await;

    let request = AdminRequest::delete("/plans/a");
    let error = client.send(request).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("DELETE /_tollgate/v1/plans/a: status 200, expected 204"),
        "{text}"
    );
    assert!(text.contains("is it Tollgate?"), "{text}");
    assert_eq!(error.exit_code(), 2);

    let request = AdminRequest::put("/blocks/key/a", &json!({}));
    assert!(client.send(request).await.is_err());
}

#[tokio::test]
async fn only_safe_requests_are_repeated_after_503() {
    let busy = || HttpReply::json(503, &json!({"message": "busy"})).header("retry-after", "0");
    let fine = || HttpReply::json(200, &json!({}));
    let value = json!({});
    for (request, route, attempts) in [
        (AdminRequest::get("/plans"), "GET /_tollgate/v1/plans", 2),
        (
            AdminRequest::post("/keys", &value).idempotency_key("k".to_owned()),
            "POST /_tollgate/v1/keys",
            2,
        ),
        (
            AdminRequest::put("/plans/a", &value).if_match("\"1\""),
            "PUT /_tollgate/v1/plans/a",
            1,
        ),
        (
            AdminRequest::post("/keys", &value),
            "POST /_tollgate/v1/keys",
            1,
        ),
        (
            AdminRequest::delete("/plans/a"),
            "DELETE /_tollgate/v1/plans/a",
            1,
        ),
    ] {
        let server = HttpServer::start();
        server.reply(route, busy());
        server.reply(route, fine());

        let outcome = client_of(&server).await.send(request).await;
        assert_eq!(server.requests().len(), attempts, "{route}");
        assert_eq!(outcome.is_ok(), attempts == 2, "{route}");
    }
}

#[tokio::test]
async fn throttled_request_had_no_effect_and_is_repeated() {
    let server = HttpServer::start();
    let route = "DELETE /_tollgate/v1/plans/a";
    let throttled = HttpReply::json(429, &json!({})).header("retry-after", "0");
    server.reply(route, throttled);
    server.reply(route, HttpReply::text(204, "text/plain", ""));

    let request = AdminRequest::delete("/plans/a");
    assert_eq!(
        client_of(&server).await.send(request).await.unwrap().status,
        204
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn statuses_of_tollgate_can_be_told_apart_from_those_of_other_servers() {
    let server = HttpServer::start();
    let problem = |status| {
        let body = json!({"detail": "The plan does not exist."}).to_string();
        HttpReply::text(status, "application/problem+json", &body)
    };
    server.reply("GET /_tollgate/v1/plans/none", problem(404));
    server.reply("GET /_tollgate/v1/plans/conflict", problem(409));
    server.reply("GET /_tollgate/v1/plans/changed", problem(412));
    let client = client_of(&server).await;

    let missing = client.get("/plans/none").await.unwrap_err();
    assert_eq!(missing.to_string(), "plan none: The plan does not exist.");
    assert!(missing.is_not_found() && missing.exit_code() == 1);
    assert!(
        client
            .get("/plans/conflict")
            .await
            .unwrap_err()
            .is_conflict()
    );
    let changed = client.get("/plans/changed").await.unwrap_err();
    assert!(changed.is_precondition_failed());

    let unknown = client.get("/plans/unknown").await.unwrap_err();
    assert!(!unknown.is_not_found() && unknown.exit_code() == 2);
    assert!(
        unknown.to_string().ends_with("is it Tollgate?"),
        "{unknown}"
    );
}

#[tokio::test]
async fn body_that_is_not_json_is_an_error() {
    let server = HttpServer::start();
    let page = HttpReply::text(200, "text/html", "<html>");
    server.reply("GET /_tollgate/v1/plans", page);
    server.reply("GET /_tollgate/v1/keys", HttpReply::json(200, &json!([])));
    let client = client_of(&server).await;

    let error = client.pages("/plans").next().await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("content type `text/html`, expected `application/json`"),
        "{text}"
    );
    let error = client.pages("/keys").next().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the response of /keys has no list `items`: is it Tollgate?"
    );
    assert_eq!(error.exit_code(), 2);
}

#[tokio::test]
async fn refused_connection_names_the_target_and_the_next_step() {
    let options = TargetOptions {
        url: Some("http://127.0.0.1:1".to_owned()),
        ..TargetOptions::default()
    };
    let client = AdminClient::connect(&options).await.unwrap();
    let error = client.get("/plans").await.unwrap_err();

    let text = error.to_string();
    assert!(text.starts_with("http://127.0.0.1:1: "), "{text}");
    assert!(text.contains("connection refused"), "{text}");
    assert!(text.contains("tollgate serve"), "{text}");
    assert_eq!((error.exit_code(), error.status()), (2, None));
}

#[tokio::test(start_paused = true)]
async fn request_without_a_response_is_given_up_after_35_seconds() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = TargetOptions {
        url: Some(format!("http://{}", server.local_addr().unwrap())),
        ..TargetOptions::default()
    };
    let client = AdminClient::connect(&options).await.unwrap();

    for (request, is_write) in [
        (AdminRequest::get("/plans"), false),
        (AdminRequest::delete("/plans/a"), true),
    ] {
        let began = tokio::time::Instant::now();
        let error = client.send(request).await.unwrap_err();

        assert!(began.elapsed() < Duration::from_secs(36));
        let text = error.to_string();
        assert!(text.contains("no response within 35 s"), "{text}");
        assert_eq!(text.contains("the change may have been made"), is_write);
        assert_eq!(error.exit_code(), 2);
    }
}
