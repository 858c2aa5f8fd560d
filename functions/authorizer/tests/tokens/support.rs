//! Tokens of issuers, signed by aws-lc-rs and not by the library under test.

use std::sync::{Arc, Mutex};

use authorizer::{Authorizer, Config, Failure, http_calls};
use aws::{HttpCalls, Reach};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use store::{EmbeddedStore, Store, StoreConfig};
use telemetry::RecordLog;

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
pub(crate) const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];
/// The API key of plan `pro` in the settings of the events.
pub(crate) const PRO: &str = "local-pro-key-0000000000001";

/// The time at which tests start.
pub(crate) fn noon() -> Timestamp {
    Timestamp::from_second(1_795_348_800).unwrap()
}

/// Returns a time after noon.
pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(noon().as_second() + seconds).unwrap()
}

/// A key pair that signs tokens.
pub(crate) struct Signer {
    pub(crate) algorithm: &'static str,
    pub(crate) kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair),
}

fn pkcs8(algorithm: &str) -> Vec<u8> {
    let path = format!(
        "{}/../../tests/vectors/keys/{algorithm}.pem",
        env!("CARGO_MANIFEST_DIR")
    );
    let pem = std::fs::read_to_string(path).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(base64).unwrap()
}

impl Signer {
    /// The fixture key of an algorithm, with the algorithm as its `kid`.
    pub(crate) fn of(algorithm: &'static str) -> Self {
        let key = pkcs8(algorithm);
        let rsa = |encoding| Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&key).unwrap()), encoding);
        let pair = match algorithm {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "ES256" => Pair::Ec(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key).unwrap(),
                "P-256",
            ),
            "ES384" => Pair::Ec(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &key).unwrap(),
                "P-384",
            ),
            _ => Pair::Ed(Ed25519KeyPair::from_pkcs8(&key).unwrap()),
        };
        Self {
            algorithm,
            kid: algorithm.to_owned(),
            pair,
        }
    }

    /// A new P-256 key.
    pub(crate) fn fresh(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            algorithm: "ES256",
            kid: kid.to_owned(),
            pair: Pair::Ec(pair, "P-256"),
        }
    }

    /// The same key with another `kid`.
    pub(crate) fn named(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair, _) => {
                let key = pair.public_key();
                let (n, e) = (
                    key.modulus().big_endian_without_leading_zero(),
                    key.exponent(),
                );
                json!({"kty": "RSA", "kid": self.kid, "n": text(n), "e": text(e.big_endian_without_leading_zero())})
            }
            Pair::Ec(pair, curve) => {
                let (x, y) =
                    pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
                json!({"kty": "EC", "crv": curve, "kid": self.kid, "x": text(x), "y": text(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": text(pair.public_key().as_ref())})
            }
        }
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [self.jwk()]})
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with exactly this header and these claims.
    pub(crate) fn raw(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt"})
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.raw(&self.header().to_string(), &claims.to_string())
    }

    /// A valid token with changed claims.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims();
        change(&mut claims);
        self.token(&claims)
    }

    /// A valid token with a changed header.
    pub(crate) fn with_header(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.header();
        change(&mut header);
        self.raw(&header.to_string(), &claims().to_string())
    }
}

/// Claims that are valid at noon.
pub(crate) fn claims() -> Value {
    let now = noon().as_second();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 3_600, "scope": "orders:read",
           "plan": "pro"})
}

/// An authorizer with a clock that the test sets. It starts at noon.
pub(crate) struct TestAuthorizer {
    authorizer: Authorizer,
    clock: Arc<Mutex<Timestamp>>,
}

impl TestAuthorizer {
    pub(crate) fn new(
        config: Config,
        store: Arc<Store>,
        calls: impl Fn() -> HttpCalls + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(Mutex::new(noon()));
        let now = Arc::clone(&clock);

        Self {
            authorizer: Authorizer::with_clock(config, store, calls, move || *now.lock().unwrap()),
            clock,
        }
    }

    /// Sets the clock, and returns the authorizer.
    pub(crate) fn at(&self, now: Timestamp) -> &Authorizer {
        *self.clock.lock().unwrap() = now;
        &self.authorizer
    }
}

