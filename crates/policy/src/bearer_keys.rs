//! API keys that clients send as bearer tokens.

use regex_lite::Regex;

use crate::introspection_server::IntrospectionServer;
use crate::warning::PolicyWarning;

/// The API keys in `Authorization: Bearer KEY`.
#[derive(Clone, Debug)]
pub struct BearerKeys {
    /// The pattern of opaque tokens, which are not keys.
    opaque_tokens: Option<Regex>,
}

impl BearerKeys {
    /// Creates the keys of a policy with this introspection server.
    ///
    /// # Errors
    /// The problem, if opaque tokens cannot be distinguished from keys.
    pub(crate) fn new(introspection: Option<&IntrospectionServer>) -> Result<Self, &'static str> {
        let opaque_tokens = match introspection {
            None => None,
            Some(server) => Some(server.token_pattern.clone().ok_or(
                "needs `introspection.token_pattern`: a bearer token that matches it is introspected, \
                 another one is an API key",
            )?),
        };
        Ok(Self { opaque_tokens })
    }

    /// True if a bearer token that is not a JWT is a key, not an opaque token.
    #[must_use]
    pub fn accept(&self, bearer_token: &str) -> bool {
        !self
            .opaque_tokens
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(bearer_token))
    }

    /// Returns the warning that clients should prefer the header of API keys.
    pub(crate) fn warning(key_header: &str) -> PolicyWarning {
        let message = format!(
            "API keys in `Authorization` reach the backend, because HTTP APIs cannot remove that header; \
             prefer `{key_header}`"
        );
        PolicyWarning::new("api_keys.bearer", message)
    }
}
