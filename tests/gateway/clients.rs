//! What a client is answered, and why.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use tests::{Answer, Backend, FREE, Gateway, PRO, Setup, raw};

#[tokio::test]
async fn without_a_key_or_with_an_unknown_one_the_answer_is_401() {
    let gateway = Setup::default().start().await;
    let nobody = gateway.call("GET", "/orders").send().await;
    let stranger = gateway.get("/orders", "local-unknown-key-000000001").await;
    for answer in [nobody, stranger] {
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::UNAUTHORIZED, json!({"message": "Unauthorized"}))
        );
        assert!(answer.header("apigw-requestid").is_some());
    }
}

#[tokio::test]
async fn the_root_path_is_protected_too() {
    let gateway = Setup::default().start().await;
    assert_eq!(
        gateway.call("GET", "/").send().await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(gateway.get("/", PRO).await.status, StatusCode::OK);
}

/// Makes six calls within a second, which a busy machine may not manage at once. Returns the gateway
/// and the last response.
async fn refused_sixth_call() -> (Gateway, Answer) {
    loop {
        let gateway = Setup::default().start().await;
        let began = Instant::now();
        for _ in 0..5 {
            let answer = gateway.get("/orders", FREE).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header("retry-after"), None);
        }
        let answer = gateway.get("/orders", FREE).await;
        if began.elapsed() < Duration::from_secs(1) {
            return (gateway, answer);
        }
    }
}

