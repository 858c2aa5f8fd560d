//! From credentials to an identity.

use std::sync::Arc;

use aws::Deadline;
use jiff::Timestamp;
use outcome::Reason;
use policy::{Auth, Policy, Rule};
use usage::{ApiKey, Caller, KeyHash, KeyStanding, Store};

use crate::Stop;
use crate::certificate::Holder;
use crate::event::Request;
use crate::token::bearer::{Bearer, TokenPlan};
use crate::tokens::Tokens;

/// Who calls. More than one of these where a request has more than one credential; none where its
/// path is public.
#[derive(Default)]
pub(crate) struct Identity {
    pub(crate) bearer: Option<Arc<Bearer>>,
    pub(crate) key: Option<Arc<ApiKey>>,
    /// The holder of the client certificate that is the credential.
    pub(crate) certificate: Option<Holder>,
    /// Who is charged.
    caller: Option<Caller>,
    /// The plan of callers without a token or key.
    plan: Option<String>,
}

impl Identity {
    /// The word for it in the context. With a token and a key it is the token that names the user.
    pub(crate) fn auth(&self) -> &'static str {
        match self {
            Self {
                bearer: Some(bearer),
                ..
            } => bearer.auth,
            Self { key: Some(_), .. } => "api_key",
            Self {
                certificate: Some(_),
                ..
            } => "mtls",
            _ => "none",
        }
    }

    /// Who is charged, and on which plan: a key before the token beside it. A token may name no
    /// plan.
    pub(crate) fn charged(&self) -> Option<(&Caller, Option<&str>)> {
        let plan = match self {
            Self { key: Some(key), .. } => Some(key.plan.as_str()),
            Self {
                bearer: Some(bearer),
                ..
            } => bearer.plan.name(),
            _ => self.plan.as_deref(),
        };
        Some((self.caller.as_ref()?, plan))
    }

    /// True if a credential was found to be somebody's, even if it is refused.
    pub(crate) fn is_known(&self) -> bool {
        self.bearer.is_some() || self.key.is_some() || self.certificate.is_some()
    }

    /// The plan, if the registry or the policy contains its name: a name that only a token contains
    /// may be anything.
    pub(crate) fn configured_plan(&self) -> Option<&str> {
        match self {
            Self { key: Some(key), .. } => Some(&key.plan),
            Self {
                bearer: Some(bearer),
                ..
            } => match &bearer.plan {
                TokenPlan::Configured(plan) => Some(plan),
                _ => None,
            },
            _ => self.plan.as_deref(),
        }
    }

    /// Checks who calls against what the rule asks for.
    ///
    /// # Errors
    /// 403 with the first requirement that is not met.
    pub(crate) fn meets(&self, rule: &Rule) -> Result<(), Stop> {
        if let (Some(bearer), Some(accepted)) = (&self.bearer, &rule.issuers)
            && !accepted.iter().any(|name| **name == *bearer.issuer_name)
        {
            let detail = "the rule does not accept tokens of this issuer";
            return Err(Stop::Forbidden(Reason::IssuerNotAccepted).because(detail));
        }

        if let Some(scope) = rule
            .scopes
            .iter()
            .find(|scope| !self.scopes().contains(scope))
        {
            return Err(Stop::Forbidden(Reason::InsufficientScope)
                .because(format!("scope `{scope}` is missing")));
        }

        let token_is_charged = self.key.is_none();
        match &self.bearer {
            Some(bearer) if token_is_charged && bearer.plan == TokenPlan::NotAllowed => {
                let detail =
                    "the token names a plan that is not among the issuer's `allowed_plans`";
                Err(Stop::Forbidden(Reason::PlanNotAllowed).because(detail))
            }
            _ => Ok(()),
        }
    }

    /// What it may do. A token that comes with a key has its own scopes only.
    pub(crate) fn scopes(&self) -> &[String] {
        match self {
            Self {
                bearer: Some(bearer),
                ..
            } => &bearer.scopes,
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
    /// Fills in the identity behind the request's credentials. Every credential that the rule looks
    /// at has to be valid, whatever the others are.
    ///
    /// # Errors
    /// The refusal of the first invalid credential. What is known by then is in `identity`, for the
    /// log.
    pub(crate) async fn identify(&self, rule: &Rule, identity: &mut Identity) -> Result<(), Stop> {
        let Self {
            policy, request, ..
        } = self;
        let (token, key) = match rule.auth {
            Auth::None => return public(request, rule, identity),
            // Other credentials are the backend's own business.
            Auth::Mtls => (None, None),
            Auth::ApiKey => (None, request.header(&policy.key_header)),
            Auth::Any | Auth::Jwt => (
                request.header("authorization"),
                request.header(&policy.key_header),
            ),
        };
        if token.is_none() && (rule.auth == Auth::Jwt || key.is_none()) {
            return self.by_certificate(rule, identity);
        }

        if let Some(value) = token {
            let bearer = identity
                .bearer
                .insert(self.tokens.verify(bearer_token(value)?, self.now).await?);
            self.check_binding(bearer)?;
        }
        if let Some(key) = key {
            let key = identity.key.insert(self.key(key).await?);
            self.check_standing(key)?;
        }

        identity.caller = match (&identity.key, &identity.bearer) {
            (Some(key), _) => Some(Caller::Key(key.key_id.clone())),
            (None, Some(bearer)) => Some(bearer.caller.clone()),
            (None, None) => None,
        };
        Ok(())
    }

    /// A token that is bound to a certificate is valid together with that certificate only.
    fn check_binding(&self, bearer: &Bearer) -> Result<(), Stop> {
        let is_sent = |hash: &[u8; 32]| {
            self.request
                .certificate
                .as_ref()
                .is_some_and(|certificate| certificate.is(hash))
        };
        match &bearer.certificate {
            Some(hash) if !is_sent(hash) => Err(Stop::Unauthenticated(Reason::InvalidClaims)),
            _ => Ok(()),
        }
    }

    /// Where nothing else was sent: the certificate, if the rule and the policy take it for a
    /// credential.
    fn by_certificate(&self, rule: &Rule, identity: &mut Identity) -> Result<(), Stop> {
        let taken = matches!(rule.auth, Auth::Any | Auth::Mtls);
        let credential = self
            .request
            .certificate
            .as_ref()
            .filter(|_| taken)
            .zip(self.policy.mtls.as_ref());
        let (certificate, mtls) =
            credential.ok_or(Stop::Unauthenticated(Reason::MissingCredentials))?;
        let holder = certificate
            .holder(mtls.user_from)
            .map_err(Stop::Unauthenticated)?;

        identity.caller = Some(Caller::from_certificate(&holder.name, &holder.issuer));
        identity.certificate = Some(holder);
        identity.plan = Some(mtls.default_plan.clone());
        Ok(())
    }

    async fn key(&self, key: &str) -> Result<Arc<ApiKey>, Stop> {
        let hash =
            KeyHash::of(key).map_err(|_| Stop::Unauthenticated(Reason::MalformedCredentials))?;
        let known = self.store.key(&hash, self.deadline).await;
        let known =
            known.map_err(|error| Stop::Fault(Reason::StoreUnavailable, error.to_string()))?;
        known.ok_or(Stop::Unauthenticated(Reason::UnknownKey))
    }

    /// A key that is known may be disabled or expired.
    fn check_standing(&self, key: &ApiKey) -> Result<(), Stop> {
        match key.standing(self.now.as_nanosecond()) {
            KeyStanding::Good => Ok(()),
            KeyStanding::Disabled => Err(Stop::Unauthenticated(Reason::KeyDisabled)),
            KeyStanding::Expired => Err(Stop::Unauthenticated(Reason::KeyExpired)),
        }
    }
}

fn public(request: &Request<'_>, rule: &Rule, identity: &mut Identity) -> Result<(), Stop> {
    let Some(plan) = &rule.address_plan else {
        return Ok(());
    };
    let problem = "event: the source address is not an address";
    let source = request
        .source
        .ok_or_else(|| Stop::Fault(Reason::Fault, problem.to_owned()))?;
    identity.caller = Some(Caller::from_address(source, plan));
    identity.plan = Some(plan.clone());
    Ok(())
}

/// The token of `Bearer TOKEN`. Schemes have no case (RFC 9110, section 11.1); no other one is
/// understood, and neither is a token without one.
fn bearer_token(value: &str) -> Result<&str, Stop> {
    let malformed = Stop::Unauthenticated(Reason::MalformedCredentials);
    let Some((scheme, token)) = value.split_once(' ') else {
        return Err(malformed);
    };
    let token = token.trim_start_matches(' ');
    let of_its_alphabet = |byte: u8| {
        byte.is_ascii_alphanumeric()
            | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    // To the end, whatever is found: without a way out early, several bytes are looked at together.
    let plain = !token.is_empty()
        && token
            .bytes()
            .fold(true, |plain, byte| plain & of_its_alphabet(byte));
    if scheme.eq_ignore_ascii_case("bearer") && plain {
        Ok(token)
    } else {
        Err(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_has_no_case() {
        for value in [
            "Bearer a.b.c",
            "bearer a.b.c",
            "BEARER a.b.c",
            "bEaReR  a.b.c",
        ] {
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
