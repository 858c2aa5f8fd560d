//! The authentication of the authorizer at an introspection endpoint, and endpoints without TLS.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use authorizer::{Config, http_calls};
use aws::Reach;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use policy::{ClientAuth, KeyHeader, Policy};
use registry::Seeds;
use serde_json::{Value, json};
use store::{EmbeddedStore, Store};
use telemetry::RecordLog;

use crate::provider::{Provider, Reply};
use crate::support::*;

const PATH: &str = "/introspect";
const KEY: &str = "CLIENT_KEY";
/// The algorithms of client keys.
const CLIENT_ALGORITHMS: [&str; 4] = ["RS256", "ES256", "ES384", "EdDSA"];

fn pem(name: &str) -> String {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    std::fs::read_to_string(format!("{vectors}/{name}.pem")).unwrap()
}

/// An authorizer that introspects with the settings in `changes`, and whose client key is `pem`.
fn authorizer_with_key(provider: &Provider, pem: &str, changes: &Value) -> TestAuthorizer {
    let mut introspection = json!({"endpoint": provider.url(PATH), "auth": "private_key_jwt", "client_id": "tollgate",
        "client_key": format!("env:{KEY}"), "default_plan": "pro"});
    merge(&mut introspection, changes);
    authorizer_introspecting(
        &introspection,
        &[(KEY, pem), ("AWS_ENDPOINT_URL", &provider.url(""))],
        Reach::Local,
    )
}

fn merge(document: &mut Value, changes: &Value) {
    let changes = changes.as_object().unwrap().clone();
    document.as_object_mut().unwrap().extend(changes);
}

