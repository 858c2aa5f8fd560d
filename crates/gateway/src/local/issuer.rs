//! The local issuer: an identity provider for trying out tokens on this machine.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

const ISSUER: &str = "http://tollgate.local";
const AUDIENCE: &str = "tollgate-local";

/// The claims of a token of the local issuer.
#[derive(Clone, Debug)]
pub struct TokenClaims {
    /// The subject (`sub`).
    pub sub: String,
    /// The scopes, separated by spaces.
    pub scope: Option<String>,
    /// The usage plan. The gateway applies `free` to a token without one.
    pub plan: Option<String>,
    /// The lifetime in seconds.
    pub expires_in: u64,
}

/// The local issuer with its signing key.
pub struct LocalIssuer {
    pair: EcdsaKeyPair,
    is_new: bool,
}

/// The reasons why the local issuer's signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The folder or the file cannot be read or written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// The folder or the file.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// Other users can read the key file, so the key is not a secret.
    #[error("{path}: readable by other users (mode {mode:o}); remove it to create a new key", path = path.display())]
    Readable {
        /// The key file.
        path: PathBuf,
        /// The permissions of the file.
        mode: u32,
    },
    /// The file is not a signing key.
    #[error("{path}: not a P-256 key in PKCS #8; remove it to create a new one", path = path.display())]
    Key {
        /// The key file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("cannot create a signing key")]
    Random,
}

impl LocalIssuer {
    /// Opens the issuer whose signing key is in `folder`. The key is created on first use.
    ///
    /// # Errors
    /// [`IssuerError`] if the key can be neither read nor created, or if other users can read it.
    pub fn open(folder: &Path) -> Result<Self, IssuerError> {
        let path = folder.join("issuer.p8");
        let file = |error| IssuerError::File {
            path: path.clone(),
            error,
        };

        let is_new = !path.exists() && create(folder, &path)?;
        let mode = fs::metadata(&path).map_err(file)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(IssuerError::Readable { path, mode });
        }

        let key = fs::read(&path).map_err(file)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key)
            .map_err(|_| IssuerError::Key { path: path.clone() })?;
        Ok(Self { pair, is_new })
    }

    /// True if [`Self::open`] created the signing key. A gateway that uses another folder does not
    /// accept the issuer's tokens.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Returns the public keys, a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid(), "x": x, "y": y}]})
    }

    /// Returns the entry of a policy that makes it trust this issuer.
    #[must_use]
    pub fn policy_entry(&self) -> Value {
        json!({"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": self.jwks(), "algorithms": ["ES256"],
               "plan_claim": "plan", "default_plan": "free", "max_lifetime_s": null})
    }

    /// Returns the policy with this issuer added. Text that is not a policy is returned unchanged;
    /// the authorizer reports it.
    #[must_use]
    pub fn added_to(&self, policy: &str) -> String {
        let Ok(Value::Object(mut document)) = serde_json::from_str(policy) else {
            return policy.to_owned();
        };
        let issuers = document.entry("issuers").or_insert_with(|| json!([]));
        let Value::Array(issuers) = issuers else {
            return policy.to_owned();
        };

        issuers.push(self.policy_entry());
        Value::Object(document).to_string()
    }

    /// True if the policy names this issuer. False if the policy is not JSON, such as `table:NAME`.
    #[must_use]
    pub fn is_named_by(policy: &str) -> bool {
        let Ok(document) = serde_json::from_str::<Value>(policy) else {
            return false;
        };
        let issuers = document.get("issuers").and_then(Value::as_array);
        issuers.is_some_and(|issuers| issuers.iter().any(|issuer| issuer["issuer"] == ISSUER))
    }

    /// Returns a token. `None` if its expiry is out of range or there are no random numbers.
    #[must_use]
    pub fn token(&self, claims: &TokenClaims, now: Timestamp) -> Option<String> {
        let issued = now.as_second();
        let expires = issued
            .checked_add_unsigned(claims.expires_in)
            .filter(|expires| Timestamp::from_second(*expires).is_ok())?;
        let mut payload = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": claims.sub, "iat": issued, "exp": expires});
        for (name, value) in [("scope", &claims.scope), ("plan", &claims.plan)] {
            if let Some(value) = value {
                payload[name] = value.as_str().into();
            }
        }

        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": self.kid()});
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The coordinates of the public key, whose bytes are 4, x, y.
    fn coordinates(&self) -> (String, String) {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point
            .get(1..)
            .unwrap_or_default()
            .split_at_checked(32)
            .unwrap_or_default();
        (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
    }

    /// The thumbprint of the key (RFC 7638).
    fn kid(&self) -> String {
        let (x, y) = self.coordinates();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }
}

/// Creates the key in a temporary file, then links it to its name in one step. If several processes
/// start at once, all of them read the first key, completely written.
///
/// Returns true if the key is from this call.
fn create(folder: &Path, path: &Path) -> Result<bool, IssuerError> {
    let file = |error| IssuerError::File {
        path: path.to_owned(),
        error,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(file)?;

    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| IssuerError::Random)?;
    let random = aws_lc_rs::rand::generate::<[u8; 8]>(&SystemRandom::new())
        .map_err(|_| IssuerError::Random)?
        .expose();
    let temporary = folder.join(format!("issuer.{:016x}", u64::from_be_bytes(random)));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(key.as_ref()));
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    let _ = fs::remove_file(&temporary);

    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(file(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_created_once_and_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let kids: Vec<String> = std::thread::scope(|scope| {
            let open = || LocalIssuer::open(&state).unwrap().kid();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(!LocalIssuer::open(&state).unwrap().is_new());
        assert!(kids.iter().all(|kid| *kid == kids[0]));
        let mode = fs::metadata(state.join("issuer.p8"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert_eq!((mode, fs::read_dir(&state).unwrap().count()), (0o600, 1));
    }

    #[test]
    fn key_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        LocalIssuer::open(folder.path()).unwrap();
        let path = folder.path().join("issuer.p8");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = LocalIssuer::open(folder.path()).err().unwrap().to_string();
        assert!(
            error.contains("issuer.p8: readable by other users (mode 644)"),
            "{error}"
        );
    }

    #[test]
    fn issuer_is_added_to_the_issuers_of_a_policy() {
        let folder = tempfile::tempdir().unwrap();
        let issuer = LocalIssuer::open(folder.path()).unwrap();
        let policy: Value =
            serde_json::from_str(&issuer.added_to(r#"{"issuers":[{"issuer":"a"}],"rules":[]}"#))
                .unwrap();
        assert_eq!(
            (
                &policy["issuers"][0]["issuer"],
                &policy["issuers"][1]["issuer"]
            ),
            (&json!("a"), &json!(ISSUER))
        );
        assert_eq!(issuer.added_to("no policy"), "no policy");
        assert!(issuer.is_new() && LocalIssuer::is_named_by(&policy.to_string()));
        for other in [
            r#"{"issuers":[{"issuer":"a"}],"rules":[]}"#,
            r#"{"rules":[]}"#,
            "table:edge",
            "[]",
        ] {
            assert!(!LocalIssuer::is_named_by(other), "{other}");
        }
    }
}
