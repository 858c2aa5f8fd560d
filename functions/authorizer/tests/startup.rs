//! The startup of the binary.

use std::net::TcpListener;

use serde_json::json;
use testing::{FailedStart, HttpReply, HttpServer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_authorizer");
const POLICY: &str = r#"{"rules":[{"match":"GET /","auth":"apikey"}]}"#;

#[test]
fn failed_startup_writes_the_records_of_its_calls() {
    let start = FailedStart::of(
        PROGRAM,
        &[
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            // Nothing listens there.
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AUTH_POLICY", "table:edge"),
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ],
    );

    let records: Vec<_> = start
        .lines
        .iter()
        .filter_map(|line| line.get("api_calls"))
        .collect();
    assert_eq!(records.len(), 1, "{start:?}");
    assert_eq!(records[0][0]["service"], "dynamodb", "{start:?}");
    assert_eq!(records[0][0]["success"], false, "{start:?}");
    start.assert_names(
        "AUTH_POLICY",
        "the policy is not cached, and cannot be read",
    );
}

#[test]
fn invalid_setting_is_one_line_that_names_it() {
    FailedStart::of(PROGRAM, &[]).assert_names("AUTH_POLICY", "is not set");
    FailedStart::of(PROGRAM, &[("AUTH_POLICY", POLICY)])
        .assert_names("AUTH_POLICY", "rules[0].auth: unknown v");
}

#[test]
fn invalid_log_level_is_a_warning_that_names_the_levels() {
    for (variable, value) in [
        ("AWS_LAMBDA_LOG_LEVEL", "INOF"),
        ("RUST_LOG", "authorizer=debug"),
    ] {
        let start = FailedStart::of(PROGRAM, &[(variable, value)]);
        let warning = &start.lines[0];

        assert_eq!(start.lines.len(), 2, "{start:?}");
        assert_eq!(
            (&warning["level"], &warning["variable"]),
            (&"WARN".into(), &variable.into())
        );
        assert_eq!(
            warning["error"],
            format!(
                "{variable}: invalid value {value:?}, expected trace, debug, info, warn, error, \
                 fatal or off"
            )
        );
    }
}

#[test]
fn error_of_the_start_is_logged_at_every_level_of_lambda() {
    for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] {
        let start = FailedStart::of(PROGRAM, &[("AWS_LAMBDA_LOG_LEVEL", level)]);
        start.assert_names("AUTH_POLICY", "is not set");
        assert_eq!(start.lines.len(), 1, "{start:?}");
    }
}

/// Starts the authorizer with a policy in a table at this endpoint.
fn start_with_table(endpoint: &str) -> FailedStart {
    FailedStart::of(
        PROGRAM,
        &[
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "hidden"),
            ("AWS_SESSION_TOKEN", "hidden"),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AUTH_POLICY", "table:edge"),
            // Enough for all attempts of a call and the pauses between them.
            ("DECISION_DEADLINE_MS", "2000"),
            ("REGISTRY_TABLE", "orders-registry"),
            ("USAGE_TABLE", "orders-usage"),
        ],
    )
}

#[test]
fn failed_call_of_the_table_is_named_by_its_error_code() {
    for (code, message, kind) in [
        (
            "AccessDeniedException",
            "User: arn:x is not authorized",
            "access_denied",
        ),
        (
            "ResourceNotFoundException",
            "Requested resource not found",
            "unknown",
        ),
        (
            "ExpiredTokenException",
            "The security token is expired",
            "expired_credentials",
        ),
        ("InvalidSignatureException", "hidden", "access_denied"),
    ] {
        let body =
            json!({"__type": format!("com.amazon.coral.service#{code}"), "message": message});
        let server = HttpServer::responding(move |_| HttpReply::json(400, &body));
        let start = start_with_table(&server.url());

        let expected = format!("GetItem on table orders-registry: {code}");
        start.assert_names("AUTH_POLICY", &expected);
        let warning = start
            .lines
            .iter()
            .find(|line| line["message"] == "a policy could not be read");
        let warning = warning.unwrap();
        assert_eq!(warning["reason"], code);
        assert_eq!(
            [
                &warning["service"],
                &warning["operation"],
                &warning["table"]
            ],
            ["dynamodb", "GetItem", "orders-registry"]
        );

        let text = format!("{start:?}");
        assert!(
            text.contains(&format!("\"error_type\": String(\"{kind}\")")),
            "{text}"
        );
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[test]
fn refused_connection_is_named_with_its_address() {
    start_with_table("http://127.0.0.1:1").assert_names(
        "AUTH_POLICY",
        "GetItem on table orders-registry: no connection to 127.0.0.1:1: connection refused",
    );
}

#[test]
fn missing_response_is_named_with_the_time_that_was_waited() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    start_with_table(&endpoint).assert_names(
        "AUTH_POLICY",
        "GetItem on table orders-registry: no response within ",
    );
}
