//! Requests to issuers, as the authorizer makes them: without credentials.

use std::time::{Duration, Instant};

use aws::{CallError, Connections, Deadline, ExtraAuthorities, HttpCall, HttpCalls, Proxy, Replay};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, USER_AGENT};
use http::{Request, StatusCode, Uri};
use policy::{DiscoveryError, Issuer, KeyOrigin, KeySet, KeySetError, keys_address};
use telemetry::RecordLog;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// The time for one document, and for one name.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The largest document, as in the authorizer.
const MAX_BODY_BYTES: usize = 256 * 1_024;
const USER_AGENT_VALUE: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));
/// A name that exists everywhere. If it cannot be resolved, there is no network.
const REFERENCE_HOST: &str = "sts.amazonaws.com";

/// Makes requests to issuers.
pub(crate) struct IssuerCalls {
    calls: HttpCalls,
    reference: String,
}

/// The reason why no keys were fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerProblem {
    /// The issuer gave no response.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The response has another status.
    #[error("{host} responded with status {status}, expected 200")]
    Status { host: String, status: StatusCode },
    /// The response is compressed although the request does not accept that.
    #[error("{host} sent a compressed document, which this check does not read")]
    Compressed { host: String },
    /// The discovery document leads to no keys.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The key set cannot be used.
    #[error("the key set is {0}")]
    Keys(#[from] KeySetError),
}

impl IssuerCalls {
    /// Returns the calls with the proxy and the certificate authorities of the environment:
    /// `HTTPS_PROXY`, `NO_PROXY` and `EXTRA_CA_CERTS`.
    ///
    /// # Errors
    /// The invalid setting.
    pub(crate) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let proxy = Proxy::from_lookup(&lookup).map_err(|error| error.to_string())?;
        let authorities = match lookup("EXTRA_CA_CERTS").filter(|path| !path.is_empty()) {
            Some(path) => ExtraAuthorities::read("EXTRA_CA_CERTS", &path)
                .map_err(|error| error.to_string())?,
            None => ExtraAuthorities::default(),
        };

        let connections = Connections::through(proxy.as_ref(), CONNECT_TIMEOUT);
        let records = RecordLog::to(std::io::sink());
        let calls = HttpCalls::new(connections, records, MAX_BODY_BYTES).trusting(&authorities);
        Ok(Self {
            calls,
            reference: REFERENCE_HOST.to_owned(),
        })
    }

    /// Returns calls that resolve another name to find out whether there is a network.
    #[cfg(test)]
    pub(crate) fn with_reference(self, reference: &str) -> Self {
        Self {
            reference: reference.to_owned(),
            ..self
        }
    }

    /// Fetches the keys of an issuer. `None` if the policy contains its keys or secrets.
    ///
    /// # Errors
    /// [`IssuerProblem`] if there is no usable key.
    pub(crate) async fn keys(
        &self,
        issuer: &Issuer,
        origin: &KeyOrigin,
    ) -> Result<Option<KeySet>, IssuerProblem> {
        let address = match origin {
            KeyOrigin::Inline(_) | KeyOrigin::Secrets(_) => return Ok(None),
            KeyOrigin::Address(address) => address.clone(),
            KeyOrigin::Discovery(from) => {
                let document = self.get("Discover", from.clone()).await?;
                keys_address(&document, issuer.iss(), from)?
            }
        };
        let document = self.get("GetKeys", address).await?;
        Ok(Some(KeySet::parse(&document, issuer.kid, |_, _| {})?))
    }

    async fn get(&self, operation: &'static str, uri: Uri) -> Result<Bytes, IssuerProblem> {
        let host = uri
            .authority()
            .map_or_else(String::new, ToString::to_string);
        let mut request = Request::get("/")
            .header(USER_AGENT, USER_AGENT_VALUE)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .body(Bytes::new())
            .unwrap_or_default();
        *request.uri_mut() = uri;

        let call = HttpCall {
            service: "jwks".into(),
            operation,
            request,
            replay: Replay::Once,
        };
        let deadline = Deadline::after(Instant::now(), CALL_TIMEOUT);
        let response = self.calls.send(call, deadline).await?;
        let coding = response.headers().get(CONTENT_ENCODING);
        if response.status() != StatusCode::OK {
            let status = response.status();
            return Err(IssuerProblem::Status { host, status });
        }
        if coding.is_some_and(|coding| coding != "identity") {
            return Err(IssuerProblem::Compressed { host });
        }
        Ok(response.into_body())
    }

    /// True if names of the internet can be resolved.
    pub(crate) async fn has_network(&self) -> bool {
        resolves(&self.reference).await
    }
}

/// True if a host is an address, or a name that can be resolved.
pub(crate) async fn resolves(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = timeout(CALL_TIMEOUT, lookup_host((host, 443))).await;
    match addresses {
        Ok(Ok(mut found)) => found.next().is_some(),
        _ => false,
    }
}
