//! The startup of the binary.

use std::process::Command;

use serde_json::Value;

#[test]
fn failed_startup_writes_the_records_of_its_calls() {
    let output = Command::new(env!("CARGO_BIN_EXE_authorizer"))
        .env_clear()
        .envs([
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            // Nothing listens there.
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AUTH_POLICY", "table:edge"),
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ])
        .output()
        .unwrap();

    assert!(!output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let records: Vec<_> = lines
        .iter()
        .filter_map(|line| line.get("api_calls"))
        .collect();
    assert_eq!(records.len(), 1, "{text}");
    assert_eq!(records[0][0]["service"], "dynamodb", "{text}");
    assert_eq!(records[0][0]["success"], false, "{text}");
}
