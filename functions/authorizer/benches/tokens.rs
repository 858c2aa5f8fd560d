//! What a token costs, from event bytes to answer bytes with the embedded store, beside the bare signature
//! check of aws-lc-rs; and the memory that 10,000 remembered tokens take.
//!
//! `cargo bench -p authorizer`. One thread; the log goes to a sink.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first surprise"
)]

#[path = "../tests/tokens/support.rs"]
#[expect(dead_code, reason = "shared with the tests, which need more of it")]
mod support;

use authorizer::{Authorizer, log_to};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::Bencher;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use support::{Signer, authorizer, bearing, noon, policy};
use tokio::runtime::{Builder, Runtime};

fn main() {
    let log = log_to(None, std::io::sink);
    tracing::subscriber::set_global_default(log).unwrap();
    memory();
    divan::main();
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// No plan's limit is met.
fn unlimited(signer: &Signer) -> Authorizer {
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]["max_lifetime_s"] = Value::Null;
    authorizer(&policy)
}

/// Many subjects, because a user's plan would end.
fn events(signer: &Signer, count: usize) -> Vec<Vec<u8>> {
    let token = |number: usize| signer.with(|claims| claims["sub"] = format!("user-{number}").into());
    (0..count).map(|number| bearing(&token(number)).to_string().into_bytes()).collect()
}

fn answer(runtime: &Runtime, authorizer: &Authorizer, event: &[u8]) -> Vec<u8> {
    let event: Box<RawValue> = serde_json::from_slice(event).unwrap();
    let answer = runtime.block_on(authorizer.handle_at(&event, noon())).unwrap();
    assert!(answer.get().starts_with(r#"{"isAuthorized":true"#));
    serde_json::to_vec(&answer).unwrap()
}

fn memory() {
    let signer = Signer::of("ES256");
    let (runtime, authorizer) = (runtime(), unlimited(&signer));
    for number in 0..10_000 {
        let token = signer.with(|claims| claims["sub"] = format!("user-{number}").into());
        answer(&runtime, &authorizer, bearing(&token).to_string().as_bytes());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not known here");
    println!("peak memory after 10,000 tokens of as many users: {}", peak.replace("VmHWM:", "").trim());
}

/// As one of many: a single call by itself would be timed with cold caches.
#[divan::bench(args = ["RS256", "ES256"], sample_size = 100)]
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
#[divan::bench(args = ["RS256", "ES256"], sample_count = 20, sample_size = 50)]
fn a_new_token(bencher: Bencher, algorithm: &'static str) {
    let signer = Signer::of(algorithm);
    let (runtime, authorizer, events) = (runtime(), unlimited(&signer), events(&signer, 1_100));
    let mut next = events.iter();
    bencher.bench_local(|| answer(&runtime, &authorizer, next.next().unwrap()));
}

#[divan::bench]
fn a_key(bencher: Bencher) {
    let signer = Signer::of("ES256");
    let (runtime, authorizer) = (runtime(), unlimited(&signer));
    let event = support::event("/orders", json!({"x-api-key": support::PRO})).to_string();
    bencher.bench_local(|| answer(&runtime, &authorizer, event.as_bytes()));
}

/// The check alone, with the key parsed every time, as by the library.
#[divan::bench(args = ["RS256", "ES256"])]
fn bare_signature_check(bencher: Bencher, algorithm: &'static str) {
    let signer = Signer::of(algorithm);
    let (token, jwk) = (signer.with(|_| ()), signer.jwk());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap_or_default()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    if algorithm == "RS256" {
        let key = RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") };
        bencher.bench_local(|| key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).unwrap());
    } else {
        let point = [vec![4], bytes("x"), bytes("y")].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        bencher.bench_local(|| key.verify(signed.as_bytes(), &signature).unwrap());
    }
}
