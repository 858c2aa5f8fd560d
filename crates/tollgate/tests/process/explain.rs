//! `tollgate token explain`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::SystemTime;

use serde_json::{Value, json};
use testing::TlsServer;
use testing::tokens::Signer;

use crate::program::{text, tollgate};

const ISSUER: &str = "https://sso.corp.example";

/// A folder with a policy, and the provider that it trusts.
struct Setup {
    signer: Signer,
    server: TlsServer,
    folder: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        let (server, signer) = (TlsServer::start(), Signer::of("ES256"));
        server.reply("/keys", &signer.jwks());
        let policy = json!({
            "api_keys": {"header": "x-access-key"},
            "issuers": [{"issuer": ISSUER, "audiences": ["api"], "jwks_uri": server.url("/keys"), "default_plan": "free"}],
            "rules": [{"match": "ANY /admin/{proxy+}", "auth": "jwt", "roles": ["admin"]},
                      {"match": "ANY /{proxy+}", "auth": "jwt"}],
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.json"), policy.to_string()).unwrap();
        Self {
            signer,
            server,
            folder,
        }
    }

    fn policy(&self) -> PathBuf {
        self.folder.path().join("policy.json")
    }

    /// Returns a valid token with a changed claim.
    fn token(&self, name: &str, value: impl Into<Value>) -> String {
        let now = seconds_since_1970();
        let mut claims =
            json!({"iss": ISSUER, "aud": "api", "sub": "alice", "iat": now, "exp": now + 600});
        claims[name] = value.into();
        self.signer.token(&claims)
    }

    /// Explains what is on standard input.
    fn explain(&self, input: &str, arguments: &[&str]) -> Output {
        let mut child = tollgate(&["token", "explain", "--policy"])
            .arg(self.policy())
            .args(arguments)
            .env("EXTRA_CA_CERTS", TlsServer::authority_file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The process may end before it has read a long input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }
}

fn seconds_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

#[test]
fn accepted_token_exits_with_0() {
    let setup = Setup::new();
    let token = setup.token("sub", "alice");
    for input in [
        token.clone(),
        format!("Bearer {token}\n"),
        format!("\n {token} \n"),
    ] {
        let output = setup.explain(&input, &["--request", "GET /orders"]);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
        assert_eq!(stderr, "");
        for line in [
            "passed   key        key \"ES256\", fetched from the issuer\n",
            "passed   user       `sub` is \"alice\"\n",
            "passed   rule       GET /orders: rule `ANY /{proxy+}` accepts the token\n",
            "\nThe token is accepted.\n",
        ] {
            assert!(stdout.contains(line), "{line}: {stdout}");
        }
    }
}

#[test]
fn refused_token_exits_with_1_and_names_the_check() {
    let setup = Setup::new();
    let output = setup.explain(&setup.token("aud", "other"), &[]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    let line = "failed   audience   entry `https://sso.corp.example`: `aud` is \"other\", accepted: `api` [audience]\n";
    assert!(stdout.contains(line), "{stdout}");
    let decision = "\nThe token is refused: reason=invalid_claims detail=\"audience\" issuer=\"https://sso.corp.example\"\n";
    assert!(stdout.ends_with(decision), "{stdout}");

    let expired = setup.token("exp", seconds_since_1970() - 600);
    let stdout = text(&setup.explain(&expired, &[]).stdout);
    assert!(stdout.contains("expired 10 min"), "{stdout}");

    let output = setup.explain(
        &setup.token("sub", "alice"),
        &["--request", "GET /admin/users"],
    );
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("none of the roles `admin`"), "{stdout}");
    assert!(stdout.contains("reason=missing_role"), "{stdout}");
}

#[test]
fn explanation_is_also_printed_as_json() {
    let setup = Setup::new();
    let output = setup.explain(&setup.token("aud", "other"), &["--json"]);
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(explanation["accepted"], false);
    assert_eq!(explanation["reason"], "invalid_claims");
    let checks = explanation["checks"].as_array().unwrap();
    let audience = checks.iter().find(|it| it["check"] == "audience").unwrap();
    assert_eq!(audience["result"], "failed");
    assert_eq!(audience["detail"], "audience");
}

#[test]
fn token_is_read_from_a_file() {
    let setup = Setup::new();
    let path = setup.folder.path().join("token.txt");
    std::fs::write(&path, setup.token("sub", "alice")).unwrap();
    let output = setup.explain("", &["--file", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn keys_that_cannot_be_fetched_are_a_warning_and_a_failed_check() {
    let setup = Setup::new();
    setup.server.reply("/keys", &json!({"keys": []}));
    let output = setup.explain(&setup.token("sub", "alice"), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("failed   key "), "{stdout}");
    assert!(
        stderr.contains("WARN cannot fetch the issuer's signing keys"),
        "{stderr}"
    );
    assert!(
        stderr.contains("without a key that can be used"),
        "{stderr}"
    );
}

#[test]
fn control_characters_of_a_token_are_escaped() {
    let setup = Setup::new();
    let output = setup.explain(&setup.token("sub", "a\u{9b}2J"), &[]);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("\\u{9b}2J"), "{stdout}");
    assert!(!stdout.contains('\u{9b}'), "{stdout}");
}

#[test]
fn invalid_input_exits_with_2() {
    let setup = Setup::new();
    let invalid = setup.folder.path().join("invalid.json");
    std::fs::write(&invalid, r#"{"rules":[{"match":"GET /","auth":"x"}]}"#).unwrap();

    let long = "a".repeat(100_000);
    for (input, arguments, problem) in [
        (
            "",
            &[][..],
            "the token is empty, expected a token in --file or on standard input",
        ),
        (" \n", &[], "the token is empty"),
        ("null\n", &[], "the input is `null`, which `jq` prints"),
        (
            "{\"access_token\": \"a\"}",
            &[],
            "the input is a JSON document",
        ),
        (
            "Authorization: Bearer a",
            &[],
            "the input has several words",
        ),
        (&long, &[], "the token is longer than 65536 bytes"),
        ("", &["--file", "/no/such"], "/no/such: No such file"),
        (
            "a",
            &["--request", "orders"],
            "expected METHOD PATH, such as `GET /orders`",
        ),
        ("a", &["--sub", "alice"], "--sub"),
    ] {
        let output = setup.explain(input, arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{problem}: {stderr}");
        assert!(
            stderr.contains(problem) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }

    let file = setup.folder.path().join("token.txt");
    std::fs::write(&file, "a.b.c").unwrap();
    let output = tollgate(&["token", "explain", "--policy"])
        .arg(&invalid)
        .arg("--file")
        .arg(&file)
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr.contains("invalid.json:1:37: rules[0].auth: unknown value `x`"),
        "{stderr}"
    );
}
