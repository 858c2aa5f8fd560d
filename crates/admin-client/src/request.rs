//! Requests to the admin API.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::error::ClientError;

/// The path of the only `POST` request that changes nothing.
const LOOKUP: &str = "/keys/lookup";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request to the admin API. Its path is below `/_tollgate/v1`.
#[derive(Clone)]
pub struct AdminRequest {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Bytes,
    /// The headers, or the name of the first invalid one.
    headers: Result<HeaderMap, String>,
}

impl AdminRequest {
    /// Returns a `GET` request.
    #[must_use]
    pub fn get(path: impl AsRef<str>) -> Self {
        Self::new(Method::GET, path, None, Bytes::new())
    }

    /// Returns a `DELETE` request.
    #[must_use]
    pub fn delete(path: impl AsRef<str>) -> Self {
        Self::new(Method::DELETE, path, None, Bytes::new())
    }

    /// Returns a `PUT` request with a JSON body.
    #[must_use]
    pub fn put(path: impl AsRef<str>, body: &Value) -> Self {
        Self::json(Method::PUT, path, body)
    }

    /// Returns a `POST` request with a JSON body.
    #[must_use]
    pub fn post(path: impl AsRef<str>, body: &Value) -> Self {
        Self::json(Method::POST, path, body)
    }

    /// Returns a `PATCH` request with a JSON body.
    #[must_use]
    pub fn patch(path: impl AsRef<str>, body: &Value) -> Self {
        Self::json(Method::PATCH, path, body)
    }

    /// Returns a request with a body of any media type.
    #[must_use]
    pub fn text(method: Method, path: impl AsRef<str>, content_type: &str, body: Bytes) -> Self {
        Self::new(method, path, Some(content_type), body)
    }

    fn json(method: Method, path: impl AsRef<str>, body: &Value) -> Self {
        let body = Bytes::from(body.to_string());
        Self::new(method, path, Some("application/json"), body)
    }

    fn new(method: Method, path: impl AsRef<str>, content_type: Option<&str>, body: Bytes) -> Self {
        let request = Self {
            method,
            path: path.as_ref().to_owned(),
            body,
            headers: Ok(HeaderMap::new()),
        };
        match content_type {
            Some(content_type) => request.header(CONTENT_TYPE.as_str(), content_type),
            None => request,
        }
    }

    /// Makes the request only if the document has this entity tag. Otherwise the API responds with
    /// 412.
    ///
    /// An empty tag is reported when the request is sent. A proxy might drop it, and the request would
    /// have no condition.
    #[must_use]
    pub fn if_match(mut self, etag: &str) -> Self {
        if etag.trim().is_empty() {
            self.headers = Err(IF_MATCH.as_str().to_owned());
        }
        self.header(IF_MATCH.as_str(), etag)
    }

    /// Makes the request only if the document does not exist.
    #[must_use]
    pub fn if_none_match_any(self) -> Self {
        self.header(IF_NONE_MATCH.as_str(), "*")
    }

    /// Names the request, so that a repetition changes nothing and has the same response.
    #[must_use]
    pub fn idempotency_key(self, key: String) -> Self {
        self.header(IDEMPOTENCY_KEY, &key)
    }

    /// Selects the media type of the response. JSON by default.
    #[must_use]
    pub fn accept(self, media_type: &str) -> Self {
        self.header(ACCEPT.as_str(), media_type)
    }

    /// Sets a header. An invalid name or value is reported when the request is sent.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let header = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        match (header, &mut self.headers) {
            (Some((name, value)), Ok(headers)) => {
                headers.insert(name, value);
            }
            (None, Ok(_)) => self.headers = Err(name.to_owned()),
            (_, Err(_)) => {}
        }
        self
    }

    /// Returns the headers.
    ///
    /// # Errors
    /// [`ClientError`] if the name or the value of a header is invalid.
    pub(crate) fn headers(&self) -> Result<&HeaderMap, ClientError> {
        let invalid = |name: &String| ClientError::InvalidHeader { name: name.clone() };
        self.headers.as_ref().map_err(invalid)
    }

    /// Returns the value of a header.
    pub(crate) fn header_value(&self, name: &str) -> Option<&str> {
        let headers = self.headers.as_ref().ok()?;
        headers.get(name)?.to_str().ok()
    }

    /// True if the request changes something.
    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET && self.path != LOOKUP
    }

    /// True if the request may be sent again although an earlier attempt may have been applied.
    ///
    /// After a lost response, a repetition with `If-Match` gets 412, which would hide the success.
    pub(crate) fn is_repeatable(&self) -> bool {
        let has = |name: &str| {
            self.headers
                .as_ref()
                .is_ok_and(|headers| headers.contains_key(name))
        };
        self.method == Method::GET || has(IDEMPOTENCY_KEY)
    }
}

impl fmt::Debug for AdminRequest {
    /// Omits query, headers and body, which may contain secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(formatter, "AdminRequest({} {path})", self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_header_is_reported_by_name_only() {
        let request = AdminRequest::get("/keys").header("x-note", "secret\n");
        let error = request.headers().unwrap_err().to_string();
        assert!(error.contains("`x-note`"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn empty_entity_tag_is_not_sent() {
        let request = AdminRequest::delete("/plans/a").if_match("");
        let error = request.headers().unwrap_err().to_string();
        assert!(error.contains("`if-match`"), "{error}");
    }

    #[test]
    fn debug_output_has_neither_query_nor_headers_nor_body() {
        let request = AdminRequest::post("/keys?name=hush", &Value::from("hush"))
            .idempotency_key("hush".to_owned());
        assert_eq!(format!("{request:?}"), "AdminRequest(POST /keys)");
    }

    #[test]
    fn reads_and_named_requests_are_repeatable() {
        let value = Value::Null;
        assert!(AdminRequest::get("/a").is_repeatable());
        assert!(
            !AdminRequest::put("/a", &value)
                .if_match("1")
                .is_repeatable()
        );
        assert!(!AdminRequest::delete("/a").is_repeatable());
        let named = AdminRequest::post("/a", &value).idempotency_key("k".to_owned());
        assert!(named.is_repeatable());
    }
}
