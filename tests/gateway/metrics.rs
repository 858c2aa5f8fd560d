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
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
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
        assert!(text.lines().any(|line| line == expected), "{expected}\n{text}");
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
