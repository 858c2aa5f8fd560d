//! Fetches an issuer's signing keys.
//!
//! Source: OpenID Connect Discovery 1.0, section 4.

use std::time::{Duration, Instant};

use aws::{CallError, Deadline, HttpCall, HttpCalls, Replay, is_loopback};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use policy::{ENCRYPTION, KeySet, KeySetError, Kid, trusted_address};
use serde_json::Value;

use crate::outbound::{BodyError, body, with_headers};

/// The time for discovery and keys together. It is less than half of the 10 s that API Gateway
/// waits: a request that waited for another one's failed fetch has time for its own.
const FETCH_TIMEOUT: Duration = Duration::from_millis(4_800);
/// The characters of an issuer's name in a discovery document that are logged.
const MAX_LOGGED_CHARS: usize = 200;

/// Fetches one issuer's keys.
#[derive(Debug)]
pub(crate) struct KeySource {
    pub(crate) calls: HttpCalls,
    pub(crate) issuer: String,
    pub(crate) address: Uri,
    /// True if the address is that of a discovery document.
    pub(crate) discovers: bool,
    pub(crate) kid: Kid,
}

/// The reason why keys could not be fetched. Contains nothing of the documents except the name of
/// another issuer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeySourceError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{host} responded with status {status}")]
    Status { host: String, status: StatusCode },
    #[error("{host}: {error}")]
    Body { host: String, error: BodyError },
    #[error("the discovery document is not a JSON object without duplicate fields")]
    NotAnObject,
    #[error("the discovery document is for issuer `{found}`, expected `{expected}`")]
    OtherIssuer { found: String, expected: String },
    #[error("the discovery document has no string `{0}`")]
    Missing(&'static str),
    #[error("the discovery document's `jwks_uri` {0}")]
    Untrusted(&'static str),
    #[error("the key set is {0}")]
    Keys(#[from] KeySetError),
}

impl KeySourceError {
    /// Returns the kind of the failure, for the log.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::Call(error) => error.cause(),
            Self::Status { .. } => "status",
            Self::Body { .. } => "body",
            Self::NotAnObject
            | Self::OtherIssuer { .. }
            | Self::Missing(_)
            | Self::Untrusted(_) => "discovery",
            Self::Keys(_) => "key_set",
        }
    }
}

impl KeySource {
    /// True if both fetch the same keys. A discovery document must be of the configured issuer; a
    /// key set does not depend on it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.address == other.address
            && self.discovers == other.discovers
            && self.kid == other.kid
            && (!self.discovers || self.issuer == other.issuer)
    }

    /// Fetches the current keys. Redirects are not followed.
    pub(crate) async fn load(&self) -> Result<KeySet, KeySourceError> {
        let deadline = Deadline::after(Instant::now(), FETCH_TIMEOUT);
        let address = if self.discovers {
            self.discover(deadline).await?
        } else {
            self.address.clone()
        };
        let document = self.get("GetKeys", address, deadline).await?;

        Ok(KeySet::parse(&document, self.kid, |index, reason| {
            self.log_ignored_key(index, reason)
        })?)
    }

    /// Logs a key that is ignored. Many sets contain keys for encryption, which are not worth a
    /// warning.
    fn log_ignored_key(&self, index: usize, reason: &'static str) {
        if reason == ENCRYPTION {
            tracing::debug!(
                issuer = self.issuer,
                index,
                reason,
                "a key of the issuer is ignored"
            );
        } else {
            tracing::warn!(
                issuer = self.issuer,
                index,
                reason,
                "a key of the issuer is ignored"
            );
        }
    }

    /// Returns the address of the keys. The document must be of the same issuer, because another
    /// one's leads to other keys.
    async fn discover(&self, deadline: Deadline) -> Result<Uri, KeySourceError> {
        let document = self.get("Discover", self.address.clone(), deadline).await?;
        let document = strict_json::object(&document).ok_or(KeySourceError::NotAnObject)?;
        let text = |name| {
            document
                .get(name)
                .and_then(Value::as_str)
                .ok_or(KeySourceError::Missing(name))
        };

        let found = text("issuer")?;
        if found != self.issuer {
            let found = found.escape_debug().take(MAX_LOGGED_CHARS).collect();
            return Err(KeySourceError::OtherIssuer {
                found,
                expected: self.issuer.clone(),
            });
        }
        discovered_address(text("jwks_uri")?, &self.address).map_err(KeySourceError::Untrusted)
    }

    async fn get(
        &self,
        operation: &'static str,
        uri: Uri,
        deadline: Deadline,
    ) -> Result<Bytes, KeySourceError> {
        let host = uri
            .authority()
            .map_or_else(String::new, ToString::to_string);
        let mut request = with_headers(Request::get("/"))
            .body(Bytes::new())
            .unwrap_or_default();
        *request.uri_mut() = uri;

        let call = HttpCall {
            service: "jwks",
            operation,
            request,
            replay: Replay::Once,
        };
        let response = self.calls.send(call, deadline).await?;
        match response.status() {
            StatusCode::OK => body(response).map_err(|error| KeySourceError::Body { host, error }),
            status => Err(KeySourceError::Status { host, status }),
        }
    }
}

/// Returns the address in `text`, which the discovery document at `document` names. It must not
/// lead from https to http, nor to a loopback address unless the document is on one.
fn discovered_address(text: &str, document: &Uri) -> Result<Uri, &'static str> {
    let uri = trusted_address(text)?;
    let is_local = |uri: &Uri| uri.host().is_some_and(is_loopback);
    if document.scheme_str() == Some("https") && uri.scheme_str() != Some("https") {
        return Err("is not https");
    }
    if is_local(&uri) && !is_local(document) {
        return Err("is a loopback address");
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_must_not_lead_to_http_or_loopback() {
        let from = |document: &str, keys: &str| {
            discovered_address(keys, &document.parse().unwrap()).is_ok()
        };
        for keys in [
            "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
            "http://localhost:9001/",
            "http://[::ffff:127.0.0.1]/",
            "https://127.0.0.1/jwks",
            "https://LOCALHOST./jwks",
            "http://a/jwks",
        ] {
            assert!(!from("https://auth.example.com/d", keys), "{keys}");
        }
        assert!(from(
            "https://auth.example.com/d",
            "https://keys.example.com/jwks"
        ));
        assert!(from("https://localhost/d", "https://localhost/jwks"));
        assert!(!from("https://localhost/d", "http://localhost/jwks"));
        assert!(from("http://127.0.0.1:1/d", "http://127.0.0.1:2/jwks"));
    }
}