#[tokio::test]
async fn the_sixth_call_within_a_second_on_the_free_plan_is_429_with_all_that_a_client_needs() {
    let (gateway, answer) = refused_sixth_call().await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some(r#""burst";q=5;w=5, "day";q=100;w=86400"#)
    );
    assert!(
        answer
            .header("ratelimit")
            .is_some_and(|field| field.starts_with(r#""burst";r=0;t=1, "day";r=95;t="#))
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        (&answer.json()["status"], &answer.json()["title"]),
        (&json!(429), &json!("Too Many Requests"))
    );
    // Real time, because a real server keeps it: this is the second that Retry-After names.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(gateway.get("/orders", FREE).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_pro_plans_month_is_told_and_falls() {
    let gateway = Setup::default().start().await;
    for left in ["999999", "999998", "999997"] {
        let answer = gateway.get("/orders", PRO).await;
        assert!(
            answer
                .header("ratelimit")
                .is_some_and(|field| field.contains(&format!(r#""month";r={left};"#))),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_public_route_asks_for_nothing_and_tells_no_limits() {
    let gateway = Setup::default().start().await;
    let answer = gateway.call("GET", "/health").send().await;
    assert_eq!(
        (answer.status, answer.header("ratelimit")),
        (StatusCode::OK, None)
    );
    assert_eq!(
        gateway.call("OPTIONS", "/orders").send().await.status,
        StatusCode::OK
    );
    assert_eq!(
        gateway.call("POST", "/health").send().await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_path_without_a_route_is_404_in_api_gateways_words() {
    let gateway = Setup::default()
        .replace("ANY /{proxy+}", "ANY /api/{proxy+}")
        .start()
        .await;
    let answer = gateway.get("/orders", PRO).await;
    assert_eq!(
        (answer.status, answer.json()),
        (StatusCode::NOT_FOUND, json!({"message": "Not Found"}))
    );
}

#[tokio::test]
async fn what_no_rule_matches_is_403() {
    let policy = r#"{"rules":[{"match":"GET /orders","auth":"any"},{"match":"GET /admin","auth":"any","scopes":["admin"]}]}"#;
    let gateway = Setup::default().policy(policy).start().await;
    assert_eq!(gateway.get("/orders", PRO).await.status, StatusCode::OK);
    for path in ["/other", "/admin"] {
        let answer = gateway.get(path, PRO).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::FORBIDDEN, json!({"message": "Forbidden"})),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_backend_learns_that_a_quota_is_nearly_used_up() {
    let seeds = r#"{"plans":{"p":{"quotas":[{"limit":4,"period":"month"}],"near_limit":0.5}},
                    "keys":[{"key":"local-other-key-00000000001","key_id":"k1","plan":"p"}]}"#;
    let gateway = Setup::default().seeds(seeds).start().await;
    let mut headers = Vec::new();
    for _ in 0..2 {
        let answer = gateway.get("/orders", "local-other-key-00000000001").await;
        headers.push(answer.echoed("x-tollgate-near-limit"));
    }
    assert_eq!(headers, [Some("false".to_owned()), Some("true".to_owned())]);
}

#[tokio::test]
async fn the_backend_is_told_who_calls_and_never_the_key() {
    let seeds = r#"{"plans":{"p":{}},"keys":[{"key":"local-other-key-00000000001","key_id":"k1","plan":"p","subject":"alice","scopes":["a","b"]}]}"#;
    let gateway = Setup::default().seeds(seeds).start().await;
    let answer = gateway.get("/orders", "local-other-key-00000000001").await;
    for (header, value) in [
        ("x-tollgate-decision", "allowed"),
        ("x-tollgate-user-id", "alice"),
        ("x-tollgate-issuer", "-"),
        ("x-tollgate-email", "-"),
        ("x-tollgate-roles", "-"),
        ("x-tollgate-key-id", "k1"),
        ("x-tollgate-plan", "p"),
        ("x-tollgate-scopes", "a b"),
        ("x-tollgate-auth", "api_key"),
        ("x-tollgate-near-limit", "false"),
    ] {
        assert_eq!(answer.echoed(header).as_deref(), Some(value), "{header}");
    }
    assert_eq!(answer.echoed("x-api-key"), None);
    assert_eq!(
        answer.echoed("x-request-id").as_deref(),
        answer.header("x-request-id")
    );
    assert_eq!(
        answer.header("x-request-id"),
        answer.header("apigw-requestid")
    );
    assert_eq!(answer.header("ratelimit"), None);
}

#[tokio::test]
async fn method_path_query_and_body_arrive_as_they_were_sent() {
    let gateway = Setup::default().start().await;
    let answer = gateway
        .call("PUT", "/a%20b/c:d?x=1&y&z=%20%26")
        .header("x-api-key", PRO)
        .body("text")
        .send()
        .await
        .json();
    assert_eq!(
        (
            &answer["method"],
            &answer["path"],
            &answer["query"],
            &answer["body"]
        ),
        (
            &json!("PUT"),
            &json!("/a%20b/c:d"),
            &json!("x=1&y&z=%20%26"),
            &json!("text")
        )
    );
}

#[tokio::test]
async fn older_and_unusual_requests_are_served() {
    let gateway = Setup::default().start().await;
    for request in [
        "GET /health HTTP/1.0\r\n\r\n",
        "GET http://other.test/health HTTP/1.1\r\nhost: api.test\r\nconnection: close\r\n\r\n",
        "\r\n\r\nGET /health HTTP/1.1\r\nhost: api.test\r\nconnection: close\r\n\r\n",
        "HEAD /orders HTTP/1.1\r\nhost: api.test\r\nx-api-key: local-pro-key-0000000000001\r\nconnection: close\r\n\r\n",
    ] {
        let answer = raw(gateway.address, request).await;
        assert!(answer.contains(" 200 OK"), "{request:?}: {answer}");
    }
}

#[tokio::test]
async fn requests_of_one_connection_are_answered_in_turn() {
    let gateway = Setup::default().start().await;
    let first = "POST /orders HTTP/1.1\r\nhost: api.test\r\nx-api-key: local-pro-key-0000000000001\r\ncontent-length: 3\r\n\r\nabc";
    let second = "GET /orders HTTP/1.1\r\nhost: api.test\r\n\r\n";
    let third = "GET /health HTTP/1.1\r\nhost: api.test\r\nconnection: close\r\n\r\n";
    let answers = raw(gateway.address, format!("{first}{second}{third}")).await;
    let statuses: Vec<&str> = answers
        .lines()
        .filter_map(|line| line.split_once("HTTP/1.1 "))
        .map(|(_, status)| status)
        .collect();
    assert_eq!(statuses, ["200 OK", "401 Unauthorized", "200 OK"]);
}

#[tokio::test]
async fn every_request_has_one_line_in_the_access_log() {
    let gateway = Setup::default().start().await;
    gateway.get("/orders/7", PRO).await;
    gateway.call("GET", "/orders").send().await;
    let log = loop {
        let log = gateway.log();
        if log.len() == 2 {
            break log;
        }
        tokio::task::yield_now().await;
    };
    let (served, refused) = (&log[0], &log[1]);
    for (name, value) in [
        ("route_key", "ANY /{proxy+}"),
        ("status", "200"),
        ("decision", "allowed"),
        ("plan", "pro"),
        ("key_id", "local-pro"),
        ("integration_status", "200"),
        ("error", "-"),
    ] {
        assert_eq!(served[name], value, "{name}");
    }
    for (name, value) in [
        ("status", "401"),
        ("decision", "-"),
        ("error", "Unauthorized"),
        ("integration_status", "-"),
    ] {
        assert_eq!(refused[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_early_is_in_the_access_log_too() {
    let backend = Backend::start(|_| {
        std::future::pending::<http::Response<http_body_util::Empty<bytes::Bytes>>>()
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let call = tokio::spawn(
        gateway
            .call("GET", "/orders")
            .header("x-api-key", PRO)
            .send(),
    );
    while backend.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    call.abort();
    let log = loop {
        if let Some(line) = gateway.log().pop() {
            break line;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (&log["decision"], &log["status"]),
        (&json!("allowed"), &json!("-"))
    );
}
