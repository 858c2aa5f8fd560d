//! The certificate authorities that the binary trusts.

use testing::TrustTest;

const PROGRAM: &str = env!("CARGO_BIN_EXE_composer");
const POLICY: (&str, &str) = (
    "AUTH_POLICY",
    r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any"}]}"#,
);

#[test]
fn calls_of_aws_trust_only_the_authorities_of_the_file() {
    let test = TrustTest {
        program: PROGRAM,
        settings: &[
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            ("COMPOSITIONS", "table:main"),
            ("DECISION_DEADLINE_MS", "10000"),
            POLICY,
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ],
        address: ("AWS_ENDPOINT_URL", ["", ""]),
        event: None,
    };
    test.file_replaces_the_built_in_authorities();
}
