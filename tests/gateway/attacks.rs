//! What an attacker tries.

use http::StatusCode;
use tests::{Backend, Gateway, PRO, Setup, raw};

const NAMES: [&str; 8] = [
    "x-tollgate-decision",
    "x-tollgate-user-id",
    "x-tollgate-email",
    "x-tollgate-roles",
    "x-tollgate-key-id",
    "x-tollgate-plan",
    "x-tollgate-scopes",
    "x-tollgate-auth",
];

async fn with_backend() -> (Gateway, Backend) {
    let backend = Backend::empty().await;
    (Setup::default().backend(backend.address).start().await, backend)
}

#[tokio::test]
async fn an_identity_that_the_client_claims_never_reaches_the_backend() {
    let (gateway, backend) = with_backend().await;
    for (method, path) in [("GET", "/orders"), ("GET", "/"), ("GET", "/health"), ("OPTIONS", "/orders")] {
        let mut call = gateway.call(method, path).header("x-api-key", PRO);
        for name in NAMES {
            call = call
                .header(name, "mallory")
                .header(&name.to_uppercase(), "mallory")
                .header(&name.replace('-', "_"), "mallory");
        }
        assert_eq!(call.send().await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(backend.seen().len(), 4);
    for seen in backend.seen() {
        assert!(!format!("{:?}", seen.headers).contains("mallory"), "{seen:?}");
        assert!(!seen.headers.contains_key("x-api-key"));
    }
}

#[tokio::test]
async fn a_header_that_the_client_names_in_connection_is_still_mapped() {
    let (gateway, backend) = with_backend().await;
    let connection = NAMES.join(", ");
    let call = gateway.call("GET", "/orders").header("x-api-key", PRO).header("connection", &connection);
    assert_eq!(call.send().await.status, StatusCode::OK);
    let seen = backend.seen().remove(0);
    assert!(NAMES.iter().all(|name| seen.headers.contains_key(*name)), "{seen:?}");
}

#[tokio::test]
async fn a_client_cannot_have_itself_throttled_or_freed_by_a_header() {
    let (gateway, backend) = with_backend().await;
    for decision in ["throttled", "unavailable", "allowed"] {
        let call = gateway.call("GET", "/orders").header("x-tollgate-decision", decision);
        assert_eq!(call.send().await.status, StatusCode::UNAUTHORIZED);
        let call = gateway.call("GET", "/health").header("x-tollgate-decision", decision);
        assert_eq!(call.send().await.status, StatusCode::OK);
    }
    assert_eq!(backend.seen().len(), 3);
}

/// Smuggled behind a body, a header would be merged by some backends.
#[tokio::test]
async fn trailers_are_not_passed_on() {
    let (gateway, backend) = with_backend().await;
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ntrailer: x-tollgate-user-id\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let answer = raw(gateway.address, format!("{head}3\r\nabc\r\n0\r\nx-tollgate-user-id: mallory\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!format!("{:?}", backend.seen()).contains("mallory"));
    assert!(!backend.seen()[0].headers.contains_key("trailer"));
}

#[tokio::test]
async fn paths_that_pretend_to_be_public_reach_no_backend() {
    let (gateway, backend) = with_backend().await;
    let paths = [
        "//health",
        "/health/",
        "/health/../admin",
        "/health/%2e%2e/admin",
        "/%2e%2e/health",
        "/health%2f..%2fadmin",
        "/health/..;/admin",
        "/./health",
        "/health%00",
        "/health%0a",
        "/HEALTH",
        "/health;x",
        "/%2fhealth",
        "/x/..%5chealth",
        "/%252e%252e/health",
        "/health%20",
        "/..",
        "/.",
    ];
    for path in paths {
        for method in ["GET", "POST", "HEAD"] {
            let answer = gateway.call(method, path).send().await;
            assert!(
                [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
    assert_eq!(backend.seen().len(), 0);
}

#[tokio::test]
async fn an_encoded_public_path_is_the_public_path_and_arrives_decoded() {
    let (gateway, backend) = with_backend().await;
    assert_eq!(gateway.call("GET", "/%68ealth").send().await.status, StatusCode::OK);
    assert_eq!(backend.seen()[0].target, "/health");
}

#[tokio::test]
async fn a_path_that_does_not_mean_what_it_says_is_refused_even_with_a_key() {
    let (gateway, backend) = with_backend().await;
    for path in ["/a/../b", "/a//b", "/a/%2e%2e/b", "/a%2f%2fb", "/a%5cb", "/a%25b", "/a%0db", "/a/./b"] {
        assert_eq!(gateway.get(path, PRO).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(backend.seen().len(), 0);
}

#[tokio::test]
async fn malformed_requests_are_400_and_reach_nobody() {
    let (gateway, backend) = with_backend().await;
    let key = format!("x-api-key: {PRO}\r\n");
    for request in [
        format!(
            "POST /orders HTTP/1.1\r\nhost: a\r\n{key}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST /orders HTTP/1.1\r\nhost: a\r\n{key}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n"
        ),
        format!("POST /orders HTTP/1.1\r\nhost: a\r\n{key}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
        format!("POST /orders HTTP/1.1\r\nhost: a\r\n{key}content-length: +3\r\n\r\nabc"),
        format!("POST /orders HTTP/1.1\r\nhost: a\r\n{key}transfer-encoding: gzip\r\n\r\n"),
        format!("POST /orders HTTP/1.1\r\nhost: a\r\n{key}transfer-encoding : chunked\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\n{key}\r\n"),
        format!("GET /orders HTTP/1.1\r\nhost: a\r\nhost: b\r\n{key}\r\n"),
        format!("GET /orders%zz HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("GET /orders%ff HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("GET orders HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("OPTIONS * HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("CONNECT a:80 HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("GET /orders HTTP/1.1\r\nhost: a\r\n{key} folded: x\r\n\r\n"),
        format!("GET /or ders HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        "\u{16}\u{3}\u{1}\u{2}".to_owned() + "\r\n\r\n",
    ] {
        let answer = raw(gateway.address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{request:?}: {answer}");
    }
    assert_eq!(backend.seen().len(), 0);
    assert_eq!(gateway.get("/orders", PRO).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_chunk_that_makes_no_sense_is_400_or_an_end_and_never_a_whole_request() {
    let backend = Backend::start(|request| async {
        let whole = http_body_util::BodyExt::collect(request.into_body()).await.is_ok();
        http::Response::new(http_body_util::Full::new(bytes::Bytes::from(if whole { "whole" } else { "broken" })))
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let head = format!("POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ntransfer-encoding: chunked\r\n\r\n");
    let answer = raw(gateway.address, format!("{head}3\r\nabc\r\nzz\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(!answer.contains("whole"));
}

#[tokio::test]
async fn nothing_behind_a_chunked_body_is_taken_for_a_request() {
    let (gateway, backend) = with_backend().await;
    let head = format!("POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ntransfer-encoding: chunked\r\n\r\n");
    let smuggled =
        "GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = raw(gateway.address, format!("{head}0\r\n\r\n{smuggled}")).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn request_line_and_headers_may_have_10_240_bytes_together() {
    let (gateway, backend) = with_backend().await;
    let request = |bytes: usize| {
        let head = format!("GET /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-api-key: {PRO}\r\nx-pad: ");
        let pad = "p".repeat(bytes - head.len() - 4);
        format!("{head}{pad}\r\n\r\n")
    };
    assert!(raw(gateway.address, request(10_240)).await.starts_with("HTTP/1.1 200"));
    let refused = raw(gateway.address, request(10_241)).await;
    assert!(
        refused.starts_with("HTTP/1.1 431") && refused.ends_with(r#"{"message":"Request Header Fields Too Large"}"#),
        "{refused}"
    );
    assert!(raw(gateway.address, request(60_000)).await.starts_with("HTTP/1.1 431"));
    assert!(raw(gateway.address, request(200_000)).await.starts_with("HTTP/1.1 431"));
    let many: String = (0..2_000).map(|_| "a:\r\n").collect();
    let answer =
        raw(gateway.address, format!("GET /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "their number does not matter: {answer}");
    assert_eq!(backend.seen().len(), 1);
}
