//! The certificate authorities that the binary trusts.

use testing::TrustTest;

#[test]
fn calls_trust_only_the_authorities_of_the_file() {
    let test = TrustTest {
        program: env!("CARGO_BIN_EXE_limiter"),
        settings: &[
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ],
        address: ("AWS_ENDPOINT_URL", ["", ""]),
        event: Some(include_str!("../../../events/limiter.list-plans.json")),
    };
    test.file_replaces_the_built_in_authorities();
}
