//! The place of a request in which the token is read.

use serde::Deserialize;

/// The header in which a token is read by default, and in which clients may send API keys.
pub const AUTHORIZATION: &str = "authorization";

/// The place of a request in which the token is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLocation {
    /// The header that carries the token, in lower case.
    pub header: String,
    /// The form of the header's value.
    pub scheme: TokenScheme,
    /// The cookie that carries the token if the request does not have the header.
    pub cookie: Option<String>,
    /// The origins other than the API's own whose pages may send the cookie with any method.
    pub origins: Vec<String>,
}

/// The form of the header that carries the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum TokenScheme {
    /// `Bearer TOKEN`.
    #[default]
    Bearer,
    /// The token alone. `Bearer TOKEN` is accepted too, as API Gateway's own authorizers do.
    #[serde(rename = "none")]
    None,
}

impl Default for TokenLocation {
    fn default() -> Self {
        Self {
            header: AUTHORIZATION.to_owned(),
            scheme: TokenScheme::Bearer,
            cookie: None,
            origins: Vec::new(),
        }
    }
}
