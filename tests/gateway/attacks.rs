//! What an attacker tries.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Empty;
use outcome::{BACKEND_HEADERS, ORIGIN_HEADER};
use tests::{Backend, FIVE_CALLS, FREE, Gateway, PRO, Setup, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn with_backend() -> (Gateway, Backend) {
    let backend = Backend::empty().await;
    (
        Setup::default().backend(backend.address).start().await,
        backend,
    )
}

#[tokio::test]
async fn an_identity_that_the_client_claims_never_reaches_the_backend() {
    let (gateway, backend) = with_backend().await;
    for (method, path) in [
        ("GET", "/orders"),
        ("GET", "/"),
        ("GET", "/health"),
        ("OPTIONS", "/orders"),
    ] {
        let mut call = gateway.call(method, path).header("x-api-key", PRO);
        let public = path == "/health" || method == "OPTIONS";
        for name in BACKEND_HEADERS.into_iter().chain([ORIGIN_HEADER]) {
            call = call
                .header(name, "mallory")
                .header(&name.to_uppercase(), "mallory");
            if public {
                call = call.header(&name.replace('-', "_"), "mallory");
            }
        }
        assert_eq!(call.send().await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(backend.seen().len(), 4);
    for seen in backend.seen() {
        assert!(
            !format!("{:?}", seen.headers).contains("mallory"),
            "{seen:?}"
        );
        assert!(!seen.headers.contains_key("x-api-key"));
    }
}

#[tokio::test]
async fn a_header_that_the_client_names_in_connection_is_still_mapped() {
    let (gateway, backend) = with_backend().await;
    let connection = BACKEND_HEADERS.join(", ");
    let call = gateway
        .call("GET", "/orders")
        .header("x-api-key", PRO)
        .header("connection", &connection);
    assert_eq!(call.send().await.status, StatusCode::OK);
    let seen = backend.seen().remove(0);
    assert!(
        BACKEND_HEADERS
            .iter()
            .all(|name| seen.headers.contains_key(*name)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_header_that_the_gateway_adds_cannot_be_removed_by_naming_it_in_connection() {
    let backend = Backend::empty().await;
    for (name, vpc_link) in [
        ("x-forwarded-for", "true"),
        ("host", "true"),
        ("x-forwarded-proto", "false"),
    ] {
        let gateway = Setup::default()
            .parameter("CreateVpcLink", vpc_link)
            .backend(backend.address)
            .start()
            .await;
        let call = gateway
            .call("GET", "/orders")
            .header("x-api-key", PRO)
            .header("host", "api.example");
        let call = call.header(
            name,
            if name == "host" {
                "api.example"
            } else {
                "203.0.113.9"
            },
        );
        assert_eq!(
            call.header("connection", &format!("close, {name}"))
                .send()
                .await
                .status,
            StatusCode::OK
        );
    }
    let seen = backend.seen();
    assert_eq!(
        seen[0].headers["x-forwarded-for"], "127.0.0.1",
        "the claim of the client belongs to its connection"
    );
    assert_eq!(seen[1].headers["host"], "api.example");
    assert_eq!(seen[2].headers["x-forwarded-proto"], "http");
}

#[tokio::test]
async fn a_header_that_the_backend_names_in_connection_is_still_mapped() {
    let backend = Backend::start(|_| async {
        let names = "x-frame-options, x-request-id, ratelimit, x-own";
        Response::builder()
            .header("connection", names)
            .header("x-own", "1")
            .body(Empty::<Bytes>::new())
            .unwrap()
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let answer = gateway.get("/orders", PRO).await;
    for name in ["x-frame-options", "x-request-id", "ratelimit"] {
        assert!(
            answer.header(name).is_some(),
            "{name}: {:?}",
            answer.headers
        );
    }
    assert_eq!(answer.header("x-own"), None);
}

/// HTTP APIs decode a path twice and answer 400 if that is impossible, before the authorizer is
/// asked.
#[tokio::test]
async fn a_malformed_escape_is_400_before_the_authorizer_is_asked() {
    let (gateway, backend) = with_backend().await;
    for path in [
        "/files/50%-off",
        "/files/50%25-off",
        "/files/a%25",
        "/health%25zz",
    ] {
        let answer = raw(
            gateway.address,
            format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
    assert_eq!(backend.seen().len(), 0);
}

#[tokio::test]
async fn a_client_cannot_have_itself_throttled_or_freed_by_a_header() {
    let backend = Backend::empty().await;
    let setup = Setup::default().seeds(FIVE_CALLS);
    let gateway = setup.backend(backend.address).start().await;
    let call = |method, path, key, decision| {
        gateway
            .call(method, path)
            .header("x-api-key", key)
            .header("x-tollgate-decision", decision)
            .send()
    };
    for decision in ["throttled", "unavailable"] {
        assert_eq!(
            call("GET", "/orders", PRO, decision).await.status,
            StatusCode::OK
        );
        assert_eq!(
            call("GET", "/health", PRO, decision).await.status,
            StatusCode::OK
        );
    }
    for _ in 0..5 {
        call("GET", "/orders", FREE, "throttled").await;
    }
    assert_eq!(
        call("GET", "/orders", FREE, "allowed").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(backend.seen().len(), 9);
}

/// The reader of heads and the parser of requests must agree on where a body ends.
#[tokio::test]
async fn a_length_that_is_not_plain_cannot_pass_a_body_off_as_heads() {
    let (gateway, backend) = with_backend().await;
    let fake = "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(5);
    let next = format!(
        "GET /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\nx-pad: {}\r\n\r\n",
        "p".repeat(40_000)
    );
    for filler in [" ", "0", "\t"] {
        let length = format!("content-length:{}{}", filler.repeat(60), fake.len());
        let answers = raw(
            gateway.address,
            format!("GET /health HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n{fake}{next}"),
        )
        .await;
        assert!(
            answers.starts_with("HTTP/1.1 400") && answers.matches("HTTP/1.1").count() == 1,
            "{filler:?}: {answers}"
        );
    }
    assert_eq!(backend.seen().len(), 0);
}

/// Without a load balancer nothing drops such names; some backends read them as the real ones.
#[tokio::test]
async fn a_claim_in_a_name_that_only_some_backends_understand_is_refused() {
    let backend = Backend::empty().await;
    let gateway = Setup::default()
        .parameter("CreateVpcLink", "false")
        .backend(backend.address)
        .start()
        .await;
    let claim = gateway
        .call("GET", "/orders")
        .header("x-api-key", PRO)
        .header("x_tollgate_user_id", "mallory");
    assert_eq!(claim.send().await.status, StatusCode::FORBIDDEN);
    assert_eq!(backend.seen().len(), 0);
}

/// The API's preflight route asks for no credentials, so what it lets through has to be harmless.
#[tokio::test]
async fn a_preflight_carries_no_identity_and_no_other_method() {
    let (gateway, backend) = with_backend().await;
    let call = gateway
        .call("OPTIONS", "/health/../admin")
        .header("x-api-key", PRO)
        .header("x-http-method-override", "DELETE");
    assert_eq!(call.send().await.status, StatusCode::OK);
    let seen = backend.seen().remove(0);
    assert_eq!(
        (
            seen.method.as_str(),
            seen.headers.contains_key("x-http-method-override")
        ),
        ("OPTIONS", false)
    );
    let identity = BACKEND_HEADERS
        .iter()
        .find(|name| seen.headers.contains_key(**name));
    assert_eq!(identity, None, "{seen:?}");
}

/// Smuggled behind a body, a header would be merged by some backends.
#[tokio::test]
async fn trailers_are_not_passed_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Setup::default()
        .backend(listener.local_addr().unwrap())
        .start()
        .await;
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ntrailer: x-tollgate-user-id\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let request = format!("{head}3\r\nabc\r\n0\r\nx-tollgate-user-id: mallory\r\n\r\n");
    let address = gateway.address;
    let client = tokio::spawn(async move { raw(address, request).await });
    let (mut target, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"0\r\n\r\n") {
        assert_ne!(target.read_buf(&mut seen).await.unwrap(), 0);
    }
    target
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    assert!(client.await.unwrap().starts_with("HTTP/1.1 200"));
    let seen = String::from_utf8(seen).unwrap();
    assert!(
        seen.contains("\r\nabc\r\n") && !seen.contains("mallory") && !seen.contains("trailer"),
        "{seen}"
    );
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
    assert_eq!(
        gateway.call("GET", "/%68ealth").send().await.status,
        StatusCode::OK
    );
    assert_eq!(backend.seen()[0].target, "/health");
}

/// Whoever decides and the backend see one and the same path, however often it was encoded.
#[tokio::test]
async fn a_path_is_decoded_twice_and_cut_at_a_question_mark() {
    let (gateway, backend) = with_backend().await;
    let sent = [
        "/a%252Fb",
        "/a%2Fb",
        "/a%20b",
        "/a%2520b",
        "/a%3Fadmin=1",
        "/%2568ealth",
    ];
    for path in sent {
        assert_eq!(
            gateway.get(path, PRO).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    let seen: Vec<_> = backend
        .seen()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(seen, ["/a/b", "/a/b", "/a%20b", "/a%20b", "/a", "/health"]);
}

/// On a public route, no authorizer refuses a `?` that is encoded twice. At the backend it begins
/// the query string, which a client could have sent as one, too.
#[tokio::test]
async fn a_question_mark_that_is_encoded_twice_begins_a_query_on_a_public_route() {
    let (gateway, backend) = with_backend().await;
    for path in ["/x/a%253Fb=c", "/x/a%253Fb=c?d=%20e", "/x/a%253Fb%0d%0ax"] {
        assert_eq!(
            gateway.call("OPTIONS", path).send().await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    let seen: Vec<_> = backend
        .seen()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(seen, ["/x/a?b=c", "/x/a?d=%20e&b=c", "/x/a?b%0D%0Ax"]);
}

#[tokio::test]
async fn a_path_that_does_not_mean_what_it_says_is_refused_even_with_a_key() {
    let (gateway, backend) = with_backend().await;
    for path in [
        "/a/../b",
        "/a//b",
        "/a/%2e%2e/b",
        "/a%2f%2fb",
        "/a%5cb",
        "/a%2525b",
        "/a%0db",
        "/a/./b",
        "/a;b",
        "/a%23b",
        "/a%253fb",
        "/a%252f%252fb",
        "/a/%252e%252e/b",
    ] {
        assert_eq!(
            gateway.get(path, PRO).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
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
        format!(
            "POST /orders HTTP/1.1\r\nhost: a\r\n{key}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd"
        ),
        format!("POST /orders HTTP/1.1\r\nhost: a\r\n{key}content-length: +3\r\n\r\nabc"),
        format!("POST /orders HTTP/1.1\r\nhost: a\r\n{key}transfer-encoding: gzip\r\n\r\n"),
        format!("POST /orders HTTP/1.1\r\nhost: a\r\n{key}transfer-encoding : chunked\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\n{key}\r\n"),
        format!("GET /orders HTTP/1.1\r\nhost: a\r\nhost: b\r\n{key}\r\n"),
        format!("GET /orders%zz HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("GET /orders%ff HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!(
            "POST /orders HTTP/1.1\r\nhost: a\r\n{key}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
        ),
        format!("GET /orders HTTP/1.1\r\nhost: a b\r\n{key}\r\n"),
        format!("GET /orders HTTP/1.1\r\nhost: a/../b\r\n{key}\r\n"),
        format!("GET orders HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("OPTIONS * HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("CONNECT a:80 HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        format!("GET /orders HTTP/1.1\r\nhost: a\r\n{key} folded: x\r\n\r\n"),
        format!("GET /or ders HTTP/1.1\r\nhost: a\r\n{key}\r\n"),
        "\u{16}\u{3}\u{1}\u{2}".to_owned() + "\r\n\r\n",
    ] {
        let answer = raw(gateway.address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{request:?}: {answer}"
        );
    }
    assert_eq!(backend.seen().len(), 0);
    assert_eq!(gateway.get("/orders", PRO).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_chunk_that_makes_no_sense_is_400_or_an_end_and_never_a_whole_request() {
    let backend = Backend::start(|request| async {
        let whole = http_body_util::BodyExt::collect(request.into_body())
            .await
            .is_ok();
        http::Response::new(http_body_util::Full::new(bytes::Bytes::from(if whole {
            "whole"
        } else {
            "broken"
        })))
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let answer = raw(gateway.address, format!("{head}3\r\nabc\r\nzz\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(!answer.contains("whole"));
}

#[tokio::test]
async fn nothing_behind_a_chunked_body_is_taken_for_a_request() {
    let (gateway, backend) = with_backend().await;
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let smuggled = "GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = raw(gateway.address, format!("{head}0\r\n\r\n{smuggled}")).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn request_line_and_headers_may_have_10_240_bytes_together() {
    let (gateway, backend) = with_backend().await;
    let request = |bytes: usize| {
        let head = format!(
            "GET /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-api-key: {PRO}\r\nx-pad: "
        );
        let pad = "p".repeat(bytes - head.len() - 4);
        format!("{head}{pad}\r\n\r\n")
    };
    assert!(
        raw(gateway.address, request(10_240))
            .await
            .starts_with("HTTP/1.1 200")
    );
    let refused = raw(gateway.address, request(10_241)).await;
    assert!(
        refused.starts_with("HTTP/1.1 431")
            && refused.ends_with(r#"{"message":"Request Header Fields Too Large"}"#),
        "{refused}"
    );
    assert!(
        raw(gateway.address, request(60_000))
            .await
            .starts_with("HTTP/1.1 431")
    );
    assert!(
        raw(gateway.address, request(200_000))
            .await
            .starts_with("HTTP/1.1 431")
    );
    let many: String = (0..2_000).map(|_| "a:\r\n").collect();
    let answer = raw(
        gateway.address,
        format!("GET /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{many}\r\n"),
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 401"),
        "their number does not matter: {answer}"
    );
    assert_eq!(backend.seen().len(), 1);
}
