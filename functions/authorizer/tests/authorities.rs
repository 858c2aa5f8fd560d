//! The certificate authorities that the binary trusts.

use testing::TrustTest;

const PROGRAM: &str = env!("CARGO_BIN_EXE_authorizer");
const CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "a"),
    ("AWS_SECRET_ACCESS_KEY", "b"),
];

#[test]
fn calls_of_aws_trust_only_the_authorities_of_the_file() {
    let [region, key, secret] = CREDENTIALS;
    let test = TrustTest {
        program: PROGRAM,
        settings: &[
            region,
            key,
            secret,
            ("AUTH_POLICY", "table:edge"),
            ("DECISION_DEADLINE_MS", "10000"),
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ],
        address: ("AWS_ENDPOINT_URL", ["", ""]),
        event: None,
    };
    test.file_replaces_the_built_in_authorities();
}

/// The signing keys are fetched at startup. The program then ends, because no runtime interface
/// is given. An issuer on loopback could not be called with one.
#[test]
fn issuers_may_use_an_additional_authority() {
    let test = TrustTest {
        program: PROGRAM,
        settings: &[("EMBEDDED_STORE", r#"{"plans":{"free":{}}}"#)],
        address: (
            "AUTH_POLICY",
            [
                r#"{"issuers":[{"issuer":""#,
                r#"","audiences":["api"],"default_plan":"free"}],"rules":[{"match":"GET /","auth":"jwt"}]}"#,
            ],
        ),
        event: None,
    };
    test.variable_adds_authorities("EXTRA_CA_CERTS");
    test.variable_adds_authorities("SSL_CERT_FILE");
}
