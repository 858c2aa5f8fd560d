use policy::KeyHeader;
use serde_json::{Value, json};
use testing::tokens::Signer;
use testing::{HttpReply, HttpServer, TlsServer};

use super::*;
use crate::before::tests::parameters;
use crate::verdict::Status;

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn calls() -> IssuerCalls {
    let calls = IssuerCalls::from_lookup(|_| None).unwrap();
    calls.with_reference("localhost")
}

fn offline() -> IssuerCalls {
    calls().with_reference("reference.invalid")
}

fn place() -> Place {
    Place {
        text: "AuthPolicy".to_owned(),
        is_in_vpc: false,
        has_ca_bundle: false,
    }
}

fn policy_of(document: &Value) -> Policy {
    Policy::parse(&document.to_string(), &KeyHeader::default(), &|_| None).unwrap()
}

fn issuer(iss: &str, more: &[(&str, Value)]) -> Value {
    let mut issuer = json!({"issuer": iss, "audiences": ["a"], "default_plan": "free"});
    for (name, value) in more {
        issuer[name] = value.clone();
    }
    json!({"issuers": [issuer], "rules": []})
}

/// Starts a provider with these documents.
fn provider(discovery: impl Fn(&str) -> Value, keys: &Value) -> HttpServer {
    let server = HttpServer::start();
    let document = discovery(&server.url());
    server.reply(&format!("GET {DISCOVERY}"), HttpReply::json(200, &document));
    server.reply("GET /keys", HttpReply::json(200, keys));
    server
}

fn correct(url: &str) -> Value {
    json!({"issuer": url, "jwks_uri": format!("{url}/keys")})
}

#[tokio::test]
async fn issuer_with_a_key_passes() {
    let server = provider(correct, &Signer::of("ES256").jwks());
    let url = server.url();
    let verdict = answers(&policy_of(&issuer(&url, &[])), &calls(), &place()).await;
    assert_eq!(verdict, Verdict::ok(format!("`{url}` has usable keys")));

    let by_address = issuer(
        "https://a.example",
        &[("jwks_uri", json!(format!("{url}/keys")))],
    );
    let verdict = answers(&policy_of(&by_address), &calls(), &place()).await;
    assert_eq!(verdict.status, Status::Ok);

    // No request has credentials.
    for request in server.requests() {
        assert!(
            !request.headers.contains_key("authorization"),
            "{}",
            request.target
        );
    }
}

#[tokio::test]
async fn keys_of_the_policy_are_not_fetched() {
    let document = issuer("https://a.invalid", &[("jwks", Signer::of("ES256").jwks())]);
    let verdict = answers(&policy_of(&document), &offline(), &place()).await;
    assert_eq!(
        verdict,
        Verdict::ok("the policy contains the keys of `https://a.invalid`")
    );

    let verdict = answers(&policy_of(&json!({"rules": []})), &calls(), &place()).await;
    assert_eq!(verdict.status, Status::NotApplicable);
}

/// The discovery document of a provider at an address, its keys, further fields of the policy, and the
/// problem.
type UnusableDocument = (
    fn(&str) -> Value,
    Value,
    Vec<(&'static str, Value)>,
    &'static str,
);

#[tokio::test]
async fn unusable_documents_are_reported() {
    let keys = Signer::of("ES256").jwks();
    let cases: [UnusableDocument; 5] = [
        (
            |url| json!({"issuer": format!("{url}/"), "jwks_uri": format!("{url}/keys")}),
            keys.clone(),
            vec![],
            "the discovery document is for issuer",
        ),
        (
            |url| json!({"issuer": url}),
            keys.clone(),
            vec![],
            "has no string `jwks_uri`",
        ),
        (
            |url| json!({"issuer": url, "jwks_uri": "http://keys.example.com/"}),
            keys.clone(),
            vec![],
            "`jwks_uri` is not https",
        ),
        (
            correct,
            json!({"keys": []}),
            vec![],
            "the key set is without a key that can be used",
        ),
        (
            correct,
            keys,
            vec![("algorithms", json!(["RS256"]))],
            "no key has one of the `algorithms` of the policy: RS256",
        ),
    ];
    for (discovery, keys, more, problem) in cases {
        let server = provider(discovery, &keys);
        let document = issuer(&server.url(), &more);
        let verdict = answers(&policy_of(&document), &calls(), &place()).await;
        assert_eq!(verdict.status, Status::Failed, "{problem}");
        let expected = format!("AuthPolicy: issuers[0] `{}`: ", server.url());
        assert!(
            verdict.details[0].starts_with(&expected),
            "{:?}",
            verdict.details
        );
        assert!(
            verdict.details[0].contains(problem),
            "{:?}",
            verdict.details
        );
    }
}

#[tokio::test]
async fn other_responses_are_reported() {
    let respond = |reply: HttpReply| async move {
        let server = HttpServer::start();
        server.reply(&format!("GET {DISCOVERY}"), reply);
        let policy = policy_of(&issuer(&server.url(), &[]));
        answers(&policy, &calls(), &place()).await
    };
    let verdict = respond(HttpReply::json(404, &json!({}))).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].ends_with("responded with status 404 Not Found, expected 200"));

    let large = json!({"issuer": "a".repeat(300 * 1_024)});
    let verdict = respond(HttpReply::json(200, &large)).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(
        verdict.details[0].ends_with("is larger than 262144 bytes"),
        "{:?}",
        verdict.details
    );

    let gzip = HttpReply::json(200, &json!({})).with_header("content-encoding", "gzip");
    let verdict = respond(gzip).await;
    assert_eq!(verdict.status, Status::NotProven);
}

