//! Callers' questions about their own usage, which no load balancer answers.

use http::StatusCode;
use tests::{Answer, Gateway, Setup};

const KEY: &str = "local-other-key-00000000001";
const USAGE: &str = "/_tollgate/usage";

async fn gateway(plan: &str) -> Gateway {
    setup(plan).start().await
}

fn setup(plan: &str) -> Setup {
    let seeds = format!(
        r#"{{"plans":{{"p":{plan}}},"keys":[{{"key":"{KEY}","key_id":"k1","plan":"p"}}]}}"#
    );
    Setup::default().seeds(&seeds)
}

async fn statuses(gateway: &Gateway, path: &str, calls: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..calls {
        statuses.push(gateway.get(path, KEY).await.status.as_u16());
    }
    statuses
}

/// Lines of the access log that sound an alarm: a marked request that got another status than its
/// own.
fn unanswered(gateway: &Gateway) -> Vec<serde_json::Value> {
    let is_wrong = |line: &serde_json::Value| {
        let decision = line["decision"].as_str().unwrap_or_default();
        let expected = match decision {
            "throttled" => "429",
            "unavailable" => "503",
            _ => return false,
        };
        line["status"] != expected
    };
    gateway.log().into_iter().filter(is_wrong).collect()
}

fn is_a_problem(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.json()["reason"], reason);
}

#[tokio::test]
async fn a_token_sees_the_usage_that_administrators_see() {
    let gateway = gateway(r#"{"quotas":[{"limit":9,"period":"month"}]}"#).await;
    let token = tests::token("alice", Some("orders:read"), Some("p"));
    let token = format!("Bearer {token}");
    let own = || {
        let call = gateway.call("GET", USAGE).header("authorization", &token);
        call.header("x-tollgate-key-id", "k1").send()
    };
    let called = gateway
        .call("GET", "/orders")
        .header("authorization", &token);
    let called = called.send().await;
    assert_eq!(called.status, StatusCode::OK, "{called:?}");

    let report = own().await;
    assert_eq!(report.status, StatusCode::OK, "{report:?}");
    let report = report.json();
    assert_eq!(report["plan"], "p");
    assert_eq!(report["quotas"][0]["usage"].to_string(), "[1,8]");

    // No client can state a caller.
    let stated = gateway.call("GET", USAGE).header("authorization", &token);
    let stated = stated.header("x-tollgate-caller", "key#k1").send().await;
    assert_eq!(stated.status, StatusCode::FORBIDDEN);

    let query = "/_tollgate/v1/callers/sub?issuer=http://tollgate.local&subject=alice";
    let found = gateway.call("GET", query).send().await.json();
    let id = found["id"].as_str().unwrap();
    assert_eq!(report["caller"], format!("sub#{id}"));
    let path = format!("/_tollgate/v1/callers/sub/{id}/usage?plan=p");
    let seen = gateway.call("GET", &path).send().await.json();
    assert_eq!(seen["quotas"], report["quotas"]);
    assert_eq!(seen["days"], report["days"]);
    let days = seen["days"].as_array().unwrap();
    let calls = days.iter().map(|day| day["calls"].as_u64().unwrap());
    assert_eq!(calls.sum::<u64>(), 1);

    let granted = gateway
        .call("PATCH", &path)
        .header("content-type", "application/json")
        .body(r#"{"quota":"month","grant":5}"#);
    assert_eq!(granted.send().await.status, StatusCode::OK);
    let report = own().await.json();
    assert_eq!(report["quotas"][0]["usage"].to_string(), "[1,13]");
}

#[tokio::test]
async fn a_key_of_a_group_sees_the_quotas_of_the_group() {
    let seeds = r#"{"plans":{"p":{"quotas":[{"limit":9,"period":"day"}]}},"keys":[
        {"key":"local-other-key-00000000001","key_id":"k1","plan":"p","group":"acme"},
        {"key":"local-other-key-00000000002","key_id":"k2","plan":"p","group":"acme"}]}"#;
    let gateway = Setup::default().seeds(seeds).start().await;
    for number in ["1", "2", "2"] {
        let key = format!("local-other-key-0000000000{number}");
        let called = gateway.get("/orders", &key).await;
        assert_eq!(called.status, StatusCode::OK);
    }

    let report = gateway.get(USAGE, KEY).await.json();
    assert_eq!(report["key_id"], "k1");
    assert_eq!(report["quotas"][0]["usage"].to_string(), "[3,6]");
    let today = report["days"].as_array().unwrap().last().unwrap();
    assert_eq!(today["calls"], 1);
}

