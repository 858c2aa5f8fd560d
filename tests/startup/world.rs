//! What all functions find: an issuer, a store with a plan, an event with a token.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use calls::{AwsCalls, RecordLog, Timeouts};
use http::Response;
use http_body_util::Full;
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{Backend, project};
use usage::{DynamoDbConfig, DynamoDbStore, Seeds};

use crate::servers::Server;

const AUDIENCE: &str = "https://api.example";
const KEY_ID: &str = "RS256";
/// More than all runs take.
const PLAN: &str = r#"{"plans":{"bench":{"throttle":{"rate":100,"burst":1000}}}}"#;

/// The servers, which end with it, and what functions are told of them.
pub(crate) struct World {
    /// The functions' environment, the same for all.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// An HTTP API's event, format 2.0, with an RS256 token.
    pub(crate) event: String,
    _store: Server,
    _issuer: Backend,
}

impl World {
    pub(crate) async fn new() -> Self {
        let key = key();
        let key_set = Bytes::from(key_set(&key).to_string());
        let issuer = Backend::start(move |_| {
            let answer = Response::builder().header("content-type", "application/json");
            std::future::ready(answer.body(Full::new(key_set.clone())).expect("an answer"))
        })
        .await;
        let store = Server::ministack();
        let url = format!("http://{}", issuer.address);
        let settings = settings(&url, &format!("http://{}", store.address));
        fill(&settings).await;
        let event = event(&token(&key, &url));
        Self { settings, event, _store: store, _issuer: issuer }
    }
}

fn key() -> RsaKeyPair {
    let pem = std::fs::read_to_string(project().join("tests/vectors/keys/RS256.pem")).expect("a fixture key");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).expect("base64")).expect("an RSA key")
}

fn key_set(key: &RsaKeyPair) -> Value {
    let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
    let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number.big_endian_without_leading_zero()));
    json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e}]})
}

fn token(key: &RsaKeyPair, issuer: &str) -> String {
    let now = Timestamp::now().as_second();
    let header = json!({"alg": "RS256", "kid": KEY_ID, "typ": "at+jwt"});
    let claims =
        json!({"iss": issuer, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 3_600, "plan": "bench"});
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn event(token: &str) -> String {
    let text = std::fs::read_to_string(project().join("events/authorizer.token.json")).expect("an event");
    let mut event: Value = serde_json::from_str(&text).expect("JSON");
    event["headers"]["authorization"] = format!("Bearer {token}").into();
    event.to_string()
}

fn settings(issuer: &str, store: &str) -> Vec<(&'static str, String)> {
    let key_set = format!("{issuer}/jwks.json");
    let policy = json!({
        "issuers": [{"issuer": issuer, "audiences": [AUDIENCE], "jwks_uri": key_set, "plan_claim": "plan"}],
        "rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}]
    });
    let own = |text: &str| text.to_owned();
    vec![
        ("AUTH_POLICY", policy.to_string()),
        ("ISSUER", own(issuer)),
        ("AUDIENCE", own(AUDIENCE)),
        ("JWKS_URI", key_set),
        ("REGISTRY_TABLE", own("registry")),
        ("USAGE_TABLE", own("usage")),
        // The others have no deadline, and an emulator takes its time: nobody is to give up here.
        ("DECISION_DEADLINE_MS", own("10000")),
        ("AWS_ENDPOINT_URL", own(store)),
        ("AWS_REGION", own("us-east-1")),
        ("AWS_DEFAULT_REGION", own("us-east-1")),
        ("AWS_ACCESS_KEY_ID", own("test")),
        ("AWS_SECRET_ACCESS_KEY", own("test")),
        // The SDK for Node would tell of Node versions to come at each start.
        ("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", own("true")),
    ]
}

/// Makes the tables, and the one plan.
async fn fill(settings: &[(&'static str, String)]) {
    let lookup = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let aws = AwsCalls::load(lookup, Timeouts::default(), RecordLog::to(std::io::sink())).await.expect("settings");
    let store = DynamoDbStore::new(&aws, DynamoDbConfig::from_lookup(lookup).expect("settings"));
    store.create_tables().await.expect("tables");
    store.seed(&Seeds::parse(PLAN).expect("a plan")).await.expect("the plan is written");
}
