//! Why a request was let through or not, in the words of logs and context; and the two errors there
//! are.

use lambda_runtime::Diagnostic;

/// The reason in the log line and in the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing speaks against it.
    Ok,
    /// No credential that the rule takes.
    MissingCredentials,
    /// Something that cannot be a credential.
    MalformedCredentials,
    /// A bearer token that nothing here can verify: its form, its issuer, its algorithm or its key.
    InvalidToken,
    /// A token whose time is over.
    TokenExpired,
    /// A signature that is not the key's.
    InvalidSignature,
    /// Claims that are missing, of a wrong type, or not for us.
    InvalidClaims,
    /// No such key.
    UnknownKey,
    /// A key that has been switched off.
    KeyDisabled,
    /// A key whose time is over.
    KeyExpired,
    /// A scope that the rule asks for is missing.
    InsufficientScope,
    /// A valid token of an issuer that the rule does not accept.
    IssuerNotAccepted,
    /// A valid token that names a plan which its issuer may not assert.
    PlanNotAllowed,
    /// No rule matches the request.
    NoRule,
    /// The caller has no plan: neither the token nor the policy names one.
    NoPlan,
    /// The caller's plan does not exist.
    UnknownPlan,
    /// A header that reads like one of those that backends trust.
    ForbiddenHeader,
    /// A method that is not one of the usual ones in upper case.
    UnusualMethod,
    /// A path that a backend may treat like one whose rule requires more.
    AmbiguousPath,
    /// A path that does not mean what it says.
    MalformedPath,
    /// The plan can never allow this.
    LimitImpossible,
    /// The rate is used up.
    RateExceeded,
    /// A quota is used up.
    QuotaExceeded,
    /// It passes, because its plan only watches; otherwise it would not.
    ShadowDenied,
    /// An issuer's keys cannot be had.
    KeysUnavailable,
    /// The store could not decide.
    StoreUnavailable,
    /// Our own failure.
    Fault,
}

impl Reason {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::MissingCredentials => "missing_credentials",
            Self::MalformedCredentials => "malformed_credentials",
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::InvalidSignature => "invalid_signature",
            Self::InvalidClaims => "invalid_claims",
            Self::UnknownKey => "unknown_key",
            Self::KeyDisabled => "key_disabled",
            Self::KeyExpired => "key_expired",
            Self::InsufficientScope => "insufficient_scope",
            Self::IssuerNotAccepted => "issuer_not_accepted",
            Self::PlanNotAllowed => "plan_not_allowed",
            Self::NoRule => "no_rule",
            Self::NoPlan => "no_plan",
            Self::UnknownPlan => "unknown_plan",
            Self::ForbiddenHeader => "forbidden_header",
            Self::UnusualMethod => "unusual_method",
            Self::AmbiguousPath => "ambiguous_path",
            Self::MalformedPath => "malformed_path",
            Self::LimitImpossible => "limit_impossible",
            Self::RateExceeded => "rate_exceeded",
            Self::QuotaExceeded => "quota_exceeded",
            Self::ShadowDenied => "shadow_denied",
            Self::KeysUnavailable => "keys_unavailable",
            Self::StoreUnavailable => "store_unavailable",
            Self::Fault => "fault",
        }
    }
}

/// What API Gateway is told by an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 401. API Gateway recognises it by this very message.
    #[error("Unauthorized")]
    Unauthorized,
    /// 500.
    #[error("{0}")]
    Fault(String),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match failure {
            Failure::Unauthorized => "Unauthorized",
            Failure::Fault(_) => "Fault",
        };
        Diagnostic {
            error_type: error_type.to_owned(),
            error_message: failure.to_string(),
        }
    }
}
