//! Limits under load, and who is limited.

use std::sync::Arc;

use http::StatusCode;
use tests::{Gateway, PRO, Setup};

const KEY: &str = "local-other-key-00000000001";

fn seeds(plan: &str) -> String {
    format!(r#"{{"plans":{{"p":{plan}}},"keys":[{{"key":"{KEY}","key_id":"k1","plan":"p"}}]}}"#)
}

async fn admitted_by(gateway: &Arc<Gateway>, clients: usize, calls: usize) -> usize {
    let client = |gateway: Arc<Gateway>| async move {
        let mut admitted = 0;
        for _ in 0..calls {
            let status = gateway.get("/orders", KEY).await.status;
            assert!(
                [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS].contains(&status),
                "{status}"
            );
            admitted += usize::from(status == StatusCode::OK);
        }
        admitted
    };
    let clients: Vec<_> = (0..clients)
        .map(|_| tokio::spawn(client(Arc::clone(gateway))))
        .collect();
    let mut admitted = 0;
    for client in clients {
        admitted += client.await.unwrap();
    }
    admitted
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_at_once_are_admitted_exactly_as_often_as_the_burst_allows() {
    let gateway = Setup::default()
        .seeds(&seeds(r#"{"throttle":{"rate":0.001,"burst":100}}"#))
        .start()
        .await;
    assert_eq!(admitted_by(&Arc::new(gateway), 64, 4).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_at_once_are_admitted_exactly_as_often_as_the_quota_allows() {
    let gateway = Setup::default()
        .seeds(&seeds(r#"{"quotas":[{"limit":70,"period":"month"}]}"#))
        .start()
        .await;
    assert_eq!(admitted_by(&Arc::new(gateway), 64, 2).await, 70);
}

#[tokio::test]
async fn a_plan_that_can_never_allow_it_is_403() {
    let gateway = Setup::default()
        .seeds(&seeds(r#"{"quotas":[{"limit":0,"period":"day"}]}"#))
        .start()
        .await;
    assert_eq!(
        gateway.get("/orders", KEY).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_public_path_can_be_limited_by_address() {
    let policy = r#"{"rules":[{"match":"POST /login","auth":"none","plan":"p","limit_by":"ip"},{"match":"ANY /{proxy+}","auth":"any"}]}"#;
    let gateway = Setup::default()
        .seeds(&seeds(r#"{"throttle":{"rate":0.001,"burst":2}}"#))
        .policy(policy)
        .start()
        .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(gateway.call("POST", "/login").send().await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(gateway.get("/orders", KEY).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stages_own_throttling_is_for_all_callers_of_a_route_together() {
    let gateway = Setup::default()
        // The parameter is at least 1, which refills within the test on a slow machine.
        .replace(
            "ThrottlingRateLimit: !Ref StageRateLimit",
            "ThrottlingRateLimit: 0.001",
        )
        .parameter("StageBurstLimit", "2")
        .start()
        .await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(gateway.get("/orders", PRO).await);
    }
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect::<Vec<_>>(),
        [200, 200, 429]
    );
    assert_eq!(
        answers[2].json(),
        serde_json::json!({"message": "Too Many Requests"})
    );
    assert_eq!(answers[2].header("retry-after"), None);
    assert_eq!(
        gateway.call("GET", "/health").send().await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_route_may_have_throttling_of_its_own() {
    let settings = "DefaultRouteSettings:";
    let own = "RouteSettings: {GET /health: {ThrottlingRateLimit: 0.001, ThrottlingBurstLimit: 1}}\n      DefaultRouteSettings:";
    let gateway = Setup::default().replace(settings, own).start().await;
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(gateway.call("GET", "/health").send().await.status.as_u16());
        statuses.push(gateway.get("/orders", PRO).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200]);
}
