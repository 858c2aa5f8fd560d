//! Identifies the caller by the credentials of a request.

use std::sync::Arc;

use aws::Deadline;
use jiff::Timestamp;
use limits::Caller;
use outcome::Reason;
use policy::{Auth, Policy, Rule};
use registry::{ApiKey, KeyHash, KeyStatus};
use store::Store;

use crate::event::Request;
use crate::identity::Identity;
use crate::rejection::Rejection;
use crate::sent_credentials::SentCredentials;
use crate::token::bearer::Bearer;
use crate::token::refusal::TokenRefusal;
use crate::token_verifier::TokenVerifier;

/// A request with everything that its credentials are checked by.
pub(crate) struct CredentialCheck<'c> {
    pub(crate) policy: &'c Policy,
    pub(crate) tokens: &'c TokenVerifier,
    pub(crate) store: &'c Store,
    pub(crate) request: &'c Request<'c>,
    pub(crate) sent: SentCredentials<'c>,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Deadline,
}

impl CredentialCheck<'_> {
    /// Fills in `identity` from the request's credentials. Every credential that the rule accepts
    /// must be valid.
    ///
    /// # Errors
    /// The rejection of the first invalid credential. `identity` then has what is known about the
    /// caller, for the log.
    pub(crate) async fn identify(
        &self,
        rule: &Rule,
        identity: &mut Identity,
    ) -> Result<(), Rejection> {
        if rule.auth == Auth::None {
            return identify_address(self.request, rule, identity);
        }
        let SentCredentials { token, key } = self.sent;
        if token.is_none() && (rule.auth == Auth::Jwt || key.is_none()) {
            return self.identify_certificate(rule, identity);
        }

        if let Some(token) = token {
            let bearer = self.tokens.verify(token, self.now).await?;
            self.check_binding(identity.bearer.insert(bearer))?;
        }
        if let Some(key) = key {
            let key = self.api_key(key).await?;
            let key = identity.key.insert(key);
            self.check_standing(key)?;
            self.check_address(key)?;
        }

        identity.group = identity.key.as_ref().and_then(|key| key.group_caller());
        identity.caller = match (&identity.key, &identity.bearer) {
            (Some(key), _) => Some(Caller::Key(key.key_id.clone())),
            (None, Some(bearer)) => Some(bearer.caller.clone()),
            (None, None) => None,
        };
        Ok(())
    }

    /// Checks that a token which is bound to a certificate came with that certificate.
    fn check_binding(&self, bearer: &Bearer) -> Result<(), Rejection> {
        let is_sent = |hash: &[u8; 32]| {
            self.request
                .certificate
                .as_ref()
                .is_some_and(|certificate| certificate.has_thumbprint(hash))
        };
        match &bearer.certificate {
            Some(hash) if !is_sent(hash) => {
                let refusal = TokenRefusal::invalid_claims("certificate");
                Err(Rejection::from(refusal).of_issuer(&bearer.issuer_name))
            }
            _ => Ok(()),
        }
    }

    /// Identifies the caller by its client certificate, if the rule and the policy accept that as a
    /// credential.
    fn identify_certificate(&self, rule: &Rule, identity: &mut Identity) -> Result<(), Rejection> {
        let is_accepted = matches!(rule.auth, Auth::Any | Auth::Mtls);
        let credential = self
            .request
            .certificate
            .as_ref()
            .filter(|_| is_accepted)
            .zip(self.policy.mtls.as_ref());
        let (certificate, mtls) =
            credential.ok_or_else(|| refused(Reason::MissingCredentials, missing(rule.auth)))?;
        let holder = certificate
            .holder(mtls.user_from)
            .map_err(|reason| refused(reason, "certificate"))?;

        identity.caller = Some(Caller::from_certificate(&holder.name, &holder.issuer));
        identity.certificate = Some(holder);
        identity.plan = Some(mtls.default_plan.clone());
        Ok(())
    }

    /// Looks up an API key.
    async fn api_key(&self, key: &str) -> Result<Arc<ApiKey>, Rejection> {
        let hash =
            KeyHash::of(key).map_err(|_| refused(Reason::MalformedCredentials, "api_key_form"))?;
        let known = self
            .store
            .key(&hash, self.deadline)
            .await
            .map_err(|error| Rejection::fault(Reason::StoreUnavailable, error.to_string()))?;

        known.ok_or_else(|| refused(Reason::UnknownKey, "not_found"))
    }

    /// Checks that the key is enabled, has begun and has not expired.
    fn check_standing(&self, key: &ApiKey) -> Result<(), Rejection> {
        match key.standing(self.now.as_nanosecond()) {
            KeyStatus::Good => Ok(()),
            KeyStatus::Disabled => Err(refused(Reason::KeyDisabled, "disabled")),
            KeyStatus::Expired => Err(refused(Reason::KeyExpired, "expired")),
            KeyStatus::NotYetValid => Err(refused(Reason::KeyNotYetValid, "not_yet_valid")),
        }
    }

    /// Checks that the key may be used from the address of the request.
    fn check_address(&self, key: &ApiKey) -> Result<(), Rejection> {
        if key.allows_address(self.request.source) {
            return Ok(());
        }

        let detail = match self.request.source {
            Some(_) => "the source address is not in `allowed_ips` of the key",
            None => "the key has `allowed_ips`, and the event has no valid source address",
        };
        Err(Rejection::forbidden(Reason::AddressNotAllowed).because(detail))
    }
}

fn refused(reason: Reason, detail: &'static str) -> Rejection {
    Rejection::unauthenticated(reason).because(detail)
}

/// Returns the detail of a request without a credential that the rule accepts.
const fn missing(auth: Auth) -> &'static str {
    match auth {
        Auth::Jwt => "token_missing",
        Auth::ApiKey => "api_key_missing",
        Auth::Mtls => "certificate_missing",
        Auth::Any | Auth::None => "credential_missing",
    }
}

/// Identifies the caller of a public route by its address, if the rule limits addresses.
fn identify_address(
    request: &Request<'_>,
    rule: &Rule,
    identity: &mut Identity,
) -> Result<(), Rejection> {
    let Some(plan) = &rule.address_plan else {
        return Ok(());
    };
    let source = request.source.ok_or_else(|| {
        Rejection::fault(
            Reason::Fault,
            "event: the source address is missing or invalid",
        )
    })?;

    identity.caller = Some(Caller::from_address(source, plan));
    identity.plan = Some(plan.clone());
    Ok(())
}
