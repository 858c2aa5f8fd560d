//! Callers that an administrator has blocked.

use std::sync::Arc;

use authorizer::Config;
use jiff::{SignedDuration, Timestamp};
use limits::Caller;
use registry::{Block, BlockTarget, Condition};
use serde_json::{Value, json};
use store::Store;
use testing::FaultProxy;

use crate::support::*;
use crate::x509::*;

const KEY: &str = "local-pro-key-0000000000001";
const ADDRESS: &str = "192.0.2.10";

/// An authorizer that accepts keys, tokens and certificates, and has a public route.
fn authorizer_of_everybody(signer: &Signer) -> TestAuthorizer {
    let mut policy = policy(&signer.jwks());
    policy["mtls"] = json!({"default_plan": "pro", "user_from": "subject_dn"});
    policy["rules"] = json!([
        {"match": "GET /public", "auth": "none"},
        {"match": "ANY /{proxy+}", "auth": "any"},
    ]);
    authorizer(&policy)
}

fn target(kind: &str, id: &str) -> BlockTarget {
    BlockTarget::parse(kind, id).unwrap()
}

fn target_of(caller: &Caller) -> BlockTarget {
    let text = caller.to_string();
    let (kind, id) = text.split_once('#').unwrap();
    target(kind, id)
}

async fn block(authorizer: &TestAuthorizer, target: &BlockTarget, until: Option<Timestamp>) {
    let block = Block {
        target: target.clone(),
        until,
        note: Some("the note is for administrators".to_owned()),
        created_at: noon(),
    };
    let admin = authorizer.store().admin();
    admin
        .put_block(&block, &Condition::None, noon())
        .await
        .unwrap();
}

async fn unblock(authorizer: &TestAuthorizer, target: &BlockTarget) {
    let admin = authorizer.store().admin();
    admin
        .delete_block(target, &Condition::None, noon())
        .await
        .unwrap();
}

fn from_address(mut event: Value) -> Value {
    event["requestContext"]["http"]["sourceIp"] = ADDRESS.into();
    event
}

/// Requests of each kind of caller.
struct Requests {
    key: Value,
    token: Value,
    token_and_key: Value,
    certificate: Value,
    public: Value,
    anonymous: Value,
}

impl Requests {
    fn new(signer: &Signer) -> Self {
        let token = format!("Bearer {}", signer.token(&claims()));
        let get = |path: &str, headers: Value| from_address(event(path, headers));
        Self {
            key: get("/x", json!({"x-api-key": KEY})),
            token: get("/x", json!({"authorization": &token})),
            token_and_key: get("/x", json!({"authorization": &token, "x-api-key": KEY})),
            certificate: with_certificate(get("/x", json!({})), certificate_of("a")),
            public: get("/public", json!({})),
            anonymous: get("/x", json!({})),
        }
    }

    /// Returns the reason for each request, in the order of the fields.
    async fn reasons(&self, authorizer: &TestAuthorizer) -> [String; 6] {
        let reason = |event: &Value| reason_of(authorizer, event.clone());
        [
            reason(&self.key).await,
            reason(&self.token).await,
            reason(&self.token_and_key).await,
            reason(&self.certificate).await,
            reason(&self.public).await,
            reason(&self.anonymous).await,
        ]
    }
}

