//! Refusals and failures that end a request before it is charged.

use std::borrow::Cow;
use std::sync::Arc;

use outcome::Reason;
use policy::NoRule;

/// The reason why a request is not allowed, before any limit is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) kind: RejectionKind,
    pub(crate) reason: Reason,
    /// The cause, for the log. It contains no value of the request.
    pub(crate) detail: Option<Cow<'static, str>>,
    /// The name in the policy of the issuer whose token is refused, for the log.
    pub(crate) issuer_name: Option<Arc<str>>,
}

/// The kind of a rejection, which determines the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejectionKind {
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// 500, and an alarm.
    Fault,
    /// 500 without an alarm: another service cannot say who calls, which a client may have caused.
    Unavailable,
}

impl Rejection {
    pub(crate) const fn unauthenticated(reason: Reason) -> Self {
        Self {
            kind: RejectionKind::Unauthenticated,
            reason,
            detail: None,
            issuer_name: None,
        }
    }

    pub(crate) const fn forbidden(reason: Reason) -> Self {
        Self {
            kind: RejectionKind::Forbidden,
            reason,
            detail: None,
            issuer_name: None,
        }
    }

    /// A failure of our own. `problem` names the cause, without values of the request.
    pub(crate) fn fault(reason: Reason, problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: RejectionKind::Fault,
            reason,
            detail: Some(problem.into()),
            issuer_name: None,
        }
    }

    /// A failure of another service. `problem` is as for [`Self::fault`].
    pub(crate) fn unavailable(reason: Reason, problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: RejectionKind::Unavailable,
            reason,
            detail: Some(problem.into()),
            issuer_name: None,
        }
    }

    /// Adds the cause for the log. It may name the claim, the rule or the algorithm, but no value
    /// of the request.
    pub(crate) fn because(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the name of the token's issuer for the log.
    pub(crate) fn of_issuer(mut self, name: &Arc<str>) -> Self {
        self.issuer_name = Some(Arc::clone(name));
        self
    }
}

impl From<NoRule<'_>> for Rejection {
    fn from(no_rule: NoRule<'_>) -> Self {
        match no_rule {
            NoRule::Unmatched => {
                Self::forbidden(Reason::NoRule).because("no rule matches the method and the path")
            }
            NoRule::Ambiguous { chosen, stricter } => {
                let other = stricter.map_or("another rule", |rule| rule.route.as_str());
                let detail = format!(
                    "rule `{}`; a backend may apply `{other}`, which requires more",
                    chosen.route
                );
                Self::forbidden(Reason::AmbiguousPath).because(detail)
            }
        }
    }
}
