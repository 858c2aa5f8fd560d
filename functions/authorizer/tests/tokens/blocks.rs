//! Callers that an administrator has blocked.

use authorizer::Config;
use jiff::{SignedDuration, Timestamp};
use limits::Caller;
use registry::{Block, BlockTarget, Condition};
use serde_json::{Value, json};

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

/// The address of a port that refuses connections.
fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn request_fails_if_the_blocks_were_never_read() {
    let policy = json!({"rules": [{"match": "GET /public", "auth": "none"}]}).to_string();
    let config = Config::from_lookup(move |name| match name {
        "AUTH_POLICY" => Some(policy.clone()),
        "REGISTRY_TABLE" | "USAGE_TABLE" => Some("table".to_owned()),
        _ => None,
    })
    .unwrap();
    let store = testing::stores::instance(
        &testing::stores::aws(&closed_port()).await,
        std::time::Duration::from_millis(200),
    );
    let store = std::sync::Arc::new(store::Store::DynamoDb(Box::new(store)));
    let authorizer = TestAuthorizer::new(config, store, || {
        authorizer::http_calls(telemetry::RecordLog::to(std::io::sink()), aws::Reach::Local)
    });

    let reason = reason_of(&authorizer, event("/public", json!({}))).await;
    assert!(reason.contains("blocks"), "{reason}");
}
