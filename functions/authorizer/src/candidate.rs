//! The candidate of the active policy: a policy that is evaluated for each request in addition to
//! the active one, and never affects a response.
//!
//! The candidate is evaluated with what the active policy has verified: no signature is checked
//! again, and no request waits for anything that is read or fetched. If that is not enough, its
//! decision is unknown. Limits and blocks are not part of the comparison. The candidate is compared up
//! to the plan that would be charged.

mod difference;
mod evaluation;
mod report;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use policy::{Policy, PolicyName, PolicyTextError, Rule};
use serde_json::Value;

use crate::active_policy::{ActivePolicy, IssuerCalls};
use crate::event::Request;
use crate::front::FrontCheck;
use crate::identity::Identity;
use crate::rejection::Rejection;
use crate::secrets::SecretReader;
use crate::sent_credentials::SentCredentials;
use crate::token_verifier::TokenVerifier;

use self::difference::PolicyDecision;
use self::evaluation::Evaluation;
use self::report::Report;

pub(crate) use self::evaluation::Stop;

/// The fields of a policy on which the verification of opaque tokens depends.
const INTROSPECTION_FIELDS: [&str; 2] = ["introspection", "clock_tolerance_s"];
/// The fields of a policy on which the verification of all tokens depends.
const TOKEN_FIELDS: [&str; 3] = ["issuers", "introspection", "clock_tolerance_s"];

/// A policy that is evaluated in addition to the active one.
pub(crate) struct Candidate {
    policy: Policy,
    /// Shares the fetched signing keys of the active policy. It never fetches any.
    tokens: TokenVerifier,
    /// Its secrets are read in the background.
    front: Option<FrontCheck>,
    /// True if opaque tokens are verified as by the active policy.
    has_same_introspection: bool,
    /// True if all tokens are.
    has_same_issuers: bool,
    report: Report,
}

/// The facts about a request that a policy has established, up to the plan that it charges.
#[derive(Default)]
pub(crate) struct Admission<'r, 'p> {
    /// The address of the client, once it is known. Behind a front, the front names it.
    pub(crate) address: Option<IpAddr>,
    /// The rule for the request, once it is known.
    pub(crate) rule: Option<&'p Rule>,
    /// The credentials that the rule accepts.
    pub(crate) sent: SentCredentials<'r>,
    /// The identity, as far as it is verified.
    pub(crate) identity: Identity,
}

/// A request on which the active policy has decided.
pub(crate) struct DecidedRequest<'r, 'p> {
    pub(crate) request: &'r Request<'r>,
    pub(crate) path: &'r str,
    pub(crate) now: Timestamp,
    pub(crate) active: &'p ActivePolicy,
    pub(crate) admission: &'r Admission<'r, 'p>,
    pub(crate) rejection: Option<&'r Rejection>,
}

impl Candidate {
    /// Prepares a candidate of the active policy, whose text is `active_text`.
    ///
    /// # Errors
    /// [`PolicyTextError`] if the candidate is invalid.
    pub(crate) fn load(
        text: &str,
        active_text: &str,
        source: &PolicyName,
        active: &ActivePolicy,
        calls: &IssuerCalls,
        secrets: &Arc<SecretReader>,
    ) -> Result<Self, PolicyTextError> {
        let mut policy = Policy::parse_stored(text, &source.key_header, &*source.environment)?;
        let issuers = std::mem::take(&mut policy.issuers);
        let server = policy.introspection.take();
        let front = policy.front.take();

        let previous = Some(&*active.tokens);
        let tokens = TokenVerifier::new(issuers, server, previous, secrets, || calls.get().clone());
        let front = front.map(|it| FrontCheck::new(it, active.front.as_deref(), secrets));
        Ok(Self {
            policy,
            tokens,
            front,
            has_same_introspection: are_same(text, active_text, &INTROSPECTION_FIELDS),
            has_same_issuers: are_same(text, active_text, &TOKEN_FIELDS),
            report: Report::default(),
        })
    }

    /// Returns the policy.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Evaluates the candidate for a request, and reports a decision that differs.
    pub(crate) fn compare(&self, decided: &DecidedRequest<'_, '_>) {
        let evaluation = Evaluation {
            candidate: self,
            decided,
        };
        let mut admission = Admission::default();

        let rejection = match evaluation.run(&mut admission) {
            Ok(()) => None,
            Err(Stop::Refused(rejection)) => Some(rejection),
            Err(Stop::Unknown) => return self.report.unknown(decided.now),
        };
        let active = PolicyDecision::new(decided.admission, decided.rejection);
        let candidate = PolicyDecision::new(&admission, rejection.as_ref());
        self.report
            .compared(&active, &candidate, decided.request, decided.now);
    }

    /// Logs the counts that are not logged yet.
    pub(crate) fn flush(&self) {
        self.report.flush();
    }
}

/// True if these fields of two policies are the same.
fn are_same(one: &str, other: &str, fields: &[&str]) -> bool {
    let parse = |text| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (one, other) = (parse(one), parse(other));
    fields
        .iter()
        .all(|field| one.get(field) == other.get(field))
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Candidate")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
