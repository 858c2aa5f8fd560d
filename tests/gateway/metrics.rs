//! The metrics of the local gateway, over HTTP.

use std::io::Read as _;
use std::sync::Arc;

use flate2::read::GzDecoder;
use http::{Response, StatusCode};
use http_body_util::Empty;
use testing::Emulator;
use tests::{Answer, Backend, FREE, Gateway, PRO, Setup};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn scrape(gateway: &Gateway) -> String {
    let answer = gateway.call("GET", "/_tollgate/metrics").send().await;
    assert_eq!(answer.status, StatusCode::OK);
    text(&answer)
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// Waits until so many requests have been logged, and therefore counted. The client may have a response
/// earlier.
async fn logged(gateway: &Gateway, requests: usize) {
    while gateway.log().len() < requests {
        tokio::task::yield_now().await;
    }
}

/// Returns the value of a series. `None` if it does not exist.
fn value(text: &str, series: &str) -> Option<f64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

fn assert_values(text: &str, expected: &[(&str, f64)]) {
    for (series, expected) in expected {
        assert_eq!(value(text, series), Some(*expected), "{series}\n{text}");
    }
}

#[tokio::test]
async fn requests_decisions_and_durations_are_counted_by_route_and_plan() {
    let gateway = Setup::default().start().await;
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
async fn request_whose_client_leaves_has_no_status_but_an_upstream_duration() {
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
                r#"tollgate_http_requests_total{route="ANY /{proxy+}",method="GET",status="none",source="gateway"}"#,
                1.0,
            ),
            (
                r#"tollgate_upstream_duration_seconds_count{route="ANY /{proxy+}"}"#,
                1.0,
            ),
            ("tollgate_http_requests_in_flight", 0.0),
        ],
    );
    assert!(
        !text.contains("tollgate_gateway_duration_seconds"),
        "{text}"
    );
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

#[tokio::test]
async fn prometheus_gets_open_metrics_with_exemplars_of_sampled_traces() {
    let gateway = Setup::default().start().await;
    for (trace, flags) in [("a", "01"), ("b", "00")] {
        let parent = format!("00-{}-{}-{flags}", trace.repeat(32), "c".repeat(16));
        gateway
            .call("GET", "/health")
            .header("traceparent", &parent)
            .send()
            .await;
    }
    logged(&gateway, 2).await;

    let answer = gateway
        .call("GET", "/_tollgate/metrics")
        .header(
            "accept",
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        )
        .send()
        .await;
    assert_eq!(answer.header("content-type"), Some(OPEN_METRICS));
    let text = text(&answer);
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let exemplar = format!(
        r#"# {{trace_id="{}",span_id="{}"}}"#,
        "a".repeat(32),
        "c".repeat(16)
    );
    assert!(text.contains(&exemplar), "{text}");
    assert!(!text.contains(&"b".repeat(32)), "{text}");
}

#[tokio::test]
async fn metrics_are_compressed_if_the_client_accepts_gzip() {
    let gateway = Setup::default().start().await;
    let answer = gateway
        .call("GET", "/_tollgate/metrics")
        .header("accept-encoding", "gzip")
        .send()
        .await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));

    let mut text = String::new();
    let mut decoder = GzDecoder::new(&answer.body[..]);
    decoder.read_to_string(&mut text).unwrap();
    assert!(text.contains("\ntollgate_build_info{version="), "{text}");
}

#[tokio::test]
async fn process_and_build_are_described() {
    let gateway = Setup::default().start().await;
    let text = scrape(&gateway).await;
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_threads",
    ] {
        let is_known = value(&text, name).is_some_and(|value| value > 0.0);
        assert!(is_known || !cfg!(target_os = "linux"), "{name}\n{text}");
    }
    let version = env!("CARGO_PKG_VERSION");
    let build = format!(r#"tollgate_build_info{{version="{version}"}}"#);
    assert_values(&text, &[(&build, 1.0)]);
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

#[tokio::test]
async fn the_gateways_own_pages_are_not_counted_as_requests() {
    let gateway = Setup::default().start().await;
    for path in ["/_tollgate/metrics", "/_tollgate/jwks.json"] {
        for method in ["GET", "HEAD"] {
            gateway.call(method, path).send().await;
        }
    }
    gateway
        .call("GET", "/_tollgate/metrics")
        .header("host", "evil.example")
        .send()
        .await;
    gateway.call("GET", "/health").send().await;
    logged(&gateway, 6).await;

    let text = scrape(&gateway).await;
    let counted: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("tollgate_http_requests_total"))
        .collect();
    assert_eq!(
        counted,
        [
            r#"tollgate_http_requests_total{route="GET /health",method="GET",status="200",source="backend"} 1"#
        ]
    );
}

#[tokio::test]
async fn own_pages_answer_head_as_get_without_a_body() {
    let gateway = Setup::default().start().await;
    for path in ["/_tollgate/metrics", "/_tollgate/jwks.json"] {
        let get = gateway.call("GET", path).send().await;
        let head = gateway.call("HEAD", path).send().await;
        assert_eq!(
            (get.status, head.status),
            (StatusCode::OK, StatusCode::OK),
            "{path}"
        );
        assert_eq!(
            get.header("content-type"),
            head.header("content-type"),
            "{path}"
        );
        assert!(!get.body.is_empty() && head.body.is_empty(), "{path}");
    }
    let elsewhere = gateway
        .call("HEAD", "/_tollgate/metrics")
        .header("origin", "http://evil.example")
        .send()
        .await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
}
