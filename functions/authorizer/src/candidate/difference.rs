//! The decisions of two policies on a request, and the fields in which they differ.

use limits::Caller;
use outcome::Reason;

use super::Admission;
use crate::identity::Identity;
use crate::rejection::{Rejection, RejectionKind};

/// The decision of a policy, up to the plan that it charges.
pub(super) struct PolicyDecision<'d> {
    pub(super) rule: Option<&'d str>,
    /// `allowed`, `unauthorized` or `forbidden`.
    pub(super) outcome: &'static str,
    pub(super) reason: Reason,
    /// The calls that are charged. `None` for a request that is refused, or without a caller.
    pub(super) cost: Option<u64>,
    charge: Option<(&'d Caller, Option<&'d str>)>,
    identity: &'d Identity,
}

impl<'d> PolicyDecision<'d> {
    pub(super) fn new(admission: &'d Admission<'_, '_>, rejection: Option<&'d Rejection>) -> Self {
        let Admission { rule, identity, .. } = admission;
        let charge = match rejection {
            None => identity.caller_and_plan(),
            Some(_) => None,
        };

        Self {
            rule: rule.map(|rule| rule.route.as_str()),
            outcome: outcome(rejection),
            reason: rejection.map_or(Reason::Ok, |rejection| rejection.reason),
            cost: charge.and(rule.map(|rule| rule.cost)),
            charge,
            identity,
        }
    }

    /// Returns the plan that is charged, for the log. A name that only a token contains may be any
    /// string, and is not returned.
    pub(super) fn logged_plan(&self) -> Option<&'d str> {
        self.charge.and_then(|_| self.identity.configured_plan())
    }

    /// Returns the names of the fields in which the other decision differs, joined by commas. Empty
    /// if the decisions are the same.
    pub(super) fn differences(&self, other: &Self) -> String {
        let (is_allowed, one, two) = (self.is_allowed() && other.is_allowed(), self, other);
        let plan = |decision: &Self| decision.charge.map(|(_, plan)| plan.map(str::to_owned));
        let caller = |decision: &Self| decision.charge.map(|(caller, _)| caller.clone());

        let fields = [
            ("outcome", one.outcome != two.outcome),
            ("reason", one.reason != two.reason),
            ("rule", one.rule != two.rule),
            ("plan", is_allowed && plan(one) != plan(two)),
            ("cost", is_allowed && one.cost != two.cost),
            ("caller", is_allowed && caller(one) != caller(two)),
            (
                "identity",
                is_allowed && one.identity.forwarded() != two.identity.forwarded(),
            ),
        ];
        let names = fields
            .iter()
            .filter(|(_, differs)| *differs)
            .map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    }

    fn is_allowed(&self) -> bool {
        self.reason == Reason::Ok
    }
}

fn outcome(rejection: Option<&Rejection>) -> &'static str {
    match rejection.map(|rejection| rejection.kind) {
        None => "allowed",
        Some(RejectionKind::Unauthenticated) => "unauthorized",
        Some(RejectionKind::Forbidden) => "forbidden",
        Some(RejectionKind::Fault | RejectionKind::Unavailable) => "unavailable",
    }
}