fn authorizer_introspecting(
    introspection: &Value,
    environment: &[(&str, &str)],
    reach: Reach,
) -> TestAuthorizer {
    let policy = json!({"introspection": introspection,
        "rules": [{"match": "ANY /{proxy+}", "auth": "any"}]});
    let mut settings: HashMap<String, String> = [
        ("AUTH_POLICY", policy.to_string().as_str()),
        ("EMBEDDED_STORE", r#"{"plans":{}}"#),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (name, value) in environment {
        settings.insert((*name).to_owned(), (*value).to_owned());
    }

    let config = Config::from_lookup(move |name| settings.get(name).cloned()).unwrap();
    let seeds = r#"{"plans":{"pro":{"throttle":{"rate":1000,"burst":1000}}}}"#;
    let store = Store::Embedded(EmbeddedStore::new(&Seeds::parse(seeds).unwrap()).unwrap());
    let calls = move || http_calls(RecordLog::to(std::io::sink()), reach);
    TestAuthorizer::new(config, Arc::new(store), calls)
}

async fn active_provider() -> Provider {
    let provider = Provider::start().await;
    provider.reply(PATH, Reply::json(&json!({"active": true, "sub": "alice"})));
    provider
}

/// Returns the form fields of the last introspection request.
fn form(provider: &Provider) -> HashMap<String, String> {
    form_of(&provider.last(PATH))
}

fn form_of(request: &str) -> HashMap<String, String> {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_lowercase().contains("authorization:"), "{head}");

    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    body.split('&')
        .map(|field| field.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

/// Verifies the last assertion as an authorization server does, and returns its claims.
fn verified_claims(provider: &Provider, signer: &Signer, audience: &str) -> Value {
    let form = form(provider);
    assert_eq!(form["client_id"], "tollgate");
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );

    let jwk: Jwk = serde_json::from_value(signer.jwk()).unwrap();
    let mut validation = Validation::new(signer.algorithm.parse::<Algorithm>().unwrap());
    validation.set_audience(&[audience]);
    validation.set_issuer(&["tollgate"]);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    // The clock of the test is not the system's, so the times are compared with it.
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    let claims = decode::<Value>(&form["client_assertion"], &key, &validation)
        .unwrap()
        .claims;

    assert_eq!(claims["sub"], "tollgate");
    assert_eq!(claims["iat"], noon().as_second());
    assert_eq!(claims["exp"], noon().as_second() + 60);
    claims
}

#[tokio::test]
async fn client_signs_a_new_assertion_for_each_request() {
    for algorithm in CLIENT_ALGORITHMS {
        let provider = active_provider().await;
        let pem = pem(&format!("keys/{algorithm}"));
        let authorizer = authorizer_with_key(&provider, &pem, &json!({}));
        authorizer.at(noon()).load_policy().await.unwrap();

        let mut ids = Vec::new();
        for token in ["one", "two"] {
            assert_eq!(reason_of(&authorizer, bearer_event(token)).await, "ok");
            let claims = verified_claims(&provider, &Signer::of(algorithm), &provider.url(PATH));
            ids.push(claims["jti"].as_str().unwrap().to_owned());
        }
        assert!(ids[0] != ids[1] && ids[0].len() >= 22, "{ids:?}");
    }
}

#[tokio::test]
async fn assertion_names_the_configured_audience_and_key() {
    let issuer = json!({"issuer": "https://auth.example.com"});
    let chosen = json!({"issuer": "https://auth.example.com", "client_key_id": "2026-11",
        "client_assertion_audience": "https://auth.example.com/token"});
    for (changes, audience, key_id) in [
        (issuer, "https://auth.example.com", None),
        (chosen, "https://auth.example.com/token", Some("2026-11")),
    ] {
        let provider = active_provider().await;
        let response = json!({"active": true, "sub": "alice", "iss": "https://auth.example.com"});
        provider.reply(PATH, Reply::json(&response));
        let authorizer = authorizer_with_key(&provider, &pem("keys/ES256"), &changes);

        assert_eq!(reason_of(&authorizer, bearer_event("opaque")).await, "ok");
        verified_claims(&provider, &Signer::of("ES256"), audience);
        let header = decode_header(&form(&provider)["client_assertion"]).unwrap();
        assert_eq!(header.kid.as_deref(), key_id);
    }
}

#[tokio::test]
async fn unusable_client_key_aborts_startup_and_is_not_shown() {
    for (key, expected) in [
        (
            "hush".to_owned(),
            "is not an unencrypted private key in PEM, expected PKCS#8, PKCS#1 or SEC1",
        ),
        (
            pem("client-keys/encrypted"),
            "is not an unencrypted private key",
        ),
        (
            pem("client-keys/rsa-1024"),
            "is not a supported private key, expected RSA with 2048",
        ),
        (pem("client-keys/p521"), "is not a supported private key"),
    ] {
        let provider = active_provider().await;
        let in_ssm = json!({"client_key": "ssm:/tollgate/client-key"});
        provider.reply("/", Reply::json(&json!({"Parameter": {"Value": key}})));
        for changes in [json!({}), in_ssm] {
            let authorizer = authorizer_with_key(&provider, &key, &changes);
            let error = authorizer.at(noon()).load_policy().await.unwrap_err();
            let error = error.to_string();
            let place = "AUTH_POLICY: introspection.client_key: ";
            assert!(
                error.starts_with(&format!("{place}{expected}")) && !error.contains("hush"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn refused_client_key_is_reloaded_at_once() {
    let provider = active_provider().await;
    let parameter = |key: &str| Reply::json(&json!({"Parameter": {"Value": pem(key)}}));
    provider.reply("/", parameter("keys/ES256"));
    let in_ssm = json!({"client_key": "ssm:/tollgate/client-key"});
    let authorizer = authorizer_with_key(&provider, "", &in_ssm);
    authorizer.at(noon()).load_policy().await.unwrap();

    provider.reply("/", parameter("keys/EdDSA"));
    let refused = Reply {
        status: "401 Unauthorized",
        ..Reply::json(&json!({"error": "invalid_client"}))
    };
    provider.reply_once(PATH, refused.clone());
    let reason = reason_at(&authorizer, bearer_event("opaque"), after(60)).await;
    assert_eq!((reason.as_str(), provider.requests(PATH)), ("ok", 2));
    let header = decode_header(&form(&provider)["client_assertion"]).unwrap();
    assert_eq!(header.alg, Algorithm::EdDSA);

    provider.reply(PATH, refused);
    let reason = reason_at(&authorizer, bearer_event("other"), after(61)).await;
    let expected = "introspection: the server refuses the client id or key: status 401";
    assert!(reason.starts_with(expected), "{reason}");
}

/// A server that received the first request has used up its assertion.
#[tokio::test]
async fn lost_response_is_followed_by_a_request_with_a_new_assertion() {
    let provider = active_provider().await;
    let lost = Reply {
        is_lost: true,
        ..Reply::json(&json!({}))
    };
    provider.reply_once(PATH, lost.clone());
    let authorizer = authorizer_with_key(&provider, &pem("keys/ES256"), &json!({}));
    assert_eq!(reason_of(&authorizer, bearer_event("opaque")).await, "ok");

    let assertions: HashSet<_> = provider
        .all(PATH)
        .iter()
        .map(|request| form_of(request)["client_assertion"].clone())
        .collect();
    assert_eq!((provider.requests(PATH), assertions.len()), (2, 2));

    provider.reply(PATH, lost);
    let reason = reason_of(&authorizer, bearer_event("other")).await;
    assert!(reason.starts_with("introspection: call to "), "{reason}");
    assert_eq!(provider.requests(PATH), 4);
}

#[tokio::test]
async fn plain_http_is_not_sent_to_names_outside_private_networks() {
    let provider = active_provider().await;
    let port = provider.address.port();
    // The resolver of the system takes these names for 127.0.0.1.
    for name in ["0x7f.1", "2130706433"] {
        for reach in [Reach::Local, Reach::Deployed] {
            let introspection = json!({"endpoint": format!("http://{name}:{port}{PATH}"), "insecure_http": true,
                "auth": "none", "default_plan": "pro"});
            let authorizer = authorizer_introspecting(&introspection, &[], reach);
            assert_eq!(
                reason_of(&authorizer, bearer_event("opaque")).await,
                "introspection: address refused: not a private address, expected one of RFC 1918 or a unique local address"
            );
        }
    }
    assert_eq!(provider.requests(PATH), 0);
}

/// Returns an RFC 1918 or unique local address of this machine, if it has one. Nothing is sent.
fn private_address() -> Option<IpAddr> {
    let source = |from: &str, to: &str| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let is_private = |address: &IpAddr| match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    [("0.0.0.0", "10.0.0.1"), ("::", "fc00::1")]
        .into_iter()
        .filter_map(|(from, to)| source(from, to))
        .find(is_private)
}

#[tokio::test]
async fn plain_http_reaches_a_private_address_if_the_policy_allows_it() {
    let Some(address) = private_address() else {
        // Without a private address, there is nothing to reach.
        return;
    };
    let provider = Provider::start_at(address).await;
    provider.reply(PATH, Reply::json(&json!({"active": true, "sub": "alice"})));
    let introspection = json!({"endpoint": provider.url(PATH), "insecure_http": true, "auth": "none",
        "default_plan": "pro"});
    for reach in [Reach::Local, Reach::Deployed] {
        let authorizer = authorizer_introspecting(&introspection, &[], reach);
        assert_eq!(reason_of(&authorizer, bearer_event("opaque")).await, "ok");
    }
    assert_eq!(provider.requests(PATH), 2);
}

#[tokio::test]
async fn plain_http_to_loopback_needs_no_permission_on_a_developers_machine() {
    let provider = active_provider().await;
    for insecure_http in [true, false] {
        let introspection = json!({"endpoint": provider.url(PATH), "insecure_http": insecure_http,
            "auth": "none", "default_plan": "pro"});
        let authorizer = authorizer_introspecting(&introspection, &[], Reach::Local);
        assert_eq!(reason_of(&authorizer, bearer_event("opaque")).await, "ok");

        let authorizer = authorizer_introspecting(&introspection, &[], Reach::Deployed);
        let reason = reason_of(&authorizer, bearer_event("opaque")).await;
        assert!(
            reason.starts_with("introspection: address refused: "),
            "{reason}"
        );
    }
}

#[test]
fn policies_of_the_guide_are_valid() {
    let guide = include_str!("../../../../docs/guides/introspection.md");
    let mut authentications = Vec::new();
    for block in guide.split("```json").skip(1) {
        let json = block.split("```").next().unwrap();
        let mut policy: Value = serde_json::from_str(json).unwrap();
        policy["rules"] = json!([{"match": "ANY /{proxy+}", "auth": "jwt"}]);
        let policy = Policy::parse(&policy.to_string(), &KeyHeader::default(), &|_| None);
        authentications.push(policy.unwrap().introspection.unwrap().auth);
    }
    assert_eq!(
        authentications,
        [
            ClientAuth::Basic,
            ClientAuth::PrivateKeyJwt,
            ClientAuth::None,
            ClientAuth::Basic
        ]
    );
}
