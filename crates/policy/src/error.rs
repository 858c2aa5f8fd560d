//! Errors of policies. Each names the invalid field.

use crate::key_header::KeyHeader;

/// The largest clock tolerance, in seconds. RFC 7519 recommends "usually no more than a few
/// minutes".
pub(crate) const MAX_TOLERANCE_S: u16 = 300;

/// The invalid field of an entry, and the problem.
pub(crate) type FieldProblem = (&'static str, String);

/// The reason why a policy is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The `match` of a rule is not a route key, or is a duplicate.
    #[error("rules[{index}].match: {problem}")]
    Match {
        /// The index of the rule.
        index: usize,
        /// The problem.
        problem: String,
    },
    /// Fields of a rule contradict each other.
    #[error("rules[{index}]: {problem}")]
    Contradiction {
        /// The index of the rule.
        index: usize,
        /// The problem.
        problem: &'static str,
    },
    /// A rule accepts tokens of an unknown issuer.
    #[error("rules[{index}].issuers[{position}]: {problem}")]
    RuleIssuer {
        /// The index of the rule.
        index: usize,
        /// The position of the name in the rule's list.
        position: usize,
        /// The problem.
        problem: String,
    },
    /// An entry of `issuers` is invalid.
    #[error("issuers[{index}].{field}: {problem}")]
    Issuer {
        /// The index of the issuer.
        index: usize,
        /// The invalid field.
        field: &'static str,
        /// The problem.
        problem: String,
    },
    /// `introspection` is invalid.
    #[error("introspection.{field}: {problem}")]
    Introspection {
        /// The invalid field.
        field: &'static str,
        /// The problem.
        problem: String,
    },
    /// `token` is invalid.
    #[error("token.{field}: {problem}")]
    Token {
        /// The invalid field.
        field: String,
        /// The problem.
        problem: String,
    },
    /// `front` is invalid.
    #[error("front.{field}: {problem}")]
    Front {
        /// The invalid field.
        field: &'static str,
        /// The problem.
        problem: String,
    },
    /// API keys as bearer tokens contradict another field.
    #[error("api_keys.bearer: {0}")]
    BearerKeys(&'static str),
    /// The clock tolerance is so large that expiry would mean little.
    #[error("clock_tolerance_s: {0} is more than {MAX_TOLERANCE_S}")]
    Tolerance(u16),
    /// The policy names another header for API keys than the gateway removes.
    #[error(
        "api_keys.header: unexpected header `{named}`, expected `{expected}` (KEY_HEADER), the only one that is \
         removed before the backend"
    )]
    Header {
        /// The header in the policy.
        named: String,
        /// The configured header.
        expected: KeyHeader,
    },
}

impl PolicyError {
    /// Returns a JSON Pointer (RFC 6901) to the invalid field. Every message begins with the field,
    /// as in `rules[1].match: …`.
    pub(crate) fn pointer(&self) -> String {
        let message = self.to_string();
        let place = message.split_once(": ").map_or("", |(place, _)| place);
        format!("/{}", place.replace(['.', '['], "/").replace(']', ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointer_leads_to_the_field() {
        let problem = "a: b".to_owned();
        for (error, pointer) in [
            (
                PolicyError::Match {
                    index: 1,
                    problem: problem.clone(),
                },
                "/rules/1/match",
            ),
            (
                PolicyError::Contradiction {
                    index: 0,
                    problem: "both",
                },
                "/rules/0",
            ),
            (
                PolicyError::RuleIssuer {
                    index: 2,
                    position: 3,
                    problem: problem.clone(),
                },
                "/rules/2/issuers/3",
            ),
            (
                PolicyError::Issuer {
                    index: 0,
                    field: "jwks_uri",
                    problem: problem.clone(),
                },
                "/issuers/0/jwks_uri",
            ),
            (
                PolicyError::Introspection {
                    field: "endpoint",
                    problem,
                },
                "/introspection/endpoint",
            ),
            (
                PolicyError::Token {
                    field: "origins[1]".to_owned(),
                    problem: "a: b".to_owned(),
                },
                "/token/origins/1",
            ),
            (
                PolicyError::Front {
                    field: "secret",
                    problem: "a: b".to_owned(),
                },
                "/front/secret",
            ),
            (PolicyError::BearerKeys("a: b"), "/api_keys/bearer"),
            (PolicyError::Tolerance(301), "/clock_tolerance_s"),
        ] {
            assert_eq!(error.pointer(), pointer);
        }
    }
}
