//! Client certificates, alone and bound to tokens: scenario 74.

use authorizer::Authorizer;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::*;

/// What API Gateway tells of a certificate; nothing here reads more than its bytes.
fn certificate(der: &str, subject: &str) -> Value {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
    json!({"clientCertPem": pem, "subjectDN": subject, "issuerDN": "CN=ca", "serialNumber": "1",
           "validity": {"notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Jan  1 00:00:00 2036 GMT"}})
}

fn with_certificate(mut event: Value, certificate: Value) -> Value {
    event["requestContext"]["authentication"] = json!({"clientCert": certificate});
    event
}

fn trusting_certificates(signer: &Signer) -> Authorizer {
    naming_holders_by(signer, "subject_dn")
}

fn naming_holders_by(signer: &Signer, part: &str) -> Authorizer {
    let mut policy = policy(&signer.jwks());
    policy["mtls"] = json!({"default_plan": "free", "user_from": part});
    policy["rules"].as_array_mut().unwrap().push(json!({"match": "ANY /mtls/{proxy+}", "auth": "mtls"}));
    authorizer(&policy)
}

#[tokio::test]
async fn a_certificate_is_a_caller_of_its_own() {
    let authorizer = trusting_certificates(&Signer::of("ES256"));
    let from = |subject: &str| with_certificate(event("/mtls/x", json!({})), certificate("der", subject));
    let context_of = |subject: &'static str| context(&authorizer, from(subject));
    let first = context_of("CN=a,O=Example Corp").await;
    assert_eq!(
        [&first["auth"], &first["user_id"], &first["plan"], &first["key_id"]],
        ["mtls", "CN=a,O=Example%20Corp", "free", "-"]
    );
    for _ in 0..4 {
        assert_eq!(context_of("CN=a,O=Example Corp").await["decision"], "allowed");
    }
    assert_eq!(context_of("CN=a,O=Example Corp").await["decision"], "throttled");
    assert_eq!(context_of("CN=b,O=Example Corp").await["decision"], "allowed");
}

#[tokio::test]
async fn the_holder_is_the_part_that_the_policy_names() {
    let signer = Signer::of("ES256");
    let (one, two) = (include_str!("certificates/one-of-each.pem"), include_str!("certificates/two-of-each.pem"));
    for (part, expected) in [
        ("subject_dn", ["O=Example", "O=Example"]),
        ("serial_number", ["1", "1"]),
        ("san_dns", ["orders.example.org", "401"]),
        ("san_uri", ["spiffe://example.org/orders", "401"]),
    ] {
        let authorizer = naming_holders_by(&signer, part);
        for (pem, expected) in [one, two].into_iter().zip(expected) {
            let mut certificate = certificate("der", "O=Example");
            certificate["clientCertPem"] = pem.into();
            let event = with_certificate(event("/mtls/x", json!({})), certificate);
            match expected {
                "401" => assert_eq!(said(&authorizer, event).await, "401", "{part}"),
                holder => assert_eq!(context(&authorizer, event).await["user_id"], holder, "{part}"),
            }
        }
    }
}

#[tokio::test]
async fn holders_of_one_name_and_different_issuers_are_different_callers() {
    let authorizer = naming_holders_by(&Signer::of("ES256"), "san_uri");
    let of_issuer = |issuer: &str| {
        let mut certificate = certificate("der", "");
        certificate["clientCertPem"] = include_str!("certificates/one-of-each.pem").into();
        certificate["issuerDN"] = issuer.into();
        context(&authorizer, with_certificate(event("/mtls/x", json!({})), certificate))
    };
    for _ in 0..5 {
        assert_eq!(of_issuer("CN=one").await["decision"], "allowed");
    }
    assert_eq!(of_issuer("CN=one").await["decision"], "throttled");
    assert_eq!(of_issuer("CN=other").await["decision"], "allowed");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_names_nobody() {
    let authorizer = naming_holders_by(&Signer::of("ES256"), "san_dns");
    assert_eq!(
        said(&authorizer, with_certificate(event("/mtls/x", json!({})), certificate("der", "CN=a"))).await,
        "401"
    );
}

#[tokio::test]
async fn a_certificate_is_a_credential_only_where_policy_and_rule_say_so() {
    let signer = Signer::of("ES256");
    let (with, without) = (trusting_certificates(&signer), trusting(&signer));
    for (path, expected) in [("/mtls/x", "ok"), ("/orders", "ok"), ("/jwt/x", "401"), ("/keys/x", "401")] {
        let event = with_certificate(event(path, json!({})), certificate("der", "CN=a"));
        assert_eq!(said(&with, event).await, expected, "{path}");
    }
    let event_of = |certificate| with_certificate(event("/orders", json!({})), certificate);
    assert_eq!(said(&without, event_of(certificate("der", "CN=a"))).await, "401");
    for nobodys in [certificate("der", ""), json!({}), Value::Null] {
        assert_eq!(said(&with, event_of(nobodys)).await, "401");
    }
    let key_alone = event("/mtls/x", json!({"x-api-key": PRO}));
    assert_eq!(said(&with, key_alone).await, "401");
}

#[tokio::test]
async fn another_credential_that_is_sent_has_to_hold_whatever_the_certificate_is() {
    let authorizer = trusting_certificates(&Signer::of("ES256"));
    for headers in [json!({"authorization": "Bearer a.b.c"}), json!({"x-api-key": "no-such-key-no-such-key"})] {
        let event = with_certificate(event("/orders", headers), certificate("der", "CN=a"));
        assert_eq!(said(&authorizer, event).await, "401");
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_holds_with_that_one_only() {
    let signer = Signer::of("ES256");
    let authorizer = trusting(&signer);
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"der"));
    let token = signer.with(|claims| claims["cnf"] = json!({"x5t#S256": thumbprint}));
    for _ in 0..2 {
        assert_eq!(said(&authorizer, with_certificate(bearing(&token), certificate("der", "CN=a"))).await, "ok");
        assert_eq!(said(&authorizer, with_certificate(bearing(&token), certificate("other", "CN=a"))).await, "401");
        assert_eq!(said(&authorizer, with_certificate(bearing(&token), json!({"clientCertPem": "x"}))).await, "401");
        assert_eq!(said(&authorizer, bearing(&token)).await, "401");
    }
    let more = signer.with(|claims| claims["cnf"] = json!({"x5t#S256": thumbprint, "jkt": "x"}));
    assert_eq!(said(&authorizer, with_certificate(bearing(&more), certificate("der", "CN=a"))).await, "401");
}
