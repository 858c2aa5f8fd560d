//! Fetches an issuer's signing keys.
//!
//! Source: OpenID Connect Discovery 1.0, section 4.

use std::time::{Duration, Instant};

use aws::{CallError, Deadline, HttpCall, HttpCalls, Replay, is_loopback};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use policy::{ENCRYPTION, KeySet, KeySetError, trusted_address};
use serde_json::Value;

use crate::outbound::{BodyError, body, with_headers};

/// For discovery and keys together: well within the 10 s that API Gateway waits, so that a request
/// which waited for a failed fetch has time for one of its own.
const FETCH_TIMEOUT: Duration = Duration::from_millis(4_800);
/// How much of an issuer's name in a discovery document is logged, in characters.
const MAX_LOGGED_CHARS: usize = 200;

/// Fetches one issuer's keys.
#[derive(Debug)]
pub(crate) struct KeySource {
    pub(crate) calls: HttpCalls,
    pub(crate) issuer: String,
    pub(crate) address: Uri,
    /// True if the address is that of a discovery document.
    pub(crate) discovers: bool,
}

/// Why keys could not be fetched. Holds nothing of the documents but the name of another issuer.
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
    /// The word for log fields that says what went wrong.
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
    /// Fetches the current keys. Redirects are not followed.
    pub(crate) async fn load(&self) -> Result<KeySet, KeySourceError> {
        let deadline = Deadline::after(Instant::now(), FETCH_TIMEOUT);
        let address = if self.discovers {
            self.discover(deadline).await?
        } else {
            self.address.clone()
        };
        let document = self.get("GetKeys", address, deadline).await?;

        Ok(KeySet::parse(&document, |index, reason| {
            self.log_left_out(index, reason)
        })?)
    }

    /// Keys for encryption are part of many providers' sets, and no reason to look at anything.
    fn log_left_out(&self, index: usize, reason: &'static str) {
        if reason == ENCRYPTION {
            tracing::debug!(issuer = self.issuer, index, reason, "a key is left out");
        } else {
            tracing::warn!(issuer = self.issuer, index, reason, "a key is left out");
        }
    }

    /// Reads the address of the keys. A document of another issuer would lead to that issuer's
    /// keys.
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

/// An address that the discovery document at `document` may name. A provider leads neither from
/// https to http nor to this machine, unless it runs on this machine itself.
fn discovered_address(text: &str, document: &Uri) -> Result<Uri, &'static str> {
    let uri = trusted_address(text)?;
    let local = |uri: &Uri| uri.host().is_some_and(is_loopback);
    if document.scheme_str() == Some("https") && uri.scheme_str() != Some("https") {
        return Err("is not https");
    }
    if local(&uri) && !local(document) {
        return Err("is a loopback address");
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_leads_neither_to_http_nor_to_this_machine() {
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