#[tokio::test]
async fn unreachable_issuer_fails_only_if_there_is_a_network() {
    let policy = policy_of(&issuer("https://issuer.invalid", &[]));
    let verdict = answers(&policy, &calls(), &place()).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(
        verdict.details[0].contains("cannot resolve the name"),
        "{:?}",
        verdict.details
    );

    let verdict = answers(&policy, &offline(), &place()).await;
    assert_eq!(verdict.status, Status::NotChecked);
    assert!(
        verdict.details[0].contains("there is no network"),
        "{:?}",
        verdict.details
    );

    let in_vpc = Place {
        is_in_vpc: true,
        ..place()
    };
    let verdict = answers(&policy, &calls(), &in_vpc).await;
    assert_eq!(verdict.status, Status::NotChecked);
    assert!(
        verdict.details[0].contains("the authorizer in the VPC may"),
        "{:?}",
        verdict.details
    );
}

// The server has a runtime of its own.
#[test]
fn private_authority_must_be_given() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = TlsServer::start();
    let url = server.url("");
    server.reply(DISCOVERY, &correct(&url));
    server.reply("/keys", &Signer::of("ES256").jwks());
    let policy = policy_of(&issuer(&url, &[]));

    let verdict = runtime.block_on(answers(&policy, &calls(), &place()));
    assert_eq!(verdict.status, Status::Failed);
    assert!(
        verdict.details[0].contains("unknown CA"),
        "{:?}",
        verdict.details
    );

    let with_bundle = Place {
        has_ca_bundle: true,
        ..place()
    };
    let verdict = runtime.block_on(answers(&policy, &calls(), &with_bundle));
    assert_eq!(verdict.status, Status::NotChecked);
    assert!(
        verdict.details[0].contains("set EXTRA_CA_CERTS"),
        "{:?}",
        verdict.details
    );

    let file = TlsServer::authority_file();
    let trusting = IssuerCalls::from_lookup(|name| {
        (name == "EXTRA_CA_CERTS").then(|| file.display().to_string())
    });
    let verdict = runtime.block_on(answers(&policy, &trusting.unwrap(), &with_bundle));
    assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
}

#[tokio::test]
async fn name_of_the_introspection_endpoint_is_resolved() {
    let policy = |host: &str| {
        policy_of(&json!({
            "introspection": {
                "endpoint": format!("https://{host}/introspect"), "client_id": "c", "client_secret": "secret",
                "default_plan": "free",
            },
            "rules": [],
        }))
    };
    let verdict = answers(&policy("localhost"), &calls(), &place()).await;
    assert_eq!(verdict, Verdict::ok("localhost can be resolved"));

    let verdict = answers(&policy("server.invalid"), &calls(), &place()).await;
    assert_eq!(
        verdict,
        Verdict::failed("AuthPolicy: introspection.endpoint: server.invalid cannot be resolved")
    );
    let verdict = answers(&policy("server.invalid"), &offline(), &place()).await;
    assert_eq!(verdict.status, Status::NotChecked);
}

#[tokio::test]
async fn policy_without_issuers_needs_no_network() {
    assert_eq!(check(&parameters("")).await.status, Status::NotApplicable);
    let verdict = check(&parameters("AuthPolicy: table:edge")).await;
    assert_eq!(verdict.status, Status::NotChecked);
}
