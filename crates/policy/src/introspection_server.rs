//! The authorization server that verifies opaque tokens.

use http::Uri;
use regex_lite::Regex;
use serde::Deserialize;

use crate::claim_mapping::ClaimMapping;
use crate::secret_reference::SecretReference;

/// An authorization server with token introspection (RFC 7662).
pub struct IntrospectionServer {
    /// The address of its introspection endpoint.
    pub endpoint: Uri,
    /// True if the policy allows http to `endpoint`, which then must be in a private network.
    pub is_unencrypted: bool,
    /// The authentication of the client.
    pub auth: ClientAuth,
    /// The client's id. May be empty with [`ClientAuth::None`].
    pub client_id: String,
    /// The client's secret; `None` with [`ClientAuth::PrivateKeyJwt`] and [`ClientAuth::None`].
    pub client_secret: Option<SecretReference>,
    /// The client's key; `None` except with [`ClientAuth::PrivateKeyJwt`].
    pub client_key: Option<ClientKey>,
    /// The time for which a response is cached, in seconds.
    pub cache_s: u32,
    /// A pattern for whole tokens of this server. Other tokens are refused without a call.
    pub token_pattern: Option<Regex>,
    /// If given, the `iss` of a response must be this.
    pub issuer: Option<String>,
    /// If there are any, the `aud` of a response must contain one of these.
    pub audiences: Vec<String>,
    /// The mapping from the claims of a response to a caller.
    pub mapping: ClaimMapping,
    /// The clock tolerance in seconds.
    pub tolerance_s: i64,
}

/// Omits the secret.
impl std::fmt::Debug for IntrospectionServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IntrospectionServer")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// The key with which the client signs its assertions (RFC 7523).
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// The private key in PEM.
    pub reference: SecretReference,
    /// The `kid` of the assertions, if the server needs one.
    pub id: Option<String>,
    /// The `aud` of the assertions.
    pub audience: String,
}

/// The authentication of the client (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// HTTP Basic, with id and secret form-encoded as RFC 6749 requires.
    #[default]
    Basic,
    /// HTTP Basic with id and secret unencoded, for servers that do not decode them.
    BasicRaw,
    /// Id and secret in the body.
    Post,
    /// A short-lived JWT that the client signs (RFC 7523, section 2.2).
    PrivateKeyJwt,
    /// Only the id, for servers that identify their clients by other means.
    None,
}
