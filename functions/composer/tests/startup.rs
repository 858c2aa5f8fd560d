//! The startup of the binary.

use testing::FailedStart;

const PROGRAM: &str = env!("CARGO_BIN_EXE_composer");
const POLICY: (&str, &str) = (
    "AUTH_POLICY",
    r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any"}]}"#,
);

#[test]
fn invalid_setting_is_one_line_that_names_it() {
    for (settings, variable, problem) in [
        (&[][..], "AUTH_POLICY", "is not set"),
        (&[POLICY], "COMPOSITIONS", "is not set"),
        (
            &[POLICY, ("COMPOSITIONS", r#"{"routes": {"GET /home": {}}}"#)],
            "COMPOSITIONS",
            "routes[\"GET /home\"]",
        ),
        (
            &[POLICY, ("COMPOSITIONS", "table:main")],
            "REGISTRY_TABLE",
            "is not set",
        ),
    ] {
        FailedStart::of(PROGRAM, settings).assert_names(variable, problem);
    }
}

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
            ("COMPOSITIONS", "table:main"),
            POLICY,
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ],
    );

    let mut records = start.lines.iter().filter_map(|line| line.get("api_calls"));
    let record = records.next().expect("a record");
    assert_eq!(record[0]["service"], "dynamodb", "{start:?}");
    assert_eq!(record[0]["success"], false, "{start:?}");
    start.assert_names("COMPOSITIONS", "");
}
