//! The startup of the binary.

use testing::FailedStart;

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
    start.assert_names("AUTH_POLICY", "the registry does not respond");
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
