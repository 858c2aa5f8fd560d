//! The cost of a token from the bytes of the event to those of the response, with the embedded
//! store, compared with a bare signature check of aws-lc-rs. Also the memory of many different
//! tokens.
//!
//! `cargo bench --profile release -p authorizer` measures the code as it is deployed, on one thread.
//! With default settings, an allowed request writes no log line. `BENCH_EVENTS=FOLDER` also writes
//! the events, one per line, and the key sets to a folder, to measure other authorizers.
//! `BENCH_MEMORY=1000000` only measures the memory after so many tokens.
//!
//! With `BENCH_CALLS=N` and the folder in `BENCH_EVENTS`, it only makes N calls with written tokens
//! that were seen before, for a program that counts instructions. `BENCH_ALGORITHM` is `RS256` (the
//! default), `ES256` or `EdDSA`. Two runs with different N give the instructions per call:
//!
//! ```sh
//! BENCH_EVENTS=FOLDER BENCH_CALLS=1000 valgrind --tool=callgrind --callgrind-out-file=/dev/null PROGRAM
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::path::Path;
use std::sync::OnceLock;

use authorizer::log_to;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::Bencher;
use jiff::Timestamp;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use telemetry::RecordLog;
use testing::authorizer::{TestAuthorizer, authorizer_in};
use testing::tokens::{PRO, Signer, bearer_event, event, policy};
use tokio::runtime::{Builder, Runtime};

const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
/// The number of events per algorithm that are written for other authorizers.
const WRITTEN_EVENTS: usize = 1_000;
/// The number of different users.
const SUBJECTS: usize = 2_000;

fn main() {
    let log = log_to(None, std::io::sink);
    tracing::subscriber::set_global_default(log).unwrap();
    if let Ok(number) = std::env::var("BENCH_MEMORY") {
        return memory(number.parse().unwrap());
    }
    let folder = std::env::var_os("BENCH_EVENTS");
    match (folder, std::env::var("BENCH_CALLS")) {
        (Some(folder), Ok(number)) => {
            return warm_calls(folder.as_ref(), number.parse().unwrap());
        }
        (Some(folder), Err(_)) => write(folder.as_ref()),
        (None, _) => {}
    }
    divan::main();
}

/// Returns the current time, which other authorizers need, but the same for the whole run.
fn now() -> Timestamp {
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    *NOW.get_or_init(Timestamp::now)
}

fn write(folder: &Path) {
    for algorithm in ALGORITHMS {
        let signer = Signer::of(algorithm);
        let lines = events(&signer, WRITTEN_EVENTS).join(&b'\n');
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

/// Returns an authorizer with this policy that logs what a deployed one logs by default.
fn authorizer(policy: &Value) -> TestAuthorizer {
    let records = RecordLog::to(std::io::sink());
    authorizer_in(policy, &[("LOG_DECISIONS", "refusals")], records)
}

/// Returns an authorizer without a limit on token lifetimes, whose policy refers to nested claims.
fn unlimited(signer: &Signer) -> TestAuthorizer {
    authorizer(&policy_with(&signer.jwks(), 4, 1))
}

/// Returns a policy with so many rules and issuers, which refers to nested claims.
fn policy_with(keys: &Value, rules: usize, issuers: usize) -> Value {
    let mut policy = policy(keys);
    let issuer = &mut policy["issuers"][0];
    issuer["max_lifetime_s"] = Value::Null;
    issuer["scopes_claim"] = json!(["permissions", "/realm_access/scopes", "scope"]);
    issuer["roles_claim"] = "/realm_access/roles".into();
    issuer["plan_claim"] = "/app_metadata/tier".into();
    issuer["plans"] = json!({"bronze": "free", "gold": "pro"});
    issuer["required_claims"] = json!({"token_use": ["access", "m2m"]});

    let mut others = Vec::new();
    for number in 1..issuers {
        let mut other = policy["issuers"][0].clone();
        other["issuer"] = format!("https://issuer-{number}.example").into();
        others.push(other);
    }
    policy["issuers"].as_array_mut().unwrap().extend(others);
    add_rules(&mut policy, rules);
    policy
}

/// Adds rules for other paths until there are so many.
fn add_rules(policy: &mut Value, rules: usize) {
    let list = policy["rules"].as_array_mut().unwrap();
    for number in list.len()..rules {
        let path = format!("GET /resources/{number}/{{id}}");
        list.push(json!({"match": path, "auth": "any"}));
    }
}

/// Returns a token of one of many users, because one user would reach the limits of the plan.
fn token(signer: &Signer, number: usize) -> String {
    let now = now().as_second();
    signer.with(|claims| {
        claims["sub"] = format!("user-{}", number % SUBJECTS).into();
        claims["jti"] = number.to_string().into();
        claims["iat"] = now.into();
        claims["exp"] = (now + 3_600).into();
        claims["token_use"] = "access".into();
        claims["realm_access"] = json!({"roles": ["reader", "editor"]});
        claims["app_metadata"] = json!({"tier": "gold"});
    })
}

fn events(signer: &Signer, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            bearer_event(&token(signer, number))
                .to_string()
                .into_bytes()
        })
        .collect()
}

