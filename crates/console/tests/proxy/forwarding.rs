//! Requests to the target, and its responses.

use serde_json::json;
use testing::{HttpReply, HttpServer};

use crate::setup::{Options, PLANS, Setup};

#[tokio::test]
async fn request_and_response_of_the_admin_api_pass() {
    let setup = Setup::writing().await;
    let path = "/_tollgate/v1/plans/free";
    let saved = HttpReply::json(200, &json!({"warnings": []})).header("etag", "\"7\"");
    setup.server.reply(&format!("PUT {path}"), saved);

    let session = setup.session().await;
    let call = setup.sent_by_page("PUT", &format!("{path}?a=b%20c&d"), &session);
    let call = call
        .header("if-match", "\"6\"")
        .header("idempotency-key", "k-1");
    let reply = call
        .json(&json!({"throttle": null}))
        .send(setup.address)
        .await;

    assert_eq!((reply.status, &*reply.headers["etag"]), (200, "\"7\""));
    assert_eq!(reply.json(), json!({"warnings": []}));
    let received = setup.server.requests().remove(0);
    assert_eq!(received.target, format!("{path}?a=b%20c&d"));
    assert_eq!(received.headers["if-match"], "\"6\"");
    assert_eq!(received.headers["idempotency-key"], "k-1");
    assert_eq!(received.headers["content-type"], "application/json");
    assert_eq!(received.body, br#"{"throttle":null}"#);
}

#[tokio::test]
async fn headers_of_the_browser_do_not_reach_the_target() {
    let setup = Setup::start().await;
    let call = setup.sent_by_page("GET", PLANS, &setup.session().await);
    let call = call
        .header("accept", "application/json")
        .header("authorization", "Bearer hush")
        .header("cookie", "session=hush")
        .header("referer", "http://127.0.0.1/hush")
        .header("user-agent", "Mozilla/5.0")
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-api-key", "hush")
        .header("x-amz-security-token", "hush")
        .header("x-amz-date", "20260101T000000Z")
        .header("proxy-authorization", "hush")
        .header("transfer-encoding", "chunked");
    let call = call.with("transfer-encoding", None);
    assert_eq!(call.send(setup.address).await.status, 200);

    let received = setup.server.requests().remove(0);
    let mut names: Vec<_> = received.headers.keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "host",
        "traceparent",
        "user-agent",
        "x-request-id",
    ];
    let unexpected: Vec<_> = names
        .iter()
        .filter(|name| !expected.contains(name))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    assert!(received.headers["user-agent"].starts_with("tollgate/"));
    assert_eq!(
        format!("http://{}", received.headers["host"]),
        setup.server.url()
    );
}

