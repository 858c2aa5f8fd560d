//! `dump` against the local gateway.

use std::fs::{metadata, read_dir, read_to_string};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::channel;

use testing::{Fault, FaultProxy};
use tokio::runtime::Runtime;

use crate::apply::{Api, assert_code};
use crate::program::{text, tollgate};

/// Plans, policies, compositions and keys with every field.
const FILE: &str = "\
plans:
  gold:
    throttle: {rate: 10, burst: 20}
    quotas: [{limit: 1000, period: month, time_zone: Europe/Berlin, warn_at: [0.8, 1]}]
    routes: {'POST /payments': {rate: 1, burst: 5}}
  off: {enabled: false}
policies:
  partners: {clock_tolerance_s: 10, rules: [{match: 'ANY /{proxy+}', auth: api_key}]}
compositions:
  mobile:
    routes:
      GET /bff/me:
        parts: {user: {get: '/users/{user_id}', fallback: {name: User}}, orders: {get: /orders}}
keys:
  - key_id: acme
    name: 'Acme: a company, # 1'
    description: \"two\\nlines\"
    plan: gold
    group: acme
    subject: alice
    scopes: [orders:read]
    prefix: acme_live_
    metadata: {stripe: cus_1, level: '1', flag: 'yes'}
    allowed_ips: [192.0.2.0/24, '2001:db8::/32']
    not_before: '2026-11-01T00:00:00Z'
    expires_at: '2030-01-01T00:00:00Z'
  - {key_id: disabled, plan: gold, enabled: false}
  - {key_id: expired, plan: 'off', expires_at: '2020-01-01T00:00:00Z'}
";

fn dump(api: &Api, arguments: &[&str]) -> String {
    let mut all = vec!["dump"];
    all.extend(arguments);
    let output = api.tollgate(&all);
    assert_code(&output, 0);
    text(&output.stdout)
}

#[test]
fn dump_with_hashes_reproduces_an_api() {
    let (from, to) = (Api::start(), Api::start_empty());
    assert_code(&from.apply(FILE, &[]), 0);
    // A key with a generated id.
    let (status, generated) = from.send("POST", "/keys", r#"{"plan": "pro", "name": "generated"}"#);
    assert_eq!(status, 201);

    let dumped = dump(&from, &["--with-hashes"]);
    assert_code(&to.apply(&dumped, &[]), 0);
    assert_eq!(dump(&to, &["--with-hashes"]), dumped);
    let file = to.file("tollgate.yaml", &dumped);
    assert_code(&to.tollgate(&["diff", &file]), 0);

    for part in [
        "# CONFIDENTIAL",
        "key_id: acme",
        "enabled: false",
        "expires_at: \"2020-01-01T00:00:00Z\"",
        "prefix: acme_live_",
        generated["key_id"].as_str().unwrap(),
    ] {
        assert!(dumped.contains(part), "{part}: {dumped}");
    }
    let secret = generated["key"].as_str().unwrap();
    let (_, decision) = to.send("POST", "/decisions", &format!(r#"{{"key": "{secret}"}}"#));
    assert_eq!(decision["decision"], "allowed");
    assert!(!to.path("secrets.csv").exists(), "no secret is generated");
}

#[test]
fn dump_without_hashes_has_no_differences_and_no_secrets() {
    let api = Api::start();
    assert_code(&api.apply(FILE, &[]), 0);

    let dumped = dump(&api, &[]);
    for word in [
        "hash",
        "created_at",
        "updated_at",
        "hint",
        "etag",
        "last_used_on",
        "managed_by",
    ] {
        assert!(!dumped.contains(&format!("{word}:")), "{word}: {dumped}");
    }
    let file = api.file("tollgate.yaml", &dumped);
    let diff = api.tollgate(&["diff", &file]);
    assert_code(&diff, 0);
    assert_eq!(dump(&api, &[]), dumped);
}

#[test]
fn keys_are_in_the_order_of_their_ids() {
    let api = Api::start_empty();
    let ids: Vec<_> = (0..120).map(|n| format!("key-{n:03}")).collect();
    let keys: Vec<_> = ids
        .iter()
        .rev()
        .map(|id| format!("{{key_id: {id}, plan: a}}"))
        .collect();
    let content = format!("plans: {{a: {{}}}}\nkeys: [{}]", keys.join(", "));
    assert_code(&api.apply(&content, &[]), 0);

    let dumped = dump(&api, &[]);
    let found: Vec<_> = dumped
        .lines()
        .filter_map(|line| line.strip_prefix("  - key_id: "))
        .collect();
    assert_eq!(found, ids);
}

#[test]
fn confidential_file_is_private() {
    let api = Api::start();
    let path = api.path("dump.yaml");
    dump(&api, &["--with-hashes", "--out", path.to_str().unwrap()]);
    assert_eq!(metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        read_to_string(&path)
            .unwrap()
            .starts_with("# CONFIDENTIAL: ")
    );

    // A file of the shell, which others can read.
    let public = api.path("public.yaml");
    let file = std::fs::File::create(&public).unwrap();
    let output = api
        .command(&["dump", "--with-hashes"])
        .stdout(file)
        .output()
        .unwrap();
    assert_code(&output, 2);
    assert!(text(&output.stderr).contains("--out FILE"), "{output:?}");
    assert_eq!(read_to_string(&public).unwrap(), "");
}

#[test]
fn candidate_of_a_policy_is_reported() {
    let api = Api::start();
    assert_code(&api.apply(FILE, &[]), 0);
    let candidate = r#"{"rules": [{"match": "GET /a", "auth": "any"}]}"#;
    assert_eq!(
        api.send("PUT", "/policies/partners/candidate", candidate).0,
        201
    );
    let output = api.tollgate(&["dump"]);
    assert_code(&output, 0);
    assert!(text(&output.stderr).contains("policy partners: its candidate is not written"));
}

#[test]
fn file_stays_if_the_api_cannot_be_reached() {
    let api = Api::start();
    let path = api.file("dump.yaml", "old");
    let url = ["--url", "http://127.0.0.1:9"];
    let output = crate::program::run(&[&["dump", "--out", &path][..], &url].concat());
    assert_code(&output, 2);
    assert_eq!(read_to_string(&path).unwrap(), "old");
}

#[test]
fn interrupted_dump_writes_no_file() {
    let api = Api::start();
    let (arrived, arrival) = channel();
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::in_front_of(api.address()));
    proxy.fault_by(move |number, _| {
        if number < 2 {
            return Fault::None;
        }
        arrived.send(()).unwrap();
        Fault::Hang
    });

    let path = api.path("dump.yaml");
    let out = path.to_str().unwrap();
    let mut child = tollgate(&["dump", "--with-hashes", "--out", out, "--url", &proxy.url])
        .spawn()
        .unwrap();
    arrival.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(read_dir(path.parent().unwrap()).unwrap().count(), 0);
}