#[tokio::test]
async fn each_kind_of_block_stops_its_callers_and_no_others() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_of_everybody(&signer);
    let requests = Requests::new(&signer);
    let open = ["ok", "ok", "ok", "ok", "ok", "401"].map(str::to_owned);
    assert_eq!(requests.reasons(&authorizer).await, open);

    let subject = claims()["sub"].as_str().unwrap().to_owned();
    let encoded = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let certificate = context(&authorizer, requests.certificate.clone()).await;
    let holder = Caller::from_certificate(
        &certificate["user_id"].as_str().unwrap().replace("%20", " "),
        "CN=ca",
    );
    let cases = [
        (
            target("key", "local-pro"),
            [true, false, true, false, false],
        ),
        (
            target_of(&Caller::from_subject(ISSUER, &subject)),
            [false, true, true, false, false],
        ),
        (
            target("issuer", &encoded(ISSUER)),
            [false, true, true, false, false],
        ),
        (target_of(&holder), [false, false, false, true, false]),
        (target("ip", ADDRESS), [true; 5]),
        (target("ip", &encoded("192.0.2.0/24")), [true; 5]),
        (target("ip", &encoded("198.51.100.0/24")), [false; 5]),
    ];
    for (target, stopped) in cases {
        block(&authorizer, &target, None).await;
        let reasons = requests.reasons(&authorizer).await;
        let expected = stopped.map(|is_stopped| if is_stopped { "blocked" } else { "ok" });
        assert_eq!(reasons[..5], expected, "{target:?}");

        // The address is checked before credentials are.
        let of_anonymous = if stopped[4] { "blocked" } else { "401" };
        assert_eq!(reasons[5], of_anonymous, "{target:?}");

        unblock(&authorizer, &target).await;
        assert_eq!(requests.reasons(&authorizer).await, open, "{target:?}");
    }
}

#[tokio::test]
async fn issuer_is_blocked_by_the_iss_of_its_tokens_exactly() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let signer = Signer::of("ES256");
    let issuer = "https://issuer.example/\"a\\b\u{fc} c";
    let authorizer = authorizer_for_issuer(&signer, |entry| entry["issuer"] = issuer.into());
    let request = bearer_event(&signer.with(|claims| claims["iss"] = issuer.into()));
    let shown = context(&authorizer, request.clone()).await["issuer"].clone();

    for (blocked, expected) in [
        (shown.as_str().unwrap(), "ok"),
        (&issuer.to_uppercase(), "ok"),
        (issuer, "blocked"),
    ] {
        let target = target("issuer", &URL_SAFE_NO_PAD.encode(blocked));
        block(&authorizer, &target, None).await;
        let reason = reason_of(&authorizer, request.clone()).await;
        assert_eq!(reason, expected, "{blocked}");
        unblock(&authorizer, &target).await;
    }
}

#[tokio::test]
async fn block_ends_at_its_time() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_of_everybody(&signer);
    let key = Requests::new(&signer).key;
    let end = noon() + SignedDuration::from_secs(60);
    block(&authorizer, &target("key", "local-pro"), Some(end)).await;

    let before = end - SignedDuration::from_secs(1);
    assert_eq!(reason_at(&authorizer, key.clone(), before).await, "blocked");
    assert_eq!(reason_at(&authorizer, key, end).await, "ok");
}

#[tokio::test]
async fn refusal_names_the_kind_and_never_the_note() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_of_everybody(&signer);
    let key = Requests::new(&signer).key;
    block(&authorizer, &target("key", "local-pro"), None).await;

    let (response, line) = response_and_line(&authorizer, &key).await;
    let response = response.unwrap();
    assert_eq!(response["isAuthorized"], false);
    assert_eq!(
        [&line["reason"], &line["detail"], &line["key_id"]],
        ["blocked", "key", "local-pro"]
    );
    for text in [response.to_string(), line.to_string()] {
        assert!(!text.contains("administrators"), "{text}");
    }
}

#[tokio::test]
async fn block_applies_whatever_form_the_address_has() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_of_everybody(&signer);
    block(&authorizer, &target("ip", "192.0.2.10"), None).await;
    block(&authorizer, &target("ip", "2001:db8::1"), None).await;

    for (address, expected) in [
        ("192.0.2.10", "blocked"),
        ("::ffff:192.0.2.10", "blocked"),
        ("::FFFF:c000:020a", "blocked"),
        ("2001:0DB8:0:0::1", "blocked"),
        ("64:ff9b::c000:20a", "blocked"),
        ("2002:c000:20a::1", "blocked"),
        ("::c000:20a", "blocked"),
        ("64:ff9b::c000:20b", "ok"),
        ("192.0.2.11", "ok"),
        ("2001:db8::2", "ok"),
    ] {
        let mut public = event("/public", json!({}));
        public["requestContext"]["http"]["sourceIp"] = address.into();
        assert_eq!(reason_of(&authorizer, public).await, expected, "{address}");
    }
}

