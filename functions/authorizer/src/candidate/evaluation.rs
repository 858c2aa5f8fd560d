//! The evaluation of a candidate with what the active policy has verified.

use std::net::IpAddr;
use std::sync::Arc;

use outcome::Reason;
use policy::{Auth, Rule};
use registry::ApiKey;

use super::{Admission, Candidate, DecidedRequest};
use crate::credentials::{
    check_binding, check_key, identify_address, identify_certificate, uses_certificate,
};
use crate::rejection::{Rejection, RejectionKind};
use crate::sent_credentials::SentCredentials;
use crate::token::bearer::Bearer;

/// The end of an evaluation before the candidate admits the request.
pub(crate) enum Stop {
    /// The candidate refuses the request.
    Refused(Rejection),
    /// The decision depends on a check that the active policy has not made.
    Unknown,
}

impl<R: Into<Rejection>> From<R> for Stop {
    fn from(rejection: R) -> Self {
        let rejection = rejection.into();
        match rejection.kind {
            RejectionKind::Unauthenticated | RejectionKind::Forbidden => Self::Refused(rejection),
            RejectionKind::Fault | RejectionKind::Unavailable => Self::Unknown,
        }
    }
}

/// A candidate, and the request that it is evaluated for.
pub(super) struct Evaluation<'c, 'r, 'p> {
    pub(super) candidate: &'c Candidate,
    pub(super) decided: &'r DecidedRequest<'r, 'p>,
}

impl<'c, 'r> Evaluation<'c, 'r, '_> {
    /// Makes the checks of the candidate in the order of the authorizer's.
    pub(super) fn run(&self, admission: &mut Admission<'r, 'c>) -> Result<(), Stop> {
        // The active policy could not verify a credential, so the candidate cannot either.
        let failure = self.decided.rejection.map(|rejection| rejection.kind);
        if let Some(RejectionKind::Fault | RejectionKind::Unavailable) = failure {
            return Err(Stop::Unknown);
        }

        let policy = &self.candidate.policy;
        let request = self.decided.request;
        admission.address = self.client_address()?;
        let rule = policy.choose(&request.method, self.decided.path)?;
        admission.rule = Some(rule);
        if rule.auth != Auth::None && request.is_preflight(policy) {
            return Ok(());
        }

        admission.sent = SentCredentials::read(request, policy, rule.auth)?;
        self.identify(rule, admission)?;
        admission.identity.check_rule(rule)?;
        admission.identity.charged_plan()?;
        Ok(())
    }

    /// Returns the address of the client, if the request came through the front of the candidate.
    fn client_address(&self) -> Result<Option<IpAddr>, Stop> {
        let DecidedRequest { request, now, .. } = self.decided;
        match &self.candidate.front {
            None => Ok(request.source),
            Some(front) => {
                let named = front.check_known(request, *now).ok_or(Stop::Unknown)??;
                Ok(named.or(request.source))
            }
        }
    }

    fn identify(&self, rule: &Rule, admission: &mut Admission<'r, 'c>) -> Result<(), Stop> {
        let request = self.decided.request;
        let (address, sent) = (admission.address, admission.sent);
        let identity = &mut admission.identity;
        if rule.auth == Auth::None {
            return Ok(identify_address(address, rule, identity)?);
        }
        if uses_certificate(rule, sent) {
            let mtls = self.candidate.policy.mtls.as_ref();
            return Ok(identify_certificate(request, mtls, rule, identity)?);
        }

        if let Some(token) = sent.token {
            let bearer = identity.bearer.insert(self.bearer(token)?);
            check_binding(request, bearer)?;
        }
        if let Some(key) = sent.key {
            let key = identity.key.insert(self.api_key(key)?);
            check_key(address, key, self.decided.now)?;
        }
        identity.set_caller();
        Ok(())
    }

    /// Returns the bearer of a token that the active policy has verified, as the candidate maps its
    /// claims.
    fn bearer(&self, token: &str) -> Result<Arc<Bearer>, Stop> {
        let Admission { sent, identity, .. } = self.decided.admission;
        if sent.token != Some(token) {
            return Err(Stop::Unknown);
        }
        let Some(verified) = &identity.bearer else {
            return Err(self.refusal(self.candidate.has_same_issuers));
        };

        self.candidate.tokens.reevaluate(
            token,
            verified,
            &self.decided.active.tokens,
            self.candidate.has_same_introspection,
            self.decided.now,
        )
    }

    /// Returns an API key that the active policy has looked up.
    fn api_key(&self, key: &str) -> Result<Arc<ApiKey>, Stop> {
        let Admission { sent, identity, .. } = self.decided.admission;
        if sent.key != Some(key) {
            return Err(Stop::Unknown);
        }
        if let Some(known) = &identity.key {
            return Ok(Arc::clone(known));
        }

        // A key that does not exist is unknown to every policy.
        let reason = self.decided.rejection.map(|rejection| rejection.reason);
        Err(self.refusal(reason == Some(Reason::UnknownKey)))
    }

    /// Returns the rejection of the active policy, if it is also that of the candidate.
    fn refusal(&self, is_same: bool) -> Stop {
        let rejection = self.decided.rejection.filter(|_| is_same);
        rejection.map_or(Stop::Unknown, |rejection| rejection.clone().into())
    }
}
