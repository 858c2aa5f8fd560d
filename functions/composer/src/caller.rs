//! The caller of a request, as the authorizer has verified it.

use std::borrow::Cow;

use outcome::ContextField;
use policy::header_value::decode_header_list;
use policy::{Auth, CallerFacts, Policy, Rule};

use crate::caller_context::CallerContext;

/// The caller of a request. What the context does not prove, the caller does not have.
#[derive(Debug)]
pub(crate) struct VerifiedCaller<'c> {
    credential: Credential<'c>,
    /// True if the request also had a valid key.
    has_key: bool,
    /// The scopes of the token, or else of the key.
    scopes: Vec<Cow<'c, str>>,
    /// The roles of the token.
    roles: Vec<Cow<'c, str>>,
}

/// The credential that determines the scopes and the roles of a caller.
#[derive(Debug, PartialEq, Eq)]
enum Credential<'c> {
    /// None, or one that this release does not know.
    None,
    Key,
    Certificate,
    /// A token of this issuer. `None` if the context does not have it.
    Token {
        iss: Option<Cow<'c, str>>,
        is_opaque: bool,
    },
}

impl<'c> VerifiedCaller<'c> {
    /// Reads the caller from the context.
    pub(crate) fn from_context(context: &'c CallerContext) -> Self {
        let token = |is_opaque| Credential::Token {
            iss: context.decoded(ContextField::Issuer),
            is_opaque,
        };
        let credential = match context.get(ContextField::Auth) {
            Some("api_key") => Credential::Key,
            Some("mtls") => Credential::Certificate,
            Some("jwt") => token(false),
            Some("introspection") => token(true),
            _ => Credential::None,
        };
        let list = |field, separator| {
            let list = context.get(field).unwrap_or_default();
            decode_header_list(list, separator).unwrap_or_default()
        };

        Self {
            has_key: context.get(ContextField::KeyId).is_some(),
            scopes: list(ContextField::Scopes, ' '),
            roles: list(ContextField::Roles, ','),
            credential,
        }
    }

    /// True if services receive an identity of the caller.
    pub(crate) fn is_identified(&self) -> bool {
        self.has_key || self.credential != Credential::None
    }

    /// True if the caller could make a request to which the rule applies with its own credentials.
    pub(crate) fn satisfies(&self, rule: &Rule, policy: &Policy) -> bool {
        match (rule.auth, &self.credential) {
            (Auth::None, _) => rule.check(&CallerFacts::<&str>::default()).is_ok(),
            (Auth::ApiKey | Auth::Any, Credential::Key) => {
                self.has_key && rule.check(&self.key_facts()).is_ok()
            }
            // The scopes in the context are those of the token, so that those of the key are
            // unknown.
            (Auth::ApiKey, _) => {
                self.has_key && rule.check(&CallerFacts::<&str>::default()).is_ok()
            }
            (Auth::Mtls | Auth::Any, Credential::Certificate) => {
                policy.mtls.is_some() && rule.check(&CallerFacts::<&str>::default()).is_ok()
            }
            (Auth::Jwt | Auth::Any, Credential::Token { iss, is_opaque }) => iss
                .as_deref()
                .is_some_and(|iss| self.token_satisfies(rule, policy, iss, *is_opaque)),
            (Auth::Jwt | Auth::Mtls | Auth::Any, _) => false,
        }
    }

    fn key_facts(&self) -> CallerFacts<'_, Cow<'c, str>> {
        CallerFacts {
            issuer_names: None,
            scopes: &self.scopes,
            roles: &[],
        }
    }

    /// An issuer that the policy no longer has could not be used for a direct call.
    fn token_satisfies(&self, rule: &Rule, policy: &Policy, iss: &str, is_opaque: bool) -> bool {
        let issuer_names = policy.issuer_names(iss, is_opaque);
        let facts = CallerFacts {
            issuer_names: Some(&issuer_names),
            scopes: &self.scopes,
            roles: &self.roles,
        };
        !issuer_names.is_empty() && rule.check(&facts).is_ok()
    }
}
