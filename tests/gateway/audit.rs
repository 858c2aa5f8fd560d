//! Audit records of changes that are made through the gateway.

use http::StatusCode;
use serde_json::{Value, json};
use testing::Emulator;
use tests::{Answer, Gateway, Setup};

async fn send(gateway: &Gateway, method: &str, path: &str, body: &Value) -> Answer {
    let call = gateway
        .call(method, &format!("/_tollgate/v1{path}"))
        .header("content-type", "application/json");
    call.body(body.to_string()).send().await
}

async fn records(gateway: &Gateway, query: &str) -> Vec<Value> {
    let path = format!("/_tollgate/v1/audit?{query}");
    let found = gateway.call("GET", &path).send().await;
    assert_eq!(found.status, StatusCode::OK);
    found.json()["items"].as_array().unwrap().clone()
}

async fn changes_are_recorded(gateway: &Gateway) {
    let plan = json!({"throttle": {"rate": 10, "burst": 20}});
    let made = send(gateway, "PUT", "/plans/team", &plan).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let new = json!({"plan": "team", "metadata": {"customer": "hush"}});
    let key = send(gateway, "POST", "/keys", &new).await.json();
    let key_id = key["key_id"].as_str().unwrap();
    let path = format!("/keys/{key_id}");
    let patched = send(gateway, "PATCH", &path, &json!({"enabled": false})).await;
    assert_eq!(patched.status, StatusCode::OK);
    let missing = send(gateway, "PATCH", &path, &json!({"plan": "missing"})).await;
    assert!(missing.status.is_client_error());

    let of_plan = records(gateway, "target=team&principal=local").await;
    assert_eq!(of_plan.len(), 1, "{of_plan:?}");
    assert_eq!(of_plan[0]["action"], "plan.put");
    assert_ne!(of_plan[0]["request_id"], "");

    let of_key = records(gateway, &format!("target={key_id}")).await;
    let shown: Vec<_> = of_key
        .iter()
        .map(|record| (&record["principal"], &record["action"], &record["target"]))
        .collect();
    let (local, target) = (json!("local"), json!(key_id));
    let actions = [json!("key.update"), json!("key.create")];
    assert_eq!(
        shown,
        [
            (&local, &actions[0], &target),
            (&local, &actions[1], &target)
        ]
    );
    assert_eq!(
        of_key[0]["changes"],
        json!({"/enabled": {"old": true, "new": false}})
    );
    assert_ne!(of_key[0]["request_id"], of_key[1]["request_id"]);

    let text = json!([of_plan, of_key]).to_string();
    let secret = key["key"].as_str().unwrap();
    assert!(!text.contains("hush") && !text.contains(secret), "{text}");
    let other = records(gateway, "target=team&principal=another").await;
    assert_eq!(other, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_through_the_gateway_are_recorded_in_memory() {
    changes_are_recorded(&Setup::default().start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_through_the_gateway_are_recorded_in_dynamodb() {
    let server = Emulator::ministack();
    let gateway = Setup::default().endpoint(&server.url()).start().await;
    changes_are_recorded(&gateway).await;
}
