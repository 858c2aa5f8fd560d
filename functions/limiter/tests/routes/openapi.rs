//! The OpenAPI description. These tests need the tools that `make tools` installs.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::Api;

#[test]
fn description_is_valid_openapi() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let validator = project.join(".venv/bin/openapi-spec-validator");
    assert!(
        validator.exists(),
        "openapi-spec-validator is missing: run make tools"
    );

    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("openapi-{}.json", std::process::id()));
    std::fs::write(&file, limiter::Limiter::openapi().to_string()).unwrap();

    let output = Command::new(validator)
        .args(["--schema", "3.1"])
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Returns the example of a request body.
fn example(method: &str, path: &str, media: &str) -> Value {
    let operation = &limiter::Limiter::openapi()["paths"][path][method];
    operation["requestBody"]["content"][media]["example"].clone()
}

#[tokio::test]
async fn every_example_can_be_sent() {
    let api = Api::embedded();
    let send = async |method: &str, path: &str, sent_path: &str| {
        let body = example(method, &format!("/_tollgate/v1{path}"), "application/json");
        let response = api.send(&method.to_uppercase(), sent_path, body).await;
        assert!(response.status < 300, "{method} {path}: {response:?}");
        response
    };
    send("put", "/plans/{plan}", "/plans/team").await;
    let key = send("post", "/keys", "/keys").await.json();
    let path = format!("/keys/{}", key["key_id"].as_str().unwrap());
    send("patch", "/keys/{key_id}/usage", &format!("{path}/usage")).await;
    send("post", "/keys/{key_id}/rotate", &format!("{path}/rotate")).await;
    send("post", "/keys/bulk", "/keys/bulk").await;
    send("patch", "/keys/{key_id}", &path).await;
    send("put", "/policies/{name}", "/policies/main").await;
    let candidate = "/policies/main/candidate";
    send("put", "/policies/{name}/candidate", candidate).await;
    send("put", "/compositions/{name}", "/compositions/main").await;
    send("put", "/blocks/{kind}/{id}", "/blocks/key/acme").await;
    let decision = send("post", "/decisions", "/decisions").await;
    assert_eq!(decision.json()["decision"], "allowed");

    let file = example("post", "/_tollgate/v1/keys/import", "text/csv");
    let imported = api
        .call("POST", "/keys/import")
        .body("text/csv", file.as_str().unwrap())
        .send()
        .await;
    assert_eq!(
        (imported.status, &imported.json()["imported"]),
        (200, &json!(1)),
        "{imported:?}"
    );
}
