//! Responses of the admin API.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, ETAG};
use serde_json::Value;

use crate::error::ClientError;
use crate::problem::Mistake;

/// A successful response of the admin API.
#[derive(Clone)]
pub struct AdminResponse {
    /// The HTTP status, 200 to 299.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. It may contain a secret.
    pub body: Bytes,
}

impl AdminResponse {
    pub(crate) fn from_http(response: http::Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    /// Returns the body as JSON.
    ///
    /// # Errors
    /// [`ClientError::NotJson`] if it is not JSON.
    pub fn json(&self) -> Result<Value, ClientError> {
        serde_json::from_slice(&self.body).map_err(|_| ClientError::NotJson {
            status: self.status,
            content_type: self.header(CONTENT_TYPE.as_str()).unwrap_or("").to_owned(),
        })
    }

    /// Returns the body as text. Invalid UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the entity tag of the document, as `If-Match` expects it.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.header(ETAG.as_str())
    }

    /// Returns the texts of the field `warnings` in the body.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let warnings = body["warnings"].as_array().into_iter().flatten();
        warnings.map(Mistake::warning).collect()
    }
}

impl fmt::Debug for AdminResponse {
    /// Omits headers and body, which may contain secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AdminResponse({})", self.status)
    }
}
