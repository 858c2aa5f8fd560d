//! From credentials to an identity.

use std::sync::Arc;

use calls::Deadline;
use jiff::Timestamp;
use usage::{ApiKey, Caller, KeyHash, KeyStanding, Store};

use crate::bearer::Bearer;
use crate::event::Request;
use crate::policy::{Auth, Policy, Rule};
use crate::tokens::Tokens;
use crate::{Reason, Stop};

/// Who calls. More than one of these where a request has more than one credential; none where its path is
/// public.
#[derive(Default)]
pub(crate) struct Identity {
    pub(crate) bearer: Option<Arc<Bearer>>,
    pub(crate) key: Option<Arc<ApiKey>>,
    /// Who holds the client certificate that is the credential.
    pub(crate) certificate: Option<String>,
    /// Who is charged.
    caller: Option<Caller>,
    /// On which plan, where neither token nor key says so.
    plan: Option<String>,
}

impl Identity {
    /// The word for it in the context. With a token and a key it is the token that names the user.
    pub(crate) fn auth(&self) -> &'static str {
        match self {
            Self { bearer: Some(bearer), .. } => bearer.auth,
            Self { key: Some(_), .. } => "api_key",
            Self { certificate: Some(_), .. } => "mtls",
            _ => "none",
        }
    }

    /// Who is charged, and on which plan: a key before the token beside it. A token may name no plan.
    pub(crate) fn charged(&self) -> Option<(&Caller, Option<&str>)> {
        let plan = match self {
            Self { key: Some(key), .. } => Some(key.plan.as_str()),
            Self { bearer: Some(bearer), .. } => bearer.plan.as_deref(),
            _ => self.plan.as_deref(),
        };
        Some((self.caller.as_ref()?, plan))
    }

    /// What it may do. A token that comes with a key has its own scopes only.
    pub(crate) fn scopes(&self) -> &[String] {
        match self {
            Self { bearer: Some(bearer), .. } => &bearer.scopes,
            Self { key: Some(key), .. } => &key.scopes,
            _ => &[],
        }
    }
}

/// A request whose credentials are to be checked, and by what.
pub(crate) struct Check<'c> {
    pub(crate) policy: &'c Policy,
    pub(crate) tokens: &'c Tokens,
    pub(crate) store: &'c Store,
    pub(crate) request: &'c Request<'c>,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Deadline,
}

impl Check<'_> {
    /// The identity behind the request's credentials, or why there is none. Every credential that the rule
    /// looks at has to hold, whatever the others are.
    pub(crate) async fn identify(&self, rule: &Rule) -> Result<Identity, Stop> {
        let Self { policy, request, .. } = self;
        let (token, key) = match rule.auth {
            Auth::None => return public(request, rule),
            // Other credentials are the backend's own business.
            Auth::Mtls => (None, None),
            Auth::ApiKey => (None, request.header(&policy.key_header)),
            Auth::Any | Auth::Jwt => (request.header("authorization"), request.header(&policy.key_header)),
        };
        if token.is_none() && (rule.auth == Auth::Jwt || key.is_none()) {
            return self.by_certificate(rule);
        }
        let bearer = match token {
            Some(value) => Some(self.bearer(value).await?),
            None => None,
        };
        let key = match key {
            Some(key) => Some(self.key(key).await?),
            None => None,
        };
        let caller = match (&key, &bearer) {
            (Some(key), _) => Some(Caller::Key(key.key_id.clone())),
            (None, Some(bearer)) => Some(bearer.caller.clone()),
            (None, None) => None,
        };
        Ok(Identity { bearer, key, caller, ..Identity::default() })
    }

    /// Who bears the token. One that is bound to a certificate holds with that certificate only.
    async fn bearer(&self, value: &str) -> Result<Arc<Bearer>, Stop> {
        let bearer = self.tokens.verify(bearer_token(value)?, self.now).await?;
        let proved =
            |hash: &[u8; 32]| self.request.certificate.as_ref().is_some_and(|certificate| certificate.is(hash));
        match &bearer.bound_to {
            Some(hash) if !proved(hash) => Err(Stop::Unauthenticated(Reason::InvalidClaims)),
            _ => Ok(bearer),
        }
    }

    /// Where nothing else was sent: the certificate, if the rule and the policy take it for a credential.
    fn by_certificate(&self, rule: &Rule) -> Result<Identity, Stop> {
        let taken = matches!(rule.auth, Auth::Any | Auth::Mtls);
        let credential = self.request.certificate.as_ref().filter(|_| taken).zip(self.policy.mtls.as_ref());
        let (certificate, mtls) = credential.ok_or(Stop::Unauthenticated(Reason::MissingCredentials))?;
        let (holder, caller) = certificate.holder(mtls.user_from).map_err(Stop::Unauthenticated)?;
        Ok(Identity {
            certificate: Some(holder),
            caller: Some(caller),
            plan: Some(mtls.default_plan.clone()),
            ..Identity::default()
        })
    }

    async fn key(&self, key: &str) -> Result<Arc<ApiKey>, Stop> {
        let hash = KeyHash::of(key).map_err(|_| Stop::Unauthenticated(Reason::MalformedCredentials))?;
        let known = self.store.key(&hash, self.deadline).await;
        let known = known.map_err(|error| Stop::Fault(Reason::StoreUnavailable, error.to_string()))?;
        let key = known.ok_or(Stop::Unauthenticated(Reason::UnknownKey))?;
        match key.standing(self.now.as_nanosecond()) {
            KeyStanding::Good => Ok(key),
            KeyStanding::Disabled => Err(Stop::Unauthenticated(Reason::KeyDisabled)),
            KeyStanding::Expired => Err(Stop::Unauthenticated(Reason::KeyExpired)),
        }
    }
}

fn public(request: &Request<'_>, rule: &Rule) -> Result<Identity, Stop> {
    let Some(plan) = &rule.address_plan else { return Ok(Identity::default()) };
    let problem = "event: the source address is not an address";
    let source = request.source.ok_or_else(|| Stop::Fault(Reason::Fault, problem.to_owned()))?;
    Ok(Identity { caller: Some(Caller::from_address(source, plan)), plan: Some(plan.clone()), ..Identity::default() })
}

/// The token of `Bearer TOKEN`. Schemes have no case (RFC 9110, section 11.1); no other one is understood,
/// and neither is a token without one.
fn bearer_token(value: &str) -> Result<&str, Stop> {
    let malformed = Stop::Unauthenticated(Reason::MalformedCredentials);
    let Some((scheme, token)) = value.split_once(' ') else { return Err(malformed) };
    let token = token.trim_start_matches(' ');
    let of_its_alphabet =
        |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    // To the end, whatever is found: without a way out early, several bytes are looked at together.
    let plain = !token.is_empty() && token.bytes().fold(true, |plain, byte| plain & of_its_alphabet(byte));
    if scheme.eq_ignore_ascii_case("bearer") && plain { Ok(token) } else { Err(malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_has_no_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "bEaReR  a.b.c"] {
            assert_eq!(bearer_token(value).ok(), Some("a.b.c"), "{value}");
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_refused() {
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "a.b.c",
            "Basic YTpi",
            "DPoP a.b.c",
            "Bearera.b.c",
            " Bearer a.b.c",
            "Bearer\ta.b.c",
            "Bearer a.b.c ",
            "Bearer a.b.c,Bearer d.e.f",
            "Bearer a b",
            "Bearer \u{fc}",
            "Bearer a.b.c\n",
            "Bearer: a.b.c",
        ] {
            assert!(bearer_token(value).is_err(), "{value:?}");
        }
    }
}