fn respond(runtime: &Runtime, authorizer: &TestAuthorizer, event: &[u8]) -> Vec<u8> {
    let response = runtime.block_on(authorizer.at(now()).respond_to(event));
    let response = serde_json::to_vec(&response.unwrap()).unwrap();
    assert!(response.starts_with(br#"{"isAuthorized":true"#));
    response
}

/// Prints the resident memory after so many tokens, a tenth and a hundredth of them, as JSON.
fn memory(tokens: usize) {
    let signer = Signer::of("EdDSA");
    let (runtime, authorizer) = (runtime(), unlimited(&signer));
    let mut resident = serde_json::Map::new();
    for number in 0..tokens {
        let event: Box<RawValue> = to_raw_value(&bearer_event(&token(&signer, number))).unwrap();
        // Most of these calls are throttled, which does not change what is remembered.
        runtime
            .block_on(authorizer.at(now()).handle(&event))
            .unwrap();
        if [tokens / 100, tokens / 10, tokens].contains(&(number + 1)) {
            resident.insert((number + 1).to_string(), resident_kib().into());
        }
    }
    println!("{}", Value::Object(resident));
}

/// Makes so many calls with written tokens that were seen before. Signing tokens here would take a
/// number of instructions that differs from run to run.
fn warm_calls(folder: &Path, calls: usize) {
    let algorithm = std::env::var("BENCH_ALGORITHM").unwrap_or_else(|_| "RS256".to_owned());
    let keys = std::fs::read(folder.join(format!("{algorithm}.jwks.json"))).unwrap();
    let lines = std::fs::read(folder.join(format!("{algorithm}.jsonl"))).unwrap();
    let events: Vec<_> = lines.split(|byte| *byte == b'\n').take(100).collect();

    let keys = serde_json::from_slice(&keys).unwrap();
    let (runtime, authorizer) = (runtime(), authorizer(&policy_with(&keys, 4, 1)));
    for event in &events {
        respond(&runtime, &authorizer, event);
    }

    for event in events.iter().cycle().take(calls) {
        respond(&runtime, &authorizer, event);
    }
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

/// Measures many calls together, because a single call would be timed with cold caches.
#[divan::bench(args = ALGORITHMS, sample_size = 100)]
fn remembered_token(bencher: Bencher, algorithm: &'static str) {
    let signer = Signer::of(algorithm);
    let (runtime, authorizer, events) = (runtime(), unlimited(&signer), events(&signer, 100));
    for event in &events {
        respond(&runtime, &authorizer, event);
    }
    let mut next = events.iter().cycle();
    bencher.bench_local(|| respond(&runtime, &authorizer, next.next().unwrap()));
}

/// Measures tokens that are sent once.
#[divan::bench(args = ALGORITHMS, sample_count = 20, sample_size = 50)]
fn new_token(bencher: Bencher, algorithm: &'static str) {
    let signer = Signer::of(algorithm);
    let (runtime, authorizer, events) = (runtime(), unlimited(&signer), events(&signer, 1_100));
    let mut next = events.iter();
    bencher.bench_local(|| respond(&runtime, &authorizer, next.next().unwrap()));
}

/// Measures tokens that are sent once, under policies of two sizes.
#[divan::bench(args = ["small", "large"], sample_count = 20, sample_size = 50)]
fn new_token_by_policy(bencher: Bencher, size: &str) {
    let (rules, issuers) = if size == "large" {
        (1_000, 50)
    } else {
        (10, 1)
    };
    let signer = Signer::of("ES256");
    let (runtime, events) = (runtime(), events(&signer, 1_100));
    let authorizer = authorizer(&policy_with(&signer.jwks(), rules, issuers));
    let mut next = events.iter();
    bencher.bench_local(|| respond(&runtime, &authorizer, next.next().unwrap()));
}

/// Measures an API key under a policy with so many rules.
#[divan::bench(args = [10, 1_000])]
fn api_key(bencher: Bencher, rules: usize) {
    let mut policy = policy(&Signer::of("ES256").jwks());
    add_rules(&mut policy, rules);
    let (runtime, authorizer) = (runtime(), authorizer(&policy));
    let event = event("/orders", json!({"x-api-key": PRO})).to_string();
    bencher.bench_local(|| respond(&runtime, &authorizer, event.as_bytes()));
}

/// Measures only the signature check, with a key that is parsed once, which is fastest.
#[divan::bench(args = ALGORITHMS)]
fn bare_signature_check(bencher: Bencher, algorithm: &'static str) {
    let signer = Signer::of(algorithm);
    let (token, jwk) = (signer.with(|_| ()), signer.jwk());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = parsed_key(algorithm, &jwk);

    bencher.bench_local(|| key.verify_sig(signed.as_bytes(), &signature).unwrap());
}

fn parsed_key(algorithm: &str, jwk: &Value) -> ParsedPublicKey {
    let bytes = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(jwk[name].as_str().unwrap_or_default())
            .unwrap()
    };
    match algorithm {
        "RS256" => {
            let (n, e) = (bytes("n"), bytes("e"));
            let der: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n, e }.as_der().unwrap();
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.as_ref()).unwrap()
        }
        "ES256" => {
            let point = [vec![4], bytes("x"), bytes("y")].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).unwrap()
        }
        _ => ParsedPublicKey::new(&ED25519, bytes("x")).unwrap(),
    }
}
