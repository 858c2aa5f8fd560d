//! What a token costs, from event bytes to answer bytes with the embedded store, beside the bare
//! signature check of aws-lc-rs; and the memory that many different tokens take.
//!
//! `cargo bench --profile release -p authorizer`: as it is deployed. One thread; the log goes to a
//! sink. With `BENCH_EVENTS=FOLDER` the events are written there as well, a line each, with the key
//! sets, for others to be measured by; with `BENCH_MEMORY=1000000` it is the memory after so many
//! tokens alone that is measured.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first surprise"
)]

#[path = "../tests/tokens/support.rs"]
#[expect(dead_code, reason = "shared with the tests, which need more of it")]
mod support;

use std::path::Path;
use std::sync::OnceLock;

use authorizer::log_to;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::Bencher;
use jiff::Timestamp;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use support::{Signer, TestAuthorizer, authorizer, bearing, policy};
use tokio::runtime::{Builder, Runtime};

const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
/// Of each algorithm, for others.
const WRITTEN: usize = 1_000;
const SUBJECTS: usize = 2_000;

fn main() {
    let log = log_to(None, std::io::sink);
    tracing::subscriber::set_global_default(log).unwrap();
    if let Ok(number) = std::env::var("BENCH_MEMORY") {
        return memory(number.parse().unwrap());
    }
    if let Some(folder) = std::env::var_os("BENCH_EVENTS") {
        write(folder.as_ref());
    }
    divan::main();
}

/// The present, because others cannot be told another; the same for the whole run.
fn now() -> Timestamp {
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    *NOW.get_or_init(Timestamp::now)
}

fn write(folder: &Path) {
    for algorithm in ALGORITHMS {
        let signer = Signer::of(algorithm);
        let lines = events(&signer, WRITTEN).join(&b'\n');
        std::fs::write(folder.join(format!("{algorithm}.jsonl")), lines).unwrap();
        std::fs::write(
            folder.join(format!("{algorithm}.jwks.json")),
            signer.jwks().to_string(),
        )
        .unwrap();
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// No plan's limit is met.
fn unlimited(signer: &Signer) -> TestAuthorizer {
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]["max_lifetime_s"] = Value::Null;
    authorizer(&policy)
}

/// A token of one of many subjects, because a user's plan would end.
fn token(signer: &Signer, number: usize) -> String {
    let now = now().as_second();
    signer.with(|claims| {
        claims["sub"] = format!("user-{}", number % SUBJECTS).into();
        claims["jti"] = number.to_string().into();
        claims["iat"] = now.into();
        claims["exp"] = (now + 3_600).into();
    })
}

fn events(signer: &Signer, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| bearing(&token(signer, number)).to_string().into_bytes())
        .collect()
}

fn answer(runtime: &Runtime, authorizer: &TestAuthorizer, event: &[u8]) -> Vec<u8> {
    let event: Box<RawValue> = serde_json::from_slice(event).unwrap();
    let answer = runtime
        .block_on(authorizer.at(now()).handle(&event))
        .unwrap();
    assert!(answer.get().starts_with(r#"{"isAuthorized":true"#));
    serde_json::to_vec(&answer).unwrap()
}

/// Resident after so many tokens, a tenth and a hundredth of them; JSON.
fn memory(tokens: usize) {
    let signer = Signer::of("EdDSA");
    let (runtime, authorizer) = (runtime(), unlimited(&signer));
    let mut resident = serde_json::Map::new();
    for number in 0..tokens {
        let event: Box<RawValue> = to_raw_value(&bearing(&token(&signer, number))).unwrap();
        // Most of so many calls in so short a time are above a plan's limit: what is remembered is
        // the same.
        runtime
            .block_on(authorizer.at(now()).handle(&event))
            .unwrap();
        if [tokens / 100, tokens / 10, tokens].contains(&(number + 1)) {
            resident.insert((number + 1).to_string(), resident_kib().into());
        }
    }
    println!("{}", Value::Object(resident));
}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    })
}

/// As one of many: a single call by itself would be timed with cold caches.
#[divan::bench(args = ALGORITHMS, sample_size = 100)]
fn a_token_seen_before(bencher: Bencher, algorithm: &'static str) {
    let signer = Signer::of(algorithm);
    let (runtime, authorizer, events) = (runtime(), unlimited(&signer), events(&signer, 100));
    for event in &events {
        answer(&runtime, &authorizer, event);
    }
    let mut next = events.iter().cycle();
    bencher.bench_local(|| answer(&runtime, &authorizer, next.next().unwrap()));
}

/// Each comes once.
#[divan::bench(args = ALGORITHMS, sample_count = 20, sample_size = 50)]
fn a_new_token(bencher: Bencher, algorithm: &'static str) {
    let signer = Signer::of(algorithm);
    let (runtime, authorizer, events) = (runtime(), unlimited(&signer), events(&signer, 1_100));
    let mut next = events.iter();
    bencher.bench_local(|| answer(&runtime, &authorizer, next.next().unwrap()));
}

/// Under a policy of so many rules.
#[divan::bench(args = [10, 1_000])]
fn a_key(bencher: Bencher, rules: usize) {
    let mut policy = policy(&Signer::of("ES256").jwks());
    let others = (policy["rules"].as_array().unwrap().len()..rules)
        .map(|number| format!("GET /resources/{number}/{{id}}"));
    let others: Vec<_> = others
        .map(|others| json!({"match": others, "auth": "any"}))
        .collect();
    policy["rules"].as_array_mut().unwrap().extend(others);
    let (runtime, authorizer) = (runtime(), authorizer(&policy));
    let event = support::event("/orders", json!({"x-api-key": support::PRO})).to_string();
    bencher.bench_local(|| answer(&runtime, &authorizer, event.as_bytes()));
}

/// The check alone, with the key parsed every time, as by the library.
#[divan::bench(args = ALGORITHMS)]
fn bare_signature_check(bencher: Bencher, algorithm: &'static str) {
    let signer = Signer::of(algorithm);
    let (token, jwk) = (signer.with(|_| ()), signer.jwk());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let bytes = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(jwk[name].as_str().unwrap_or_default())
            .unwrap()
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    if algorithm == "RS256" {
        let key = RsaPublicKeyComponents {
            n: bytes("n"),
            e: bytes("e"),
        };
        bencher.bench_local(|| {
            key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
                .unwrap()
        });
    } else {
        let (algorithm, key): (&dyn VerificationAlgorithm, _) = match algorithm {
            "ES256" => (
                &ECDSA_P256_SHA256_FIXED,
                [vec![4], bytes("x"), bytes("y")].concat(),
            ),
            _ => (&ED25519, bytes("x")),
        };
        let key = UnparsedPublicKey::new(algorithm, key);
        bencher.bench_local(|| key.verify(signed.as_bytes(), &signature).unwrap());
    }
}
