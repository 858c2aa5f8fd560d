//! Identifies the caller by the credentials of a request.

use std::net::IpAddr;
use std::sync::Arc;

use aws::Deadline;
use jiff::Timestamp;
use limits::Caller;
use outcome::Reason;
use policy::{Auth, Mtls, Policy, Rule};
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
    /// The address of the client.
    pub(crate) address: Option<IpAddr>,
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
            return identify_address(self.address, rule, identity);
        }
        if uses_certificate(rule, self.sent) {
            let mtls = self.policy.mtls.as_ref();
            return identify_certificate(self.request, mtls, rule, identity);
        }
        let SentCredentials { token, key } = self.sent;

        if let Some(token) = token {
            let bearer = self.tokens.verify(token, self.now).await?;
            check_binding(self.request, identity.bearer.insert(bearer))?;
        }
        if let Some(key) = key {
            let key = self.api_key(key).await?;
            check_key(self.address, identity.key.insert(key), self.now)?;
        }

        identity.set_caller();
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
}

/// True if a request with these credentials is identified by its client certificate.
pub(crate) fn uses_certificate(rule: &Rule, sent: SentCredentials<'_>) -> bool {
    sent.token.is_none() && (rule.auth == Auth::Jwt || sent.key.is_none())
}

/// Identifies the caller by its client certificate, if the rule and the policy accept that as a
/// credential.
pub(crate) fn identify_certificate(
    request: &Request<'_>,
    mtls: Option<&Mtls>,
    rule: &Rule,
    identity: &mut Identity,
) -> Result<(), Rejection> {
    let is_accepted = matches!(rule.auth, Auth::Any | Auth::Mtls);
    let credential = request
        .certificate
        .as_ref()
        .filter(|_| is_accepted)
        .zip(mtls);
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

/// Checks that a token which is bound to a certificate came with that certificate.
pub(crate) fn check_binding(request: &Request<'_>, bearer: &Bearer) -> Result<(), Rejection> {
    let is_sent = |hash: &[u8; 32]| {
        let certificate = request.certificate.as_ref();
        certificate.is_some_and(|certificate| certificate.has_thumbprint(hash))
    };
    match &bearer.certificate {
        Some(hash) if !is_sent(hash) => {
            let refusal = TokenRefusal::invalid_claims("certificate");
            Err(Rejection::from(refusal).of_issuer(&bearer.issuer_name))
        }
        _ => Ok(()),
    }
}

/// Checks that a key is enabled, has begun, has not expired, and may be used from the address of
/// the client.
pub(crate) fn check_key(
    address: Option<IpAddr>,
    key: &ApiKey,
    now: Timestamp,
) -> Result<(), Rejection> {
    match key.standing(now.as_nanosecond()) {
        KeyStatus::Good => check_address(address, key),
        KeyStatus::Disabled => Err(refused(Reason::KeyDisabled, "disabled")),
        KeyStatus::Expired => Err(refused(Reason::KeyExpired, "expired")),
        KeyStatus::NotYetValid => Err(refused(Reason::KeyNotYetValid, "not_yet_valid")),
    }
}

fn check_address(address: Option<IpAddr>, key: &ApiKey) -> Result<(), Rejection> {
    if key.allows_address(address) {
        return Ok(());
    }

    let detail = match address {
        Some(_) => "the source address is not in `allowed_ips` of the key",
        None => "the key has `allowed_ips`, and the event has no valid source address",
    };
    Err(Rejection::forbidden(Reason::AddressNotAllowed).because(detail))
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
pub(crate) fn identify_address(
    address: Option<IpAddr>,
    rule: &Rule,
    identity: &mut Identity,
) -> Result<(), Rejection> {
    let Some(plan) = &rule.address_plan else {
        return Ok(());
    };
    let address = address.ok_or_else(|| {
        Rejection::fault(
            Reason::Fault,
            "event: the source address is missing or invalid",
        )
    })?;

    identity.caller = Some(Caller::from_address(address, plan));
    identity.plan = Some(plan.clone());
    Ok(())
}
