//! Issuers whose certificate is signed by a private authority.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde_json::json;
use testing::TlsServer;
use testing::tokens::Signer;

use crate::program::{address_in, get_with, text, tollgate};

const ISSUER: &str = "https://sso.corp.example";

/// A provider that serves its signing keys over TLS, and a policy that fetches them.
struct Provider {
    signer: Signer,
    folder: tempfile::TempDir,
    /// Serves while the test runs.
    _server: TlsServer,
}

impl Provider {
    fn start() -> Self {
        let (server, signer) = (TlsServer::start(), Signer::of("ES256"));
        server.reply("/keys", &signer.jwks());
        let policy = json!({
            "issuers": [{"issuer": ISSUER, "audiences": ["api"], "jwks_uri": server.url("/keys"), "default_plan": "free"}],
            "rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}],
        });

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.json"), policy.to_string()).unwrap();
        Self {
            signer,
            folder,
            _server: server,
        }
    }

    fn gateway(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = tollgate(&["--listen", "0", "--policy"]);
        command
            .arg(self.folder.path().join("policy.json"))
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .env_remove("EXTRA_CA_CERTS")
            .envs(variables.iter().copied());
        command
    }

    /// Sends a valid token to a gateway with these variables. Returns the status and the log.
    fn request(&self, variables: &[(&str, &str)]) -> (String, String) {
        let mut child = self
            .gateway(variables)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("for i in") {
            assert_ne!(lines.read_line(&mut banner).unwrap(), 0, "{banner}");
        }

        let response = get_with(address_in(&banner), "/orders", &self.header());
        let interrupt = ["-INT", &child.id().to_string()].map(str::to_owned);
        assert!(
            Command::new("kill")
                .args(interrupt)
                .status()
                .unwrap()
                .success()
        );
        let mut log = String::new();
        lines.read_to_string(&mut log).unwrap();
        child.wait().unwrap();
        let status = response.split(' ').nth(1).unwrap();
        (status.to_owned(), log)
    }

    fn header(&self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let expires = now.unwrap().as_secs() + 600;
        let claims = json!({"iss": ISSUER, "aud": "api", "sub": "alice", "exp": expires});
        format!("authorization: Bearer {}", self.signer.token(&claims))
    }
}

fn authority() -> String {
    TlsServer::authority_file().display().to_string()
}

#[test]
fn keys_of_an_issuer_with_an_unknown_ca_are_unavailable() {
    let (status, log) = Provider::start().request(&[]);
    assert_eq!(status, "500", "{log}");
    assert!(log.contains(r#""cause":"unknown_ca""#), "{log}");
    assert!(log.contains("unknown CA"), "{log}");
}

#[test]
fn extra_ca_is_trusted_for_the_keys_of_an_issuer() {
    let (status, log) = Provider::start().request(&[("EXTRA_CA_CERTS", &authority())]);
    assert_eq!(status, "200", "{log}");
}

#[test]
fn file_of_the_system_may_be_replaced() {
    let (status, log) = Provider::start().request(&[("SSL_CERT_FILE", &authority())]);
    assert_eq!(status, "200", "{log}");
}

#[test]
fn certificate_file_that_cannot_be_used_aborts_startup() {
    let provider = Provider::start();
    let empty = provider
        .folder
        .path()
        .join("empty.pem")
        .display()
        .to_string();
    std::fs::write(&empty, "").unwrap();

    for variable in ["EXTRA_CA_CERTS", "SSL_CERT_FILE"] {
        for (path, problem) in [
            ("/no/such.pem", "No such file or directory"),
            (&empty, "no certificate found, expected PEM blocks"),
        ] {
            let output = provider.gateway(&[(variable, path)]).output().unwrap();
            let expected = format!("tollgate: authorizer: {variable}: {path}: {problem}");
            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            assert!(stderr.starts_with(&expected), "{stderr}");
        }
    }
}