#[tokio::test]
async fn a_used_up_quota_leaves_five_queries_and_then_one_per_second() {
    let gateway = gateway(r#"{"quotas":[{"limit":1,"period":"month"}]}"#).await;
    assert_eq!(statuses(&gateway, "/orders", 3).await, [200, 429, 429]);

    let asked = gateway.get(USAGE, KEY).await;
    assert_eq!(
        (asked.status, asked.json()["quotas"][0]["usage"].to_string()),
        (StatusCode::OK, "[1,0]".to_owned())
    );
    let policy = asked.header("ratelimit-policy").unwrap();
    assert_eq!(policy, r#""GET /_tollgate/usage";q=5;w=5"#);
    let many = statuses(&gateway, USAGE, 30).await;
    let admitted = many.iter().filter(|status| **status == 200).count();
    // On a slow machine tokens come back meanwhile.
    assert!((4..20).contains(&admitted), "{many:?}");
    assert_eq!(unanswered(&gateway), [] as [serde_json::Value; 0]);
}

#[tokio::test]
async fn a_query_beyond_the_bucket_is_told_when_to_come_back() {
    let gateway = gateway(r#"{"routes":{"GET /_tollgate/usage":{"rate":0.01,"burst":1}}}"#).await;
    assert_eq!(statuses(&gateway, USAGE, 1).await, [200]);

    let refused = gateway.get(USAGE, KEY).await;
    is_a_problem(&refused, "rate_exceeded");
    assert_eq!(refused.header("retry-after"), Some("100"));
    assert_eq!(
        refused.header("ratelimit"),
        Some(r#""GET /_tollgate/usage";r=0;t=100"#)
    );
    assert_eq!(statuses(&gateway, "/orders", 1).await, [200]);
    assert_eq!(unanswered(&gateway), [] as [serde_json::Value; 0]);
}

#[tokio::test]
async fn a_throttled_key_or_token_is_429_and_sounds_no_alarm() {
    for plan in [
        r#"{"throttle":{"rate":0.001,"burst":1}}"#,
        r#"{"algorithm":"sliding_window","window_s":1000,"limit":1}"#,
        r#"{"throttle":{"rate":0.001,"burst":1},"shared_by_plan":true}"#,
    ] {
        let gateway = gateway(plan).await;
        let token = format!("Bearer {}", tests::token("alice", None, Some("p")));
        for (header, value) in [("x-api-key", KEY), ("authorization", token.as_str())] {
            for _ in 0..2 {
                gateway
                    .call("GET", "/orders")
                    .header(header, value)
                    .send()
                    .await;
            }
            for _ in 0..3 {
                let asked = gateway
                    .call("GET", USAGE)
                    .header(header, value)
                    .send()
                    .await;
                is_a_problem(&asked, "rate_exceeded");
                assert!(
                    asked
                        .header("retry-after")
                        .is_some_and(|seconds| seconds.parse::<u64>().unwrap() >= 1)
                );
            }
        }
        assert_eq!(unanswered(&gateway), [] as [serde_json::Value; 0], "{plan}");
    }
}

#[tokio::test]
async fn fields_of_limits_are_those_that_are_configured() {
    let plan = r#"{"throttle":{"rate":0.001,"burst":1}}"#;
    for (headers, expected) in [
        ("x-ratelimit", [false, true]),
        ("none", [false, false]),
        ("draft10", [true, false]),
    ] {
        let gateway = setup(plan)
            .parameter("RateLimitHeaders", headers)
            .start()
            .await;
        for status in [200, 429] {
            let asked = gateway.get(USAGE, KEY).await;
            assert_eq!(asked.status, status, "{headers}");
            let found =
                ["ratelimit", "x-ratelimit-remaining"].map(|name| asked.header(name).is_some());
            assert_eq!(found, expected, "{headers}");
            assert_eq!(
                asked.header("retry-after").is_some(),
                status == 429,
                "{headers}"
            );
            gateway.get("/orders", KEY).await;
        }
    }
}

#[tokio::test]
async fn a_throttled_query_is_forbidden_if_the_deployment_says_so() {
    let gateway = setup(r#"{"throttle":{"rate":0.001,"burst":1}}"#)
        .parameter("OnThrottle", "forbid")
        .start()
        .await;
    assert_eq!(statuses(&gateway, "/orders", 2).await, [200, 403]);
    assert_eq!(statuses(&gateway, USAGE, 2).await, [403, 403]);
}

#[tokio::test]
async fn an_odd_host_or_query_is_the_clients_mistake() {
    let gateway = Setup::default().start().await;
    for host in ["1.2.3.4.5", "127.0.0.1:99999", "xn--a", "a b", "[::1"] {
        let answer = gateway
            .call("GET", "/_tollgate/openapi.json")
            .header("host", host)
            .send()
            .await;
        assert!(
            [200, 400].contains(&answer.status.as_u16()),
            "{host}: {answer:?}"
        );
    }
    for query in ["limit=%22", "limit=%zz", "limit=%ff", "%00=1"] {
        let answer = gateway
            .call("GET", &format!("/_tollgate/v1/plans?{query}"))
            .send()
            .await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{query}: {answer:?}"
        );
    }
}
