//! What the checks by requests need.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use admin_client::{AdminClient, ClientError};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Request;
use http::header::{HeaderName, HeaderValue, USER_AGENT};

use super::fields::Dialect;
use super::reply::Reply;
use crate::stack::Stack;

/// The time for one request. It exceeds API Gateway's timeout of 30 s.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(32);
const DEFAULT_KEY_HEADER: &str = "x-api-key";
const USER_AGENT_VALUE: HeaderValue =
    HeaderValue::from_static(concat!("tollgate-check/", env!("CARGO_PKG_VERSION")));

/// Waits for a duration.
pub(crate) type Pause = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// The routes that the checks call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOptions {
    /// The path of a route that the key of a client may call with `GET`.
    pub path: String,
    /// The path of a route whose backend returns the headers of each request.
    pub echo: Option<String>,
    /// The path of a composition that the key of a client may call with `GET`.
    pub composition: Option<String>,
    /// The header with the API key. By default it is that of the stack, or else `x-api-key`.
    pub key_header: Option<String>,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            echo: None,
            composition: None,
            key_header: None,
        }
    }
}

/// An API that is checked by requests.
pub struct Requests {
    pub(super) client: AdminClient,
    pub(super) options: RequestOptions,
    pub(super) stack: Option<Stack>,
    /// The name of the temporary plan and key, as long as they may exist.
    temporary: Mutex<Option<String>>,
    pause: Pause,
}

impl Requests {
    /// Returns the context of the checks. `stack` is the stack of the API, if it is known.
    #[must_use]
    pub fn new(client: AdminClient, options: RequestOptions, stack: Option<Stack>) -> Self {
        Self {
            client,
            options,
            stack,
            temporary: Mutex::default(),
            pause: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
        }
    }

    /// Replaces the pauses between requests.
    #[cfg(test)]
    pub(crate) fn pausing(self, pause: Pause) -> Self {
        Self { pause, ..self }
    }

    /// Waits before the next request.
    pub(super) async fn pause(&self, time: Duration) {
        (self.pause)(time).await;
    }

    /// True if the API runs on this machine. Its admin API is then not signed.
    pub(super) fn is_local(&self) -> bool {
        !self.client.is_signed() && self.stack.is_none()
    }

    /// Returns a parameter of the stack, if the stack is known.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.stack.as_ref().map(|stack| stack.parameter(name))
    }

    /// Returns the format of the rate-limit fields, if it is known.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        Dialect::of_parameter(&self.parameter("RateLimitHeaders")?)
    }

    /// Returns the name of the header with the API key.
    pub(super) fn key_header(&self) -> String {
        let chosen = self.options.key_header.clone();
        let parameter = || self.parameter("KeyHeader").filter(|name| !name.is_empty());
        chosen
            .or_else(parameter)
            .unwrap_or_else(|| DEFAULT_KEY_HEADER.to_owned())
    }

    /// Sends a request. `what` describes it in messages, such as `without a key`.
    ///
    /// # Errors
    /// [`ClientError`] if the request is invalid, or if there is no response.
    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        what: &str,
    ) -> Result<Reply, ClientError> {
        let request = request(method, path, headers)?;
        let response = self.client.call(request, CALL_TIMEOUT).await?;
        Ok(Reply::new(described(method, path, what), response))
    }

    /// Sends a `GET` request with the names of headers in upper case.
    ///
    /// # Errors
    /// [`ClientError`] if the request is invalid, or if there is no response.
    pub(super) async fn call_in_upper_case(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        what: &str,
    ) -> Result<Reply, ClientError> {
        let request = request("GET", path, headers)?;
        let response = self
            .client
            .call_in_upper_case(request, CALL_TIMEOUT)
            .await?;
        Ok(Reply::new(described("GET", path, what), response))
    }

    pub(super) fn set_temporary(&self, name: Option<String>) {
        *self
            .temporary
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// Returns the name of the temporary plan and key, if there are any.
    #[must_use]
    pub fn temporary(&self) -> Option<String> {
        let temporary = self.temporary.lock();
        temporary.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Returns a request without a body.
///
/// # Errors
/// [`ClientError`] if the path or a header is invalid.
pub(super) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Request<Bytes>, ClientError> {
    let invalid = || ClientError::InvalidPath {
        path: path.to_owned(),
    };
    if !path.starts_with('/') {
        return Err(invalid());
    }

    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(USER_AGENT, USER_AGENT_VALUE)
        .body(Bytes::new())
        .map_err(|_| invalid())?;
    for (name, value) in headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        let (name, value) = header.ok_or_else(|| ClientError::InvalidHeader {
            name: (*name).to_owned(),
        })?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

/// Returns the description of a request for messages.
pub(super) fn described(method: &str, path: &str, what: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    match what {
        "" => format!("{method} {path}"),
        what => format!("{method} {path} {what}"),
    }
}
