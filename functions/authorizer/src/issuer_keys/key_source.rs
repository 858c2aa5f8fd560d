//! Fetches an issuer's signing keys.

use std::time::{Duration, Instant};

use aws::{CallError, Deadline, HttpCall, HttpCalls, Replay};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use policy::{DiscoveryError, ENCRYPTION, KeySet, KeySetError, Kid, keys_address};

use crate::outbound::{BodyError, body, with_headers};

/// The time for discovery and keys together. It is less than half of the 10 s that API Gateway
/// waits: a request that waited for another one's failed fetch has time for its own.
const FETCH_TIMEOUT: Duration = Duration::from_millis(4_800);

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
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
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
            Self::Discovery(_) => "discovery",
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
        let address = keys_address(&document, &self.issuer, &self.address)?;
        Ok(address)
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
            service: "jwks".into(),
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
