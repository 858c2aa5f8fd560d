//! The certificate authorities that the binary trusts.

use testing::{DnsResponse, DnsServer, TrustTest, private_addresses};

use crate::binary::TARGETS;

#[tokio::test]
async fn calls_trust_only_the_authorities_of_the_file() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let test = move || {
        let test = TrustTest {
            program: env!("CARGO_BIN_EXE_alb-sync"),
            settings: &[
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "a"),
                ("AWS_SECRET_ACCESS_KEY", "b"),
                ("SYNC_TARGETS", TARGETS),
                ("USAGE_TABLE", "u"),
                ("DNS_SERVERS", &names.address.to_string()),
            ],
            address: ("AWS_ENDPOINT_URL", ["", ""]),
            event: Some("{}"),
        };
        test.file_replaces_the_built_in_authorities();
    };
    tokio::task::spawn_blocking(test).await.unwrap();
}
