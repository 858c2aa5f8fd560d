//! Where an issuer's keys come from, and their fetching.
//!
//! Source: OpenID Connect Discovery 1.0, section 4.

use std::time::{Duration, Instant};

use bytes::Bytes;
use calls::timeouts::CONNECT;
use calls::{CallError, Connections, Deadline, HttpCall, HttpCalls, RecordLog, Replay, is_loopback};
use http::{Request, Uri};
use serde_json::Value;

use crate::key_set::{KeySet, KeySetError};
use crate::strict_json;

/// For discovery and keys together, well within the 10 s that API Gateway waits. One attempt has a third.
const LONGEST: Duration = Duration::from_secs(5);
/// What an answer may have.
const LARGEST: usize = 256 * 1_024;

/// The calls that an authorizer makes: bounded, and to https or this machine only.
#[must_use]
pub fn http_calls(records: RecordLog) -> HttpCalls {
    HttpCalls::new(Connections::new(CONNECT), records, LARGEST, true)
}

/// Where an issuer's keys are.
#[derive(Debug)]
pub(crate) enum KeyOrigin {
    /// In the policy.
    Inline(KeySet),
    /// At an address.
    Address(Uri),
    /// At the address that the document there names.
    Discovery(Uri),
}

/// Fetches one issuer's keys.
#[derive(Debug)]
pub(crate) struct KeySource {
    pub(crate) calls: HttpCalls,
    pub(crate) issuer: String,
    pub(crate) address: Uri,
    /// Whether the address is of a discovery document.
    pub(crate) discovers: bool,
}

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeySourceError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the answer's status is {0}")]
    Status(u16),
    #[error("the discovery document is not one of this issuer")]
    Discovery,
    #[error("the key set is {0}")]
    Keys(#[from] KeySetError),
}

impl KeySource {
    /// The keys as they are now. A redirect is not followed.
    pub(crate) async fn load(&self) -> Result<KeySet, KeySourceError> {
        let deadline = Deadline::after(Instant::now(), LONGEST);
        let address = if self.discovers { self.discover(deadline).await? } else { self.address.clone() };
        let document = self.get("GetKeys", address, deadline).await?;
        let log = |index: usize, problem: &'static str| {
            tracing::warn!(issuer = self.issuer, index, problem, "a key is left out");
        };
        Ok(KeySet::parse(&document, log)?)
    }

    /// A document that says it is another issuer's leads to another issuer's keys.
    async fn discover(&self, deadline: Deadline) -> Result<Uri, KeySourceError> {
        let document = self.get("Discover", self.address.clone(), deadline).await?;
        let document = strict_json::object(&document).ok_or(KeySourceError::Discovery)?;
        if document.get("issuer").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(KeySourceError::Discovery);
        }
        let address = document.get("jwks_uri").and_then(Value::as_str).ok_or(KeySourceError::Discovery)?;
        trusted_address(address).map_err(|_| KeySourceError::Discovery)
    }

    /// One request, unless it surely did not arrive: who is slow or busy is left alone for the cool-down.
    async fn get(&self, operation: &'static str, uri: Uri, deadline: Deadline) -> Result<Bytes, KeySourceError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        let call = HttpCall { service: "jwks", operation, request, replay: Replay::OnlyIfNotApplied };
        let answer = self.calls.send(call, deadline).await?;
        if answer.status() == http::StatusCode::OK {
            return Ok(answer.into_body());
        }
        Err(KeySourceError::Status(answer.status().as_u16()))
    }
}

/// An address that keys may come from: https, or http on this machine.
pub(crate) fn trusted_address(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "is not a URL")?;
    let authority = uri.authority().ok_or("is not a URL")?;
    if authority.as_str().contains('@') || text.contains('#') {
        return Err("has user info or a fragment");
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(authority.host()) => Ok(uri),
        _ => Err("is not https (http is for loopback addresses only)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for good in ["https://a/jwks", "http://127.0.0.1:3000/jwks", "http://[::1]/jwks", "http://localhost/jwks"] {
            assert!(trusted_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a/jwks",
            "http://127.0.0.1.example.com/",
            "ftp://a/",
            "/jwks",
            "jwks",
            "",
            "https://u:p@a/",
            "https://a/#x",
            "http://10.0.0.1/jwks",
            "file:///etc/passwd",
        ] {
            assert!(trusted_address(bad).is_err(), "{bad}");
        }
    }
}
