//! Plans, keys and usage through the gateway, as an administrator, a client and a stranger see it.

use std::process::Stdio;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tests::{Answer, FREE, Gateway, PRO, Setup};
use tokio::process::Command;

use testing::Emulator;

/// Long enough for a busy machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(600);

async fn send(gateway: &Gateway, method: &str, path: &str, body: &Value) -> Answer {
    let call = gateway
        .call(method, &format!("/_tollgate/v1{path}"))
        .header("content-type", "application/json");
    call.body(body.to_string()).send().await
}

async fn status(gateway: &Gateway, key: &str) -> u16 {
    gateway.get("/orders", key).await.status.as_u16()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_whole_life_shows_at_the_authorizer() {
    let gateway = Setup::default().start().await;
    let plan = json!({"throttle": {"rate": 100, "burst": 100}, "quotas": [{"limit": 1000, "period": "month"}]});
    assert_eq!(
        send(&gateway, "PUT", "/plans/team", &plan).await.status,
        StatusCode::CREATED
    );
    let made = send(
        &gateway,
        "POST",
        "/keys",
        &json!({"plan": "team", "subject": "alice"}),
    )
    .await;
    assert_eq!(made.status, StatusCode::CREATED);
    let (key_id, first) = (text(&made.json()["key_id"]), text(&made.json()["key"]));
    let served = gateway.get("/orders", &first).await;
    assert_eq!(
        (
            served.echoed("x-tollgate-plan").as_deref(),
            served.echoed("x-tollgate-key-id")
        ),
        (Some("team"), Some(key_id.clone()))
    );
    let rotated = send(
        &gateway,
        "POST",
        &format!("/keys/{key_id}/rotate"),
        &json!({"grace_s": 3600}),
    )
    .await;
    let second = text(&rotated.json()["key"]);
    assert_eq!(
        (
            status(&gateway, &first).await,
            status(&gateway, &second).await
        ),
        (200, 200)
    );
    let usage = gateway
        .call("GET", &format!("/_tollgate/v1/keys/{key_id}/usage"))
        .send()
        .await
        .json();
    assert_eq!(usage["quotas"][0]["usage"], json!([3, 997]));
    let own = gateway
        .call("GET", "/_tollgate/usage")
        .header("x-api-key", &second)
        .send()
        .await;
    assert_eq!(
        (own.status, &own.json()["quotas"][0]["usage"]),
        (StatusCode::OK, &json!([3, 997]))
    );
    send(
        &gateway,
        "PATCH",
        &format!("/keys/{key_id}"),
        &json!({"enabled": false}),
    )
    .await;
    assert_eq!(
        (
            status(&gateway, &first).await,
            status(&gateway, &second).await
        ),
        (401, 401)
    );
    send(
        &gateway,
        "PATCH",
        &format!("/keys/{key_id}"),
        &json!({"enabled": true}),
    )
    .await;
    send(
        &gateway,
        "POST",
        &format!("/keys/{key_id}/rotate"),
        &json!({"grace_s": 0}),
    )
    .await;
    assert_eq!(
        (
            status(&gateway, &first).await,
            status(&gateway, &second).await
        ),
        (401, 401)
    );
    assert_eq!(
        send(&gateway, "DELETE", &format!("/keys/{key_id}"), &Value::Null)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    let again = gateway
        .call("GET", &format!("/_tollgate/v1/keys/{key_id}"))
        .send()
        .await;
    assert_eq!(
        (again.status, again.header("content-type")),
        (StatusCode::NOT_FOUND, Some("application/problem+json"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_somebody_elses_in_a_browser_on_this_machine_administrates_nothing() {
    let gateway = Setup::default().start().await;
    let plans = || gateway.call("GET", "/_tollgate/v1/plans");
    let own = gateway.address.to_string();
    let own_page = |host: &str| {
        plans()
            .header("host", &own)
            .header("origin", &format!("http://{host}"))
    };
    for (call, expected) in [
        (plans(), 200),
        (own_page(&own), 200),
        (own_page(&own).header("sec-fetch-site", "same-origin"), 200),
        (own_page("localhost:5173"), 403),
        (own_page("127.0.0.1"), 403),
        (own_page(&own).header("origin", "http://evil.example"), 403),
        (plans().header("sec-fetch-site", "cross-site"), 403),
        (plans().header("sec-fetch-site", "same-site"), 403),
        (plans().header("host", "evil@127.0.0.1"), 403),
        (plans().header("origin", "http://evil.example"), 403),
        (plans().header("origin", "null"), 403),
        (plans().header("host", "evil.example:3000"), 403),
        (plans().header("host", "localhost:3000"), 200),
    ] {
        assert_eq!(call.send().await.status.as_u16(), expected);
    }
}

/// A tunnel on this machine connects from a loopback address, and may name this machine in `Host`.
#[tokio::test]
async fn administration_and_metrics_refuse_forwarded_requests() {
    let gateway = Setup::default().start().await;
    for path in ["/_tollgate/v1/plans", "/_tollgate/metrics"] {
        assert_eq!(
            gateway.call("GET", path).send().await.status,
            StatusCode::OK,
            "{path}"
        );
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-host", "public.example"),
            ("forwarded", "for=203.0.113.9"),
            ("via", "1.1 tunnel"),
            ("x-real-ip", "203.0.113.9"),
            ("cf-connecting-ip", "203.0.113.9"),
        ] {
            let forwarded = gateway.call("GET", path).header(name, value);
            assert_eq!(
                forwarded.send().await.status,
                StatusCode::FORBIDDEN,
                "{path} {name}"
            );
            // Naming the header in `Connection` does not hide it.
            let hidden = gateway
                .call("GET", path)
                .header(name, value)
                .header("connection", name);
            assert_eq!(
                hidden.send().await.status,
                StatusCode::FORBIDDEN,
                "{path} {name}, named in Connection"
            );
        }
    }
}

#[tokio::test]
async fn metrics_are_this_machines_own() {
    let gateway = Setup::default().start().await;
    let metrics = || gateway.call("GET", "/_tollgate/metrics");
    for (call, expected) in [
        (metrics(), 200),
        (metrics().header("origin", "http://evil.example"), 403),
        (metrics().header("host", "evil.example:3000"), 403),
        (metrics().header("host", "localhost:3000"), 200),
    ] {
        assert_eq!(call.send().await.status.as_u16(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_dynamodb_a_rotated_key_has_both_secrets_and_a_file_becomes_keys() {
    let server = Emulator::ministack();
    let gateway = Setup::default()
        .endpoint(&format!("http://{}", server.address))
        .start()
        .await;
    let made = send(&gateway, "POST", "/keys", &json!({"plan": "pro"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let (key_id, first) = (text(&made.json()["key_id"]), text(&made.json()["key"]));
    let rotated = send(
        &gateway,
        "POST",
        &format!("/keys/{key_id}/rotate"),
        &json!({}),
    )
    .await;
    let second = text(&rotated.json()["key"]);
    assert_eq!(
        (
            status(&gateway, &first).await,
            status(&gateway, &second).await
        ),
        (200, 200)
    );
    let file = "Name,Key,UsagePlanIds\nimported,imported-key-000000000001,pro\nwrong,short,pro\n";
    let import = gateway
        .call("POST", "/_tollgate/v1/keys/import")
        .header("content-type", "text/csv")
        .body(file);
    let outcome = import.send().await.json();
    assert_eq!(
        (&outcome["imported"], &outcome["errors"][0]["line"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(status(&gateway, "imported-key-000000000001").await, 200);
}

#[tokio::test]
async fn a_stranger_sees_the_description_alone() {
    let gateway = Setup::default().start().await;
    let description = gateway.call("GET", "/_tollgate/openapi.json").send().await;
    assert_eq!(
        (description.status, &description.json()["openapi"]),
        (StatusCode::OK, &json!("3.1.0"))
    );
    assert_eq!(
        gateway.call("GET", "/_tollgate/usage").send().await.status,
        StatusCode::UNAUTHORIZED
    );
    let token = format!("Bearer {}", tests::token("alice", None, None));
    let of_token = gateway
        .call("GET", "/_tollgate/usage")
        .header("authorization", &token)
        .header("x-tollgate-key-id", "local-pro")
        .send()
        .await;
    let report = of_token.json();
    assert_eq!(
        (of_token.status, report.get("key_id")),
        (StatusCode::OK, None)
    );
    let own = gateway
        .call("GET", "/_tollgate/usage")
        .header("x-api-key", FREE)
        .header("x-tollgate-key-id", "local-pro");
    assert_eq!(own.send().await.json()["key_id"], "local-free");
}

#[tokio::test]
async fn a_route_that_was_opened_by_mistake_administrates_nothing() {
    let gateway = Setup::default()
        .replace("AuthorizationType: AWS_IAM", "AuthorizationType: NONE")
        .start()
        .await;
    let answer = gateway.call("GET", "/_tollgate/v1/plans").send().await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_body_beyond_lambdas_limit_is_413_and_a_file_below_it_is_read() {
    let gateway = Setup::default().start().await;
    let import = |size: usize| {
        let call = gateway
            .call("POST", "/_tollgate/v1/keys/import")
            .header("content-type", "text/csv");
        call.body(format!("Name,Key\n{}\n", "x".repeat(size)))
            .send()
    };
    assert_eq!(import(5_000_000).await.json()["rejected"], 1);
    assert_eq!(
        import(6_400_000).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn without_leave_to_invoke_the_function_the_template_is_refused() {
    let setup = Setup::default().replace("${Id}/*/*/_tollgate/*", "${Id}/*/*/_tollgate/v1/*");
    let error = setup.try_start().await.err().unwrap().to_string();
    assert!(
        error.contains(
            "no AWS::Lambda::Permission lets `GET /_tollgate/usage` invoke LimiterFunction"
        ),
        "{error}"
    );
}

/// Returns the commands of all blocks in a section of the documentation, in their order.
fn commands(document: &str, heading: &str) -> String {
    let text = std::fs::read_to_string(tests::project().join(document)).unwrap();
    let (_, section) = text
        .split_once(&format!("\n## {heading}\n"))
        .expect("the section");
    let section = section.split("\n## ").next().unwrap();

    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_lifecycle_of_a_key_runs() {
    let gateway = Setup::default().start().await;
    let commands = commands("docs/getting-started.md", "The lifecycle of a key");
    assert!(commands.contains("http://127.0.0.1:3000"), "{commands}");
    let script = commands.replace(
        "http://127.0.0.1:3000",
        &format!("http://{}", gateway.address),
    );
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, bash.output())
        .await
        .unwrap()
        .unwrap();
    let (said, wrong) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{wrong}");
    let statuses: Vec<_> = said.lines().filter(|line| line.len() == 3).collect();
    assert_eq!(statuses, ["200", "200", "200", "401", "204"], "{said}");
}

/// The description without who may call: the local gateway asks its own machine for no signature.
fn without_security(mut description: Value) -> Value {
    description["components"]
        .as_object_mut()
        .unwrap()
        .remove("securitySchemes")
        .expect("security schemes");
    let paths = description["paths"].as_object_mut().unwrap().values_mut();
    for operation in paths.flat_map(|item| item.as_object_mut().unwrap().values_mut()) {
        operation
            .as_object_mut()
            .unwrap()
            .remove("security")
            .expect("who may call");
    }
    description
}

/// The usage of a deleted key stays readable, for invoices. All other checks are on by default;
/// `--checks all` would take precedence over this file.
const SCHEMATHESIS: &str = r#"
[[operations]]
include-path = "/_tollgate/v1/keys/{key_id}/usage"
checks.use_after_free.enabled = false
"#;

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_that_the_description_does_not_say() {
    let tool = tests::project().join(".venv/bin/schemathesis");
    assert!(tool.exists(), "schemathesis is not there: run make tools");
    let gateway = Setup::default().start().await;
    let folder = tempfile::tempdir().unwrap();
    let description = gateway
        .call("GET", "/_tollgate/openapi.json")
        .send()
        .await
        .json();
    let methods = |item: &Value| item.as_object().unwrap().len();
    let paths = description["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(methods).sum();
    std::fs::write(
        folder.path().join("openapi.json"),
        without_security(description).to_string(),
    )
    .unwrap();
    std::fs::write(folder.path().join("schemathesis.toml"), SCHEMATHESIS).unwrap();
    // A plan that does not exist is valid by the schema; who may call is API Gateway's to say; and
    // a method that a path does not know may be another route's.
    let left_out = "positive_data_acceptance,ignored_auth,unsupported_method";
    let mut run = Command::new(tool);
    run.current_dir(folder.path())
        .arg("run")
        .args([
            "openapi.json",
            "--url",
            &format!("http://{}", gateway.address),
        ])
        .args([
            "--exclude-checks",
            left_out,
            "--phases",
            "examples,coverage,fuzzing,stateful",
        ])
        .args([
            "--max-examples",
            "15",
            "--max-failures",
            "5",
            "--seed",
            "1",
            "--no-color",
        ])
        .args(["--header", &format!("x-api-key: {PRO}")])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, run.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.contains(&format!("Tested: {operations}\n")) && !said.contains(" 0 generated"),
        "{said}"
    );
}
