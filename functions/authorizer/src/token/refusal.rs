//! The reason why a token is refused.

use std::borrow::Cow;
use std::fmt::Display;

use outcome::Reason;

use crate::rejection::Rejection;

/// The reason why a token is refused, for the log. The client gets a 401 in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRefusal {
    pub(crate) reason: Reason,
    /// The requirement that is not met, such as `audience` or `claim:sub`. It contains no value of
    /// the token.
    pub(crate) detail: Cow<'static, str>,
}

impl TokenRefusal {
    pub(crate) const fn new(reason: Reason, detail: &'static str) -> Self {
        Self {
            reason,
            detail: Cow::Borrowed(detail),
        }
    }

    /// The token cannot be verified.
    pub(crate) const fn invalid_token(detail: &'static str) -> Self {
        Self::new(Reason::InvalidToken, detail)
    }

    /// The claims do not meet the requirement.
    pub(crate) const fn invalid_claims(detail: &'static str) -> Self {
        Self::new(Reason::InvalidClaims, detail)
    }

    /// The claim at this path is missing, or has a wrong type or value.
    pub(crate) fn claim(path: impl Display) -> Self {
        Self {
            reason: Reason::InvalidClaims,
            detail: Cow::Owned(format!("claim:{path}")),
        }
    }
}

impl From<TokenRefusal> for Rejection {
    fn from(TokenRefusal { reason, detail }: TokenRefusal) -> Self {
        Self::unauthenticated(reason).because(detail)
    }
}
