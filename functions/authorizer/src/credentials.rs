//! From credentials to an identity.

use std::sync::Arc;

use calls::Deadline;
use usage::{ApiKey, Caller, KeyHash, KeyStanding, Nanos, Store};

use crate::event::Request;
use crate::policy::{Auth, Policy, Rule};
use crate::{Reason, Stop};

/// Who calls.
#[derive(Debug)]
pub(crate) enum Identity {
    /// Somebody with an API key that holds.
    Key { key: Arc<ApiKey>, caller: Caller },
    /// Nobody in particular, from an address that is charged.
    Address { caller: Caller, plan: String },
    /// Nobody in particular.
    Anonymous,
}

impl Identity {
    /// The identity behind a request's credentials, or why there is none.
    pub(crate) async fn of(
        request: &Request,
        rule: &Rule,
        policy: &Policy,
        store: &Store,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Self, Stop> {
        match rule.auth {
            Auth::None => Self::public(request, rule),
            // No token can be verified here, and an invalid one never falls through to a key.
            Auth::Any if request.header("authorization").is_some() => Err(Stop::Unauthenticated(Reason::InvalidToken)),
            Auth::Any | Auth::ApiKey => Self::by_key(request.header(&policy.key_header), store, now, deadline).await,
        }
    }

    fn public(request: &Request, rule: &Rule) -> Result<Self, Stop> {
        let Some(plan) = &rule.address_plan else { return Ok(Self::Anonymous) };
        let missing =
            || Stop::Fault(Reason::Fault, "event: `requestContext.http.sourceIp` is not an address".to_owned());
        let caller = Caller::from_address(request.source.ok_or_else(missing)?, plan);
        Ok(Self::Address { caller, plan: plan.clone() })
    }

    async fn by_key(key: Option<&str>, store: &Store, now: Nanos, deadline: Deadline) -> Result<Self, Stop> {
        let key = key.ok_or(Stop::Unauthenticated(Reason::MissingCredentials))?;
        let hash = KeyHash::of(key).map_err(|_| Stop::Unauthenticated(Reason::MalformedCredentials))?;
        let known = store.key(&hash, deadline).await;
        let known = known.map_err(|error| Stop::Fault(Reason::StoreUnavailable, error.to_string()))?;
        let key = known.ok_or(Stop::Unauthenticated(Reason::UnknownKey))?;
        match key.standing(now) {
            KeyStanding::Good => Ok(Self::Key { caller: Caller::Key(key.key_id.clone()), key }),
            KeyStanding::Disabled => Err(Stop::Unauthenticated(Reason::KeyDisabled)),
            KeyStanding::Expired => Err(Stop::Unauthenticated(Reason::KeyExpired)),
        }
    }

    /// Who is charged, and on which plan.
    pub(crate) fn charged(&self) -> Option<(&Caller, &str)> {
        match self {
            Self::Key { key, caller } => Some((caller, &key.plan)),
            Self::Address { caller, plan } => Some((caller, plan)),
            Self::Anonymous => None,
        }
    }

    pub(crate) fn scopes(&self) -> &[String] {
        match self {
            Self::Key { key, .. } => &key.scopes,
            Self::Address { .. } | Self::Anonymous => &[],
        }
    }
}
