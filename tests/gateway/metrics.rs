//! The counts in the metrics of the local gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::Empty;
use testing::Emulator;
use tests::{Backend, FIVE_CALLS, FREE, PRO, Setup, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::scrape::{assert_values, logged, scrape, text, value};

#[tokio::test]
async fn requests_decisions_and_durations_are_counted_by_route_and_plan() {
    let gateway = Setup::default().seeds(FIVE_CALLS).start().await;
    for _ in 0..6 {
        gateway.get("/orders", FREE).await;
    }
    gateway.get("/payments", PRO).await;
    gateway.call("GET", "/health").send().await;
    gateway.call("GET", "/orders").send().await;
    gateway
        .get("/orders", "a-key-that-does-not-exist-00001")
        .await;
    logged(&gateway, 10).await;

    let answer = gateway.call("GET", "/_tollgate/metrics").send().await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = text(&answer);
    assert_values(
        &text,
        &[
            (
                r#"tollgate_http_requests_total{route="ANY /{proxy+}",method="GET",status="200",source="backend"}"#,
                6.0,
            ),
            (
                r#"tollgate_http_requests_total{route="ANY /{proxy+}",method="GET",status="429",source="listener"}"#,
                1.0,
            ),
            (
                r#"tollgate_http_requests_total{route="ANY /{proxy+}",method="GET",status="401",source="gateway"}"#,
                2.0,
            ),
            (
                r#"tollgate_http_requests_total{route="GET /health",method="GET",status="200",source="backend"}"#,
                1.0,
            ),
            (
                r#"tollgate_http_request_duration_seconds_count{route="ANY /{proxy+}",method="GET",status="200"}"#,
                6.0,
            ),
            (
                r#"tollgate_upstream_duration_seconds_count{route="ANY /{proxy+}"}"#,
                6.0,
            ),
            (
                r#"tollgate_authorizer_duration_seconds_count{route="ANY /{proxy+}"}"#,
                9.0,
            ),
            (
                r#"tollgate_gateway_duration_seconds_count{route="ANY /{proxy+}"}"#,
                9.0,
            ),
            (
                r#"tollgate_decisions_total{plan="free",decision="allowed",limit=""}"#,
                5.0,
            ),
            (
                r#"tollgate_decisions_total{plan="free",decision="throttled",limit="burst"}"#,
                1.0,
            ),
            (
                r#"tollgate_decisions_total{plan="pro",decision="allowed",limit=""}"#,
                1.0,
            ),
            (r#"tollgate_refusals_total{reason="rate_exceeded"}"#, 1.0),
            (
                r#"tollgate_refusals_total{reason="missing_credentials"}"#,
                1.0,
            ),
            (r#"tollgate_refusals_total{reason="unknown_key"}"#, 1.0),
            (
                r#"tollgate_caller_decisions_total{caller="key#local-pro",plan="pro",decision="allowed"}"#,
                1.0,
            ),
            ("tollgate_rejected_records_total", 0.0),
            ("tollgate_overflowed_series", 0.0),
        ],
    );
    assert!(!text.contains("a-key-that-does-not-exist"));
}

#[tokio::test]
async fn routes_of_the_policy_are_distinguished_where_the_api_has_one() {
    let policy = r#"{"rules":[{"match":"GET /orders","auth":"none"},{"match":"GET /payments/{id}","auth":"none"}]}"#;
    let gateway = Setup::default().policy(policy).start().await;
    for path in ["/orders", "/payments/1", "/payments/2"] {
        gateway.call("GET", path).send().await;
    }
    logged(&gateway, 3).await;

    let text = scrape(&gateway).await;
    assert_values(
        &text,
        &[
            (
                r#"tollgate_http_requests_total{route="GET /orders",method="GET",status="200",source="backend"}"#,
                1.0,
            ),
            (
                r#"tollgate_http_requests_total{route="GET /payments/{id}",method="GET",status="200",source="backend"}"#,
                2.0,
            ),
        ],
    );
    assert!(!text.contains("/payments/1"));
}

#[tokio::test]
async fn errors_of_the_gateway_are_distinguished_from_those_of_the_backend() {
    let backend = Backend::start(|_| async {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
    .await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_port = closed.local_addr().unwrap();
    drop(closed);

    for (address, source) in [(backend.address, "backend"), (closed_port, "gateway")] {
        let gateway = Setup::default().backend(address).start().await;
        assert_eq!(gateway.get("/orders", PRO).await.status, 502);
        logged(&gateway, 1).await;

        let text = scrape(&gateway).await;
        let series = format!(
            r#"tollgate_http_requests_total{{route="ANY /{{proxy+}}",method="GET",status="502",source="{source}"}}"#
        );
        assert_values(&text, &[(&series, 1.0)]);
        let upstream = r#"tollgate_upstream_duration_seconds_count{route="ANY /{proxy+}"}"#;
        assert_values(&text, &[(upstream, 1.0)]);
    }
}

#[tokio::test]
async fn refusals_before_the_authorizer_and_responses_of_functions_are_distinguished() {
    let gateway = Setup::default()
        .parameter("StageRateLimit", "1")
        .parameter("StageBurstLimit", "3")
        .start()
        .await;
    let plans = || gateway.call("GET", "/_tollgate/v1/plans");
    assert_eq!(plans().send().await.status, 200);
    let elsewhere = plans().header("origin", "http://evil.example");
    assert_eq!(elsewhere.send().await.status, 403);
    let mut requests = 2;
    while gateway.get("/orders", PRO).await.status != StatusCode::TOO_MANY_REQUESTS {
        requests += 1;
    }
    logged(&gateway, requests + 1).await;

    assert_values(
        &scrape(&gateway).await,
        &[
            (
                r#"tollgate_http_requests_total{route="ANY /_tollgate/v1/{proxy+}",method="GET",status="200",source="function"}"#,
                1.0,
            ),
            (
                r#"tollgate_http_requests_total{route="ANY /_tollgate/v1/{proxy+}",method="GET",status="403",source="gateway"}"#,
                1.0,
            ),
            (
                r#"tollgate_http_requests_total{route="ANY /{proxy+}",method="GET",status="429",source="gateway"}"#,
                1.0,
            ),
            (r#"tollgate_refusals_total{reason="iam_denied"}"#, 1.0),
            (r#"tollgate_refusals_total{reason="stage_throttled"}"#, 1.0),
        ],
    );
}

#[tokio::test]
async fn limit_that_refuses_longest_has_its_name() {
    let seeds = r#"{"plans":{
            "both":{"throttle":{"rate":0.001,"burst":1},"quotas":[{"limit":1,"period":"total","name":"trial \"calls\" 100%"}]},
            "tried":{"shadow":true,"quotas":[{"limit":1,"period":"day"}]}},
        "keys":[{"key":"local-free-key-000000000001","key_id":"a","plan":"both"},
            {"key":"local-pro-key-0000000000001","key_id":"b","plan":"tried"}]}"#;
    let gateway = Setup::default().seeds(seeds).start().await;
    for key in [FREE, PRO] {
        for _ in 0..2 {
            gateway.get("/orders", key).await;
        }
    }
    logged(&gateway, 4).await;

    assert_values(
        &scrape(&gateway).await,
        &[
            (
                r#"tollgate_decisions_total{plan="both",decision="throttled",limit="trial \"calls\" 100%"}"#,
                1.0,
            ),
            (r#"tollgate_refusals_total{reason="quota_exceeded"}"#, 1.0),
            (
                r#"tollgate_decisions_total{plan="tried",decision="allowed",limit=""}"#,
                2.0,
            ),
            (
                r#"tollgate_shadow_denied_total{plan="tried",limit="day"}"#,
                1.0,
            ),
        ],
    );
}

#[tokio::test]
async fn request_and_its_connection_are_counted_while_they_are_open() {
    let release = Arc::new(Semaphore::new(0));
    let released = Arc::clone(&release);
    let backend = Backend::start(move |_| {
        let released = Arc::clone(&released);
        async move {
            drop(released.acquire().await);
            Response::new(Empty::new())
        }
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let in_flight = "tollgate_http_requests_in_flight";
    assert_values(&scrape(&gateway).await, &[(in_flight, 0.0)]);

    let request = gateway.call("GET", "/orders").header("x-api-key", PRO);
    let request = tokio::spawn(request.send());
    while backend.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    let text = scrape(&gateway).await;
    assert_values(&text, &[(in_flight, 1.0)]);
    assert!(value(&text, "tollgate_connections") >= Some(2.0), "{text}");

    release.add_permits(1);
    request.await.unwrap();
    // The two scrapes are logged too.
    logged(&gateway, 3).await;
    assert_values(&scrape(&gateway).await, &[(in_flight, 0.0)]);
}

#[tokio::test]
async fn request_whose_client_leaves_has_neither_a_status_nor_a_source() {
    let backend = Backend::start(|_| std::future::pending::<Response<Empty<_>>>()).await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let request = gateway.call("GET", "/orders").header("x-api-key", PRO);
    let request = tokio::spawn(request.send());
    while backend.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    request.abort();
    logged(&gateway, 1).await;

    let text = scrape(&gateway).await;
    assert_values(
        &text,
        &[
            (
                r#"tollgate_http_requests_total{route="ANY /{proxy+}",method="GET",status="none",source="none"}"#,
                1.0,
            ),
            ("tollgate_http_requests_in_flight", 0.0),
        ],
    );
    // The backend has neither responded nor failed.
    for family in ["upstream_duration", "gateway_duration", "incomplete"] {
        assert!(!text.contains(&format!("tollgate_{family}")), "{text}");
    }
}

/// Starts a backend that sends these bytes, and then ends the connection if `closes` is true.
async fn sending(bytes: &'static [u8], closes: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 8192]).await;
            let _ = stream.write_all(bytes).await;
            open.extend((!closes).then_some(stream));
        }
    });
    address
}

const INCOMPLETE: [&[u8]; 2] = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
];

#[tokio::test]
async fn response_that_the_backend_breaks_off_is_counted() {
    for (bytes, closes, timeout_ms, reason) in [
        (INCOMPLETE[0], true, 25_000, "backend"),
        (INCOMPLETE[1], true, 25_000, "backend"),
        (INCOMPLETE[0], false, 1_000, "timeout"),
    ] {
        let timeout = format!("TimeoutInMillis: {timeout_ms}");
        let gateway = Setup::default()
            .backend(sending(bytes, closes).await)
            .replace("TimeoutInMillis: 25000", &timeout)
            .start()
            .await;
        let request = format!("GET /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\n\r\n");
        raw(gateway.address, request).await;
        logged(&gateway, 1).await;

        let series = format!(
            r#"tollgate_incomplete_responses_total{{route="ANY /{{proxy+}}",reason="{reason}"}}"#
        );
        assert_values(&scrape(&gateway).await, &[(&series, 1.0)]);
    }
}

#[tokio::test]
async fn response_whose_client_leaves_is_counted() {
    let address = sending(INCOMPLETE[0], false).await;
    let gateway = Setup::default().backend(address).start().await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let request = format!("GET /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    client.read_exact(&mut [0; 16]).await.unwrap();
    drop(client);
    logged(&gateway, 1).await;

    let series = r#"tollgate_incomplete_responses_total{route="ANY /{proxy+}",reason="client"}"#;
    assert_values(&scrape(&gateway).await, &[(series, 1.0)]);
}

#[tokio::test]
async fn slow_upload_is_time_of_neither_the_upstream_nor_the_gateway() {
    const PAUSE: Duration = Duration::from_secs(2);
    let gateway = Setup::default().start().await;
    for (method, path) in [("POST", "/orders"), ("PUT", "/_tollgate/v1/plans/slow")] {
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {PRO}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(PAUSE).await;
        client.write_all(b"{}").await.unwrap();
        let mut response = Vec::new();
        client.read_to_end(&mut response).await.unwrap();
        assert!(response.starts_with(b"HTTP/1.1 2"), "{response:?}");
    }
    logged(&gateway, 2).await;

    let text = scrape(&gateway).await;
    for route in ["ANY /{proxy+}", "ANY /_tollgate/v1/{proxy+}"] {
        for part in ["upstream", "gateway"] {
            let series = format!(r#"tollgate_{part}_duration_seconds_sum{{route="{route}"}}"#);
            let seconds = value(&text, &series);
            assert!(
                seconds < Some(PAUSE.as_secs_f64() / 2.0),
                "{series}\n{text}"
            );
            assert!(seconds > Some(0.0), "{series}\n{text}");
        }
    }
}

#[tokio::test]
async fn addresses_are_in_no_label() {
    let policy =
        r#"{"rules":[{"match":"ANY /{proxy+}","auth":"none","plan":"free","limit_by":"ip"}]}"#;
    let gateway = Setup::default().policy(policy).start().await;
    gateway.call("GET", "/orders").send().await;
    logged(&gateway, 1).await;

    let text = scrape(&gateway).await;
    let caller = r#"tollgate_caller_decisions_total{caller="ip",plan="free",decision="allowed"}"#;
    assert_values(&text, &[(caller, 1.0)]);
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn complete_responses_are_not_counted_as_incomplete() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nabc",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n",
    ] {
        let gateway = Setup::default()
            .backend(sending(bytes, true).await)
            .start()
            .await;
        gateway.get("/orders", PRO).await;
        gateway
            .call("HEAD", "/orders")
            .header("x-api-key", PRO)
            .send()
            .await;
        gateway.call("GET", "/orders").send().await;
        logged(&gateway, 3).await;

        let text = scrape(&gateway).await;
        assert!(!text.contains("tollgate_incomplete"), "{text}");
    }
}

#[tokio::test]
async fn client_cannot_choose_the_text_of_a_label() {
    let gateway = Setup::default().start().await;
    let secret = "chosen-by-the-client";
    for (method, path) in [
        ("CHOSEN-BY-THE-CLIENT", "/orders"),
        ("GET", "/chosen-by-the-client?chosen-by-the-client"),
        ("GET", "/_tollgate/chosen-by-the-client"),
    ] {
        gateway
            .call(method, path)
            .header("user-agent", secret)
            .header("x-request-id", secret)
            .header("x-api-key", "chosen-by-the-client-000000000001")
            .header("x-tollgate-plan", secret)
            .send()
            .await;
    }
    logged(&gateway, 3).await;

    let text = scrape(&gateway).await;
    assert!(text.contains(r#"method="_OTHER""#), "{text}");
    assert!(!text.to_lowercase().contains(secret), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_store_and_its_breaker_are_shown() {
    let server = Emulator::ministack();
    let gateway = Setup::default()
        .endpoint(&format!("http://{}", server.address))
        .start()
        .await;
    gateway.get("/orders", FREE).await;
    let closed = scrape(&gateway).await;
    let state =
        |state| format!(r#"tollgate_circuit_breaker_state{{service="usage",state="{state}"}}"#);
    assert_values(
        &closed,
        &[
            (&state("closed"), 1.0),
            (&state("half_open"), 0.0),
            (&state("open"), 0.0),
        ],
    );
    let calls =
        r#"tollgate_api_calls_total{service="dynamodb",operation="UpdateItem",status="success"}"#;
    assert!(value(&closed, calls) >= Some(1.0), "{closed}");

    drop(server);
    let is_open = |text: &str| value(text, &state("open")) == Some(1.0);
    let mut text = closed;
    for _ in 0..100 {
        gateway.get("/orders", FREE).await;
        text = scrape(&gateway).await;
        if is_open(&text) {
            break;
        }
    }
    assert!(is_open(&text), "{text}");
    assert_values(&text, &[(&state("closed"), 0.0)]);
    let errors = r#"tollgate_api_errors_total{service="dynamodb",error_type="network"}"#;
    assert!(value(&text, errors) >= Some(1.0), "{text}");
}