#[tokio::test]
async fn request_without_an_address_fails_while_a_network_is_blocked() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_of_everybody(&signer);
    let mut public = event("/public", json!({}));
    public["requestContext"]["http"]["sourceIp"] = "unknown".into();
    assert_eq!(reason_of(&authorizer, public.clone()).await, "ok");

    let network = target("ip", ADDRESS);
    let end = noon() + SignedDuration::from_secs(60);
    block(&authorizer, &network, Some(end)).await;
    let reason = reason_of(&authorizer, public.clone()).await;
    assert!(reason.contains("source address"), "{reason}");
    assert_eq!(reason_at(&authorizer, public, end).await, "ok");

    // These events never have an address.
    let token = json!({"type": "TOKEN", "authorizationToken": format!("Bearer {}", signer.token(&claims())),
        "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:abc123/live/GET/x"});
    assert_eq!(reason_of(&authorizer, token).await, "ok");
}

/// All secrets of a key have its id, also the one that a rotation replaced.
#[tokio::test]
async fn blocked_key_sees_no_usage_and_passes_no_rule() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_of_everybody(&signer);
    block(&authorizer, &target("key", "local-pro"), None).await;

    for path in ["/x", "/_tollgate/usage"] {
        let mut request = event(path, json!({"x-api-key": KEY}));
        request["routeKey"] = format!("GET {path}").into();
        request["pathParameters"] = Value::Null;
        assert_eq!(reason_of(&authorizer, request).await, "blocked", "{path}");
    }
}

/// The address of a port that refuses connections.
fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// An authorizer that reads from the table at this address.
async fn authorizer_at(url: &str, policy: Value) -> TestAuthorizer {
    let policy = policy.to_string();
    let config = Config::from_lookup(move |name| match name {
        "AUTH_POLICY" => Some(policy.clone()),
        "REGISTRY_TABLE" | "USAGE_TABLE" => Some("table".to_owned()),
        _ => None,
    })
    .unwrap();

    let aws = testing::stores::aws(url).await;
    let store = testing::stores::instance(&aws, testing::stores::TEST_DEADLINE);
    let store = Arc::new(Store::DynamoDb(Box::new(store)));
    TestAuthorizer::new(config, store, || {
        authorizer::http_calls(telemetry::RecordLog::to(std::io::sink()), aws::Reach::Local)
    })
}

#[tokio::test]
async fn request_fails_if_the_blocks_were_never_read() {
    let policy = json!({"rules": [{"match": "GET /public", "auth": "none"}]});
    let authorizer = authorizer_at(&closed_port(), policy).await;
    let reason = reason_of(&authorizer, event("/public", json!({}))).await;
    assert!(reason.contains("blocks"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_reads_the_blocks_once_and_nothing_when_warm() {
    let server = testing::Emulator::ministack();
    let proxy = FaultProxy::in_front_of(server.address).await;
    testing::stores::Subject::dynamodb("ministack", &proxy.url).await;
    let policy = json!({"rules": [
        {"match": "GET /public", "auth": "none"},
        {"match": "ANY /{proxy+}", "auth": "api_key"},
    ]});
    let authorizer = authorizer_at(&proxy.url, policy).await;
    let reads = || proxy.count("GetItem");

    let before = reads();
    let public = event("/public", json!({}));
    assert_eq!(reason_of(&authorizer, public.clone()).await, "ok");
    assert_eq!(reads() - before, 1, "the blocks");

    let key = event("/x", json!({"x-api-key": "local-free-key-000000000001"}));
    assert_eq!(reason_of(&authorizer, key.clone()).await, "ok");
    assert_eq!(reads() - before, 3, "the key and the plan too");

    for event in [&public, &key, &public, &key] {
        assert_eq!(reason_of(&authorizer, event.clone()).await, "ok");
    }
    assert_eq!(reads() - before, 3);
}
