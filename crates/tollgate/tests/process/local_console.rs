//! The console of the local gateway.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{GatewayProcess, get, get_local, get_with, serve_in, tollgate};

const PRO: &str = "x-api-key: local-pro-key-0000000000001";
const FREE: &str = "x-api-key: local-free-key-000000000001";

/// Returns the document of an operation of the console.
fn read(address: SocketAddr, operation: &str) -> Value {
    let path = format!("/_tollgate/console/api/{operation}");
    let response = get_local(address, &path, "x-tollgate-console: local");
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[test]
fn banner_has_the_address_of_the_console() {
    let gateway = GatewayProcess::start(&[]);
    let line = gateway
        .banner
        .lines()
        .find(|line| line.starts_with("Console"));
    let expected = format!(
        "Console  http://{}/_tollgate/console, for browsers on this machine",
        gateway.address
    );
    assert_eq!(line, Some(&*expected));

    let page = get_local(gateway.address, "/_tollgate/console/", "accept: text/html");
    assert!(page.contains("<!doctype html>"), "{page}");
}

#[test]
fn banner_has_a_loopback_address_for_the_console() {
    let mut command = tollgate(&[]);
    let gateway = GatewayProcess::spawn_at(&mut command, "0.0.0.0:0");
    let port = gateway.address.port();
    let expected = format!("Console  http://127.0.0.1:{port}/_tollgate/console");
    assert!(gateway.banner.contains(&expected), "{}", gateway.banner);
}

#[test]
fn refusals_have_their_reasons_whatever_is_logged() {
    let mut command = tollgate(&["--log-format", "off"]);
    let gateway = GatewayProcess::spawn(command.env("RUST_LOG", "off"));
    let address = gateway.address;
    get_with(
        address,
        "/orders?secret=1",
        "x-api-key: unknown-key-000000000001",
    );
    get(address, "/orders");
    get_with(address, "/orders", PRO);

    let refusals = read(address, "refusals");
    let found: Vec<_> = refusals["items"].as_array().unwrap().iter().collect();
    let reasons: Vec<_> = found.iter().map(|it| &it["reason"]).collect();
    assert_eq!(
        reasons,
        ["missing_credentials", "unknown_key"],
        "{refusals}"
    );
    for (field, expected) in [
        ("status", json!(401)),
        ("method", json!("GET")),
        ("path", json!("/orders")),
        ("source_ip", json!("127.0.0.1")),
        ("route", json!("ANY /{proxy+}")),
    ] {
        assert_eq!(found[0][field], expected, "{refusals}");
    }
    assert!(!refusals.to_string().contains("secret"), "{refusals}");
}

#[test]
fn throttled_request_is_shown_within_a_second() {
    let gateway = GatewayProcess::start(&[]);
    let address = gateway.address;
    while !get_with(address, "/orders", FREE).starts_with("HTTP/1.1 429") {}
    let throttled_at = Instant::now();
    while read(address, "overview")["totals"]["throttled"] != 1 {
        assert!(throttled_at.elapsed() < Duration::from_secs(1));
    }

    let refusals = read(address, "refusals?key_id=local-free&reason=rate_exceeded");
    let refusal = &refusals["items"][0];
    assert_eq!(refusal["status"], 429, "{refusals}");
    assert_eq!(refusal["limit"], "burst", "{refusals}");
    assert_eq!(refusal["plan"], "free", "{refusals}");
    assert!(refusal["retry_after_s"].as_u64() >= Some(1), "{refusals}");
    assert_eq!(
        read(address, "refusals?key_id=local-pro")["items"],
        json!([])
    );

    let decisions = &read(address, "overview")["decisions"];
    assert_eq!(decisions[0]["plan"], "free", "{decisions}");
    assert_eq!(decisions[0]["throttled"], 1, "{decisions}");
}

#[test]
fn policy_in_force_is_shown_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{
  "introspection": {"endpoint": "https://idp.example/introspect", "client_id": "me",
                    "client_secret": "hunter2", "default_plan": "free"},
  "rules": [{"match": "ANY /{proxy+}", "auth": "any"}]
}"#;
    let path = folder.path().join("policy.json");
    std::fs::write(&path, text).unwrap();
    let arguments = [
        "--policy",
        path.to_str().unwrap(),
        "--parameter",
        "KeyHeader=api-key",
    ];
    let gateway = serve_in(folder.path(), &arguments, &[]);

    let policy = read(gateway.address, "policy");
    assert_eq!(policy["text"], text.replace("hunter2", "…"));
    let target = read(gateway.address, "target");
    assert_eq!(target["key_header"], "api-key", "{target}");
    let source = json!({"kind": "file", "name": path.to_str().unwrap()});
    assert_eq!(
        (&target["policy_source"], &policy["source"]),
        (&source, &source)
    );
}

#[test]
fn policy_of_the_template_trusts_the_local_issuer() {
    let gateway = GatewayProcess::start(&[]);
    let policy = read(gateway.address, "policy");
    assert_eq!(
        policy["source"],
        json!({"kind": "template", "name": "template.yaml"})
    );

    let text: Value = serde_json::from_str(policy["text"].as_str().unwrap()).unwrap();
    assert!(
        text["rules"].is_array() && text["issuers"].is_array(),
        "{text}"
    );
}
