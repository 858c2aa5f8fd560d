//! The formats of the metrics, and the pages that are not counted.

use std::io::Read as _;

use flate2::read::GzDecoder;
use http::StatusCode;
use tests::Setup;

use crate::scrape::{assert_values, logged, scrape, text, value};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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
    // The header has to be unique.
    gateway
        .call("GET", "/health")
        .header(
            "traceparent",
            &format!("00-{}-{}-01", "d".repeat(32), "c".repeat(16)),
        )
        .header(
            "traceparent",
            &format!("00-{}-{}-01", "e".repeat(32), "c".repeat(16)),
        )
        .send()
        .await;
    logged(&gateway, 3).await;

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
    for trace in ["b", "d", "e"] {
        assert!(!text.contains(&trace.repeat(32)), "{text}");
    }
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
async fn many_scrapes_at_once_have_responses() {
    let gateway = Setup::default().start().await;
    let scrapes: Vec<_> = (0..40)
        .map(|_| tokio::spawn(gateway.call("GET", "/_tollgate/metrics").send()))
        .collect();
    for scrape in scrapes {
        assert_eq!(scrape.await.unwrap().status, StatusCode::OK);
    }
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
