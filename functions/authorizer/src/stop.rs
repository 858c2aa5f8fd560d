//! Why a request does not pass.

use std::borrow::Cow;

use outcome::Reason;
use policy::NoRule;

/// What stops a request before it is charged.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// 401.
    Unauthenticated(Reason),
    /// 403.
    Forbidden(Reason),
    /// 500. The text names what is wrong and holds nothing of the request's values.
    Fault(Reason, String),
    /// 500 too, and no alarm for a single one: another service cannot say who calls, which a client
    /// may have caused. The text is as for [`Self::Fault`].
    Unavailable(Reason, String),
    /// One of the others, with a detail for the log.
    Because(Box<Stop>, Cow<'static, str>),
}

impl Stop {
    /// Adds what the log says in `detail`: it names the claim, rule, algorithm or cause, and never
    /// a value of the request.
    pub(crate) fn because(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Because(Box::new(self), detail.into())
    }
}

impl From<NoRule<'_>> for Stop {
    fn from(refusal: NoRule<'_>) -> Self {
        match refusal {
            NoRule::Unmatched => {
                Self::Forbidden(Reason::NoRule).because("no rule matches the method and the path")
            }
            NoRule::Ambiguous { chosen, stricter } => {
                let other = stricter.map_or("another rule", |rule| rule.route.as_str());
                let detail = format!(
                    "rule `{}`; a backend may apply `{other}`, which requires more",
                    chosen.route
                );
                Self::Forbidden(Reason::AmbiguousPath).because(detail)
            }
        }
    }
}
