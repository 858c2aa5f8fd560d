//! Issuers whose certificate is signed by a private authority.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde_json::json;
use testing::TlsServer;
use testing::tokens::Signer;

use crate::program::{address_in, get_with, text, tollgate};

/// A provider with discovery, signing keys and introspection over TLS, and a policy that trusts it.
struct Provider {
    signer: Signer,
    folder: tempfile::TempDir,
    server: TlsServer,
}

impl Provider {
    fn start() -> Self {
        let (server, signer) = (TlsServer::start(), Signer::of("ES256"));
        let discovery = json!({"issuer": server.url(""), "jwks_uri": server.url("/keys")});
        server.reply("/.well-known/openid-configuration", &discovery);
        server.reply("/keys", &signer.jwks());
        server.reply("/introspect", &json!({"active": true, "sub": "alice"}));
        let policy = json!({
            "issuers": [{"issuer": server.url(""), "audiences": ["api"], "default_plan": "free"}],
            "introspection": {"endpoint": server.url("/introspect"), "client_id": "tollgate",
                              "client_secret": "secret", "default_plan": "free"},
            "rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}],
        });

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.json"), policy.to_string()).unwrap();
        Self {
            signer,
            folder,
            server,
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

    /// Sends a token to a gateway with these variables. Returns the status and the log.
    fn request(&self, token: &str, variables: &[(&str, &str)]) -> (String, String) {
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

        let header = format!("authorization: Bearer {token}");
        let response = get_with(address_in(&banner), "/orders", &header);
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

    /// Returns a valid token.
    fn token(&self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let expires = now.unwrap().as_secs() + 600;
        let claims =
            json!({"iss": self.server.url(""), "aud": "api", "sub": "alice", "exp": expires});
        self.signer.token(&claims)
    }
}

fn authority() -> String {
    TlsServer::authority_file().display().to_string()
}

#[test]
fn issuer_with_an_unknown_ca_is_unavailable() {
    let provider = Provider::start();
    let (status, log) = provider.request(&provider.token(), &[]);
    assert_eq!(status, "500", "{log}");
    assert!(log.contains(r#""cause":"unknown_ca""#), "{log}");
    assert!(log.contains("unknown CA"), "{log}");

    let (status, log) = provider.request("opaque", &[]);
    assert_eq!(status, "500", "{log}");
    assert!(log.contains("unknown CA"), "{log}");
}

#[test]
fn extra_ca_is_trusted_for_discovery_keys_and_introspection() {
    let provider = Provider::start();
    for token in [&provider.token(), "opaque"] {
        let (status, log) = provider.request(token, &[("EXTRA_CA_CERTS", &authority())]);
        assert_eq!(status, "200", "{log}");
    }
}

#[test]
fn file_of_the_system_may_be_replaced() {
    let provider = Provider::start();
    let variables = [("SSL_CERT_FILE", &*authority())];
    let (status, log) = provider.request(&provider.token(), &variables);
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

    for (variable, place) in [("EXTRA_CA_CERTS", "authorizer: "), ("SSL_CERT_FILE", "")] {
        for (path, problem) in [
            ("/no/such.pem", "No such file or directory"),
            (&empty, "no certificate found, expected PEM blocks"),
        ] {
            let output = provider.gateway(&[(variable, path)]).output().unwrap();
            let expected = format!("tollgate: {place}{variable}: {path}: {problem}");
            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            assert!(stderr.starts_with(&expected), "{stderr}");
        }
    }
}
