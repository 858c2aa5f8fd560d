//! What the gateway counts of what it serves.

use http::StatusCode;
use tests::{FREE, PRO, Setup};

#[tokio::test]
async fn requests_decisions_and_latencies_are_counted_by_route_and_plan() {
    let gateway = Setup::default().start().await;
    for _ in 0..6 {
        gateway.get("/orders", FREE).await;
    }
    gateway.get("/payments", PRO).await;
    gateway.call("GET", "/health").send().await;
    gateway.call("GET", "/orders").send().await;
    // A line is logged when its answer has been sent, which may be after it has been read.
    while gateway.log().len() < 9 {
        tokio::task::yield_now().await;
    }
    let answer = gateway.call("GET", "/_tollgate/metrics").send().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    for expected in [
        r#"tollgate_requests_total{route="ANY /{proxy+}",status_class="2xx"} 6"#,
        r#"tollgate_requests_total{route="ANY /{proxy+}",status_class="4xx"} 2"#,
        r#"tollgate_requests_total{route="GET /health",status_class="2xx"} 1"#,
        r#"tollgate_decisions_total{plan="free",decision="allowed"} 5"#,
        r#"tollgate_decisions_total{plan="free",decision="throttled"} 1"#,
        r#"tollgate_decisions_total{plan="pro",decision="allowed"} 1"#,
        r#"tollgate_latency_milliseconds_count{route="ANY /{proxy+}"} 8"#,
        r#"tollgate_authorizer_latency_milliseconds_count{route="ANY /{proxy+}"} 7"#,
        "tollgate_rejected_records_total 0",
    ] {
        assert!(
            text.lines().any(|line| line == expected),
            "{expected}\n{text}"
        );
    }
}

#[tokio::test]
async fn routes_of_the_policy_are_told_apart_where_the_api_has_one() {
    let policy = r#"{"rules":[{"match":"GET /orders","auth":"none"},{"match":"GET /payments/{id}","auth":"none"}]}"#;
    let gateway = Setup::default().policy(policy).start().await;
    for path in ["/orders", "/payments/1", "/payments/2"] {
        gateway.call("GET", path).send().await;
    }
    while gateway.log().len() < 3 {
        tokio::task::yield_now().await;
    }
    let answer = gateway.call("GET", "/_tollgate/metrics").send().await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    for expected in [
        r#"tollgate_requests_total{route="GET /orders",status_class="2xx"} 1"#,
        r#"tollgate_requests_total{route="GET /payments/{id}",status_class="2xx"} 2"#,
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("/payments/1"));
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
    while gateway.log().len() < 6 {
        tokio::task::yield_now().await;
    }
    let answer = gateway.call("GET", "/_tollgate/metrics").send().await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let counted: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("tollgate_requests_total"))
        .collect();
    assert_eq!(
        counted,
        [r#"tollgate_requests_total{route="GET /health",status_class="2xx"} 1"#]
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