#[tokio::test]
async fn headers_of_the_target_do_not_reach_the_browser() {
    let setup = Setup::start().await;
    let reply = HttpReply::json(200, &json!({}))
        .header("set-cookie", "a=b")
        .header("access-control-allow-origin", "*")
        .header("content-security-policy", "default-src *")
        .header("clear-site-data", "\"*\"")
        .header("service-worker-allowed", "/")
        .header("x-tollgate-console-session", "ended")
        .header("server", "hush")
        .header("apigw-requestid", "id-1");
    setup.server.reply("GET /_tollgate/v1/keys", reply);

    let reply = setup.page_sends("GET", "/_tollgate/v1/keys", None).await;
    assert_eq!(reply.headers["apigw-requestid"], "id-1");
    assert_eq!(
        reply.headers["content-security-policy"],
        "default-src 'none'; sandbox"
    );
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    for name in [
        "set-cookie",
        "access-control-allow-origin",
        "clear-site-data",
        "service-worker-allowed",
        "x-tollgate-console-session",
        "server",
    ] {
        assert!(!reply.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn only_paths_of_the_admin_api_are_forwarded() {
    let setup = Setup::writing().await;
    let session = setup.session().await;
    for path in [
        "/",
        "/orders",
        "/_tollgate/usage",
        "/_tollgate/account",
        "/_tollgate/v1/../../orders",
        "/_tollgate/v1/%2e%2e/%2e%2e/orders",
        "/_tollgate/v1/%252e%252e/orders",
        "/_tollgate/v1/plans%2Ffree",
        "/_tollgate/v1/plans%5cfree",
        "/_tollgate/v1//plans",
        "//evil.example/_tollgate/v1/plans",
        "/_tollgate/v1/plans/a%0d%0aHost:%20evil",
    ] {
        for method in ["GET", "POST"] {
            let reply = setup
                .sent_by_page(method, path, &session)
                .send(setup.address)
                .await;
            assert_eq!(reply.status, 404, "{method} {path}: {reply:?}");
        }
    }
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn error_of_the_api_is_passed_on() {
    let setup = Setup::writing().await;
    let problem = json!({"title": "Precondition Failed", "detail": "It has changed."});
    let reply = HttpReply::text(412, "application/problem+json", &problem.to_string());
    setup.server.reply("PUT /_tollgate/v1/plans/free", reply);

    let reply = setup
        .page_sends("PUT", "/_tollgate/v1/plans/free", Some(&json!({})))
        .await;
    assert_eq!(
        (reply.status, reply.detail()),
        (412, "It has changed.".to_owned())
    );
}

#[tokio::test]
async fn refusal_of_another_server_becomes_a_problem_document() {
    let setup = Setup::start().await;
    for (path, reply, status, text) in [
        (
            "keys",
            HttpReply::json(403, &json!({"message": "Forbidden"})),
            503,
            "access denied (status 403: Forbidden)",
        ),
        (
            "audit",
            HttpReply::json(503, &json!({"message": "Service Unavailable"})),
            503,
            "status 503",
        ),
        (
            "usage",
            HttpReply::text(200, "text/html", "<script>alert(1)</script>"),
            502,
            "is it Tollgate?",
        ),
        (
            "blocks",
            HttpReply::text(502, "text/html", "<script>"),
            502,
            "status 502",
        ),
    ] {
        setup
            .server
            .reply(&format!("GET /_tollgate/v1/{path}"), reply);
        let reply = setup
            .page_sends("GET", &format!("/_tollgate/v1/{path}"), None)
            .await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert!(reply.detail().contains(text), "{path}: {reply:?}");
        assert!(!reply.body.contains("script"), "{reply:?}");
    }
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let setup = Setup::start().await;
    let other = HttpServer::start();
    let reply = HttpReply::text(302, "text/plain", "")
        .header("location", &format!("{}/login", other.url()));
    setup.server.reply(&format!("GET {PLANS}/free"), reply);

    let reply = setup
        .page_sends("GET", &format!("{PLANS}/free"), None)
        .await;
    assert_eq!(reply.status, 502);
    assert!(reply.detail().contains("redirects to"), "{reply:?}");
    assert!(!reply.headers.contains_key("location"));
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn location_passes_only_with_what_was_created() {
    let setup = Setup::writing().await;
    for (status, is_problem, expected) in [
        (201, false, (201, true)),
        (200, false, (200, false)),
        (409, true, (409, false)),
        (303, true, (502, false)),
    ] {
        let reply = if is_problem {
            HttpReply::text(status, "application/problem+json", "{}")
        } else {
            HttpReply::json(status, &json!({}))
        };
        let path = format!("/_tollgate/v1/plans/p{status}");
        let reply = reply.header("location", "javascript:alert(1)");
        setup.server.reply(&format!("PUT {path}"), reply);
        let reply = setup.page_sends("PUT", &path, Some(&json!({}))).await;
        let found = (reply.status, reply.headers.contains_key("location"));
        assert_eq!(found, expected, "{status}");
    }
}

#[tokio::test]
async fn target_that_is_down_is_named() {
    let options = Options {
        url: Some("http://127.0.0.1:1".to_owned()),
        ..Options::default()
    };
    let setup = Setup::with(options).await;
    let reply = setup.page_sends("GET", PLANS, None).await;
    assert_eq!(reply.status, 502);
    let detail = reply.detail();
    assert!(
        detail.starts_with("http://127.0.0.1:1: ") && detail.contains("refused"),
        "{detail}"
    );
}

#[tokio::test]
async fn change_is_sent_once() {
    let setup = Setup::writing().await;
    let busy = HttpReply::json(503, &json!({"message": "busy"})).header("retry-after", "0");
    setup.server.reply("POST /_tollgate/v1/keys", busy);
    let reply = setup
        .page_sends("POST", "/_tollgate/v1/keys", Some(&json!({})))
        .await;
    assert_eq!(reply.status, 503);
    assert_eq!(setup.server.requests().len(), 1);
}

#[tokio::test]
async fn description_of_the_program_replaces_one_that_is_not_published() {
    let setup = Setup::start().await;
    let path = "/_tollgate/openapi.json";
    let own = setup.page_sends("GET", path, None).await;
    assert_eq!(own.headers["x-tollgate-console-description"], "program");
    assert!(own.json()["paths"][PLANS].is_object(), "{own:?}");

    let published = HttpReply::json(200, &json!({"openapi": "3.1.0"}));
    setup.server.reply(&format!("GET {path}"), published);
    let published = setup.page_sends("GET", path, None).await;
    assert_eq!(published.json(), json!({"openapi": "3.1.0"}));
    assert!(
        !published
            .headers
            .contains_key("x-tollgate-console-description")
    );
}
