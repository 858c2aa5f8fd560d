//! The authorization server that knows opaque tokens.

use http::Uri;
use regex_lite::Regex;
use serde::Deserialize;

use crate::claim_mapping::ClaimMapping;
use crate::secret_reference::SecretReference;

/// The authorization server, as the policy trusts it (RFC 7662).
pub struct IntrospectionServer {
    /// The address of its introspection endpoint.
    pub endpoint: Uri,
    /// How the client authenticates there.
    pub auth: ClientAuth,
    /// The client's id. May be empty with [`ClientAuth::None`].
    pub client_id: String,
    /// The client's secret; `None` with [`ClientAuth::None`].
    pub client_secret: Option<SecretReference>,
    /// How long a response may be reused, in seconds.
    pub cache_s: u32,
    /// A pattern that matches whole tokens of this server; others are refused without a call.
    pub token_pattern: Option<Regex>,
    /// If given, the `iss` of a response must be this.
    pub issuer: Option<String>,
    /// If there are any, the `aud` of a response must contain one of these.
    pub audiences: Vec<String>,
    /// How the claims of a response are read.
    pub mapping: ClaimMapping,
    /// By how much clocks may differ, in seconds.
    pub tolerance_s: i64,
}

/// Leaves out the secret.
impl std::fmt::Debug for IntrospectionServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IntrospectionServer")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// How the client authenticates (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// HTTP Basic, with id and secret form-encoded as RFC 6749 requires.
    #[default]
    Basic,
    /// HTTP Basic with id and secret as they are, for servers that do not decode them.
    BasicRaw,
    /// Id and secret in the body.
    Post,
    /// The id alone, for servers that know their clients otherwise.
    None,
}