/// A policy with one issuer and these keys.
pub(crate) fn policy(jwks: &Value) -> Value {
    json!({
        "issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": jwks, "plan_claim": "plan", "default_plan": "free"}],
        "rules": [{"match": "ANY /admin/{proxy+}", "auth": "jwt", "scopes": ["admin:read", "admin:write"]},
                  {"match": "ANY /keys/{proxy+}", "auth": "api_key"},
                  {"match": "ANY /jwt/{proxy+}", "auth": "jwt"},
                  {"match": "ANY /{proxy+}", "auth": "any"}]
    })
}

/// An authorizer with this policy, and the plans and keys in the settings of the events.
pub(crate) fn authorizer(policy: &Value) -> TestAuthorizer {
    authorizer_recording(policy, RecordLog::to(std::io::sink()))
}

/// An authorizer like [`authorizer`] that writes call records.
pub(crate) fn authorizer_recording(policy: &Value, records: RecordLog) -> TestAuthorizer {
    let settings: Value =
        serde_json::from_str(include_str!("../../../../events/env.json")).unwrap();
    let policy = policy.to_string();
    let config = Config::from_lookup(move |name| match name {
        "AUTH_POLICY" => Some(policy.clone()),
        name => settings["AuthorizerFunction"][name]
            .as_str()
            .map(str::to_owned),
    })
    .unwrap();
    let StoreConfig::Embedded(seeds) = &config.store else {
        panic!("the settings have an embedded store")
    };
    let store = Store::Embedded(EmbeddedStore::new(seeds).unwrap());
    TestAuthorizer::new(config, Arc::new(store), move || {
        http_calls(records.clone(), Reach::Local)
    })
}

/// An event with these headers.
pub(crate) fn event(path: &str, headers: Value) -> Value {
    let mut event: Value = serde_json::from_str(include_str!(
        "../../../../events/authorizer.missing-credentials.json"
    ))
    .unwrap();
    event["pathParameters"]["proxy"] = path.trim_start_matches('/').into();
    event["headers"] = headers;
    event
}

pub(crate) fn bearer_event(token: &str) -> Value {
    event(
        "/orders",
        json!({"authorization": format!("Bearer {token}")}),
    )
}

/// Returns the outcome at noon: the `reason` in the context, `401`, or the fault.
pub(crate) async fn reason_of(authorizer: &TestAuthorizer, event: Value) -> String {
    reason_at(authorizer, event, noon()).await
}

/// Returns the response as API Gateway reads it.
pub(crate) async fn handle_at(
    authorizer: &TestAuthorizer,
    event: &Value,
    now: Timestamp,
) -> Result<Value, Failure> {
    let response = authorizer
        .at(now)
        .handle(&to_raw_value(event).unwrap())
        .await?;
    Ok(serde_json::from_str(response.get()).unwrap())
}

pub(crate) async fn reason_at(authorizer: &TestAuthorizer, event: Value, now: Timestamp) -> String {
    match handle_at(authorizer, &event, now).await {
        Ok(response) => response["context"]["reason"].as_str().unwrap().to_owned(),
        Err(Failure::Unauthorized) => "401".to_owned(),
        Err(Failure::Fault(problem)) => problem,
    }
}

pub(crate) async fn context(authorizer: &TestAuthorizer, event: Value) -> Value {
    handle_at(authorizer, &event, noon()).await.unwrap()["context"].take()
}

pub(crate) fn authorizer_for_signer(signer: &Signer) -> TestAuthorizer {
    authorizer(&policy(&signer.jwks()))
}

pub(crate) fn authorizer_for_issuer(
    signer: &Signer,
    change: impl FnOnce(&mut Value),
) -> TestAuthorizer {
    let mut policy = policy(&signer.jwks());
    change(&mut policy["issuers"][0]);
    authorizer(&policy)
}

/// Asserts that an authorizer which trusts the ES256 key refuses these tokens.
pub(crate) async fn assert_refused(tokens: impl IntoIterator<Item = (String, String)>) {
    let authorizer = authorizer_for_signer(&Signer::of("ES256"));
    for (case, token) in tokens {
        assert_eq!(
            reason_of(&authorizer, bearer_event(&token)).await,
            "401",
            "{case}"
        );
    }
}
