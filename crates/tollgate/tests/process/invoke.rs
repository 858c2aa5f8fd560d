//! `tollgate invoke`.

use crate::program::{run, text, tollgate};

#[test]
fn invoke_prints_responses() {
    let output = run(&["invoke", "authorizer", "events/authorizer.allowed.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(r#""isAuthorized":true"#));
    let twice = run(&[
        "invoke",
        "authorizer",
        "events/authorizer.throttled.json",
        "events/authorizer.throttled.json",
    ]);
    let decisions: Vec<bool> = text(&twice.stdout)
        .lines()
        .map(|line| line.contains(r#""decision":"throttled""#))
        .collect();
    assert_eq!(decisions, [false, true]);
}

#[test]
fn invoke_prefers_settings_of_the_environment() {
    let policy = r#"{"rules":[{"match":"ANY /{proxy+}","auth":"none"}]}"#;
    let output = tollgate(&[
        "invoke",
        "authorizer",
        "events/authorizer.missing-credentials.json",
    ])
    .env("AUTH_POLICY", policy)
    .output()
    .unwrap();
    assert!(
        text(&output.stdout).contains(r#""isAuthorized":true"#),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn invoke_prints_the_functions_error_and_exits_with_1() {
    for (event, error) in [
        (
            "missing-credentials",
            r#"{"errorType":"Unauthorized","errorMessage":"Unauthorized"}"#,
        ),
        ("fault", r#"{"errorType":"Fault","errorMessage":"event: "#),
    ] {
        let output = run(&[
            "invoke",
            "authorizer",
            &format!("events/authorizer.{event}.json"),
        ]);
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(1), String::new()),
            "{event}"
        );
        assert!(
            text(&output.stderr).contains(error),
            "{event}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn invoke_logs_as_the_deployed_function_does() {
    let output = run(&["invoke", "authorizer", "events/authorizer.unknown-key.json"]);
    let log = text(&output.stderr);
    let line = log
        .lines()
        .find(|line| line.contains("\"decided\""))
        .unwrap_or_else(|| panic!("{log}"));
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&event["level"], &event["reason"]),
        (&"INFO".into(), &"unknown_key".into())
    );
    assert!(
        event.get("fields").is_none() && event.get("target").is_none(),
        "{line}"
    );
}

#[test]
fn no_function_starts_with_authorities_that_cannot_be_read() {
    for function in [
        "alb-sync",
        "authorizer",
        "composer",
        "limiter",
        "metrics-publisher",
    ] {
        let output = tollgate(&["invoke", function, "events/authorizer.allowed.json"])
            .env("SSL_CERT_FILE", "/no/such.pem")
            .output()
            .unwrap();

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{function}: {stderr}");
        assert!(
            stderr.contains("SSL_CERT_FILE: /no/such.pem: No such file"),
            "{function}: {stderr}"
        );
    }
}
