//! Why a policy cannot be: each names the member that is wrong.

use crate::key_header::KeyHeader;

/// Five minutes, as in RFC 7519's "usually no more than a few minutes".
pub(crate) const MOST_TOLERANCE_S: u16 = 300;

/// The field of an entry that is wrong, and why.
pub(crate) type FieldProblem = (&'static str, String);

/// Why a policy cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The path is no route key, or stands there twice.
    #[error("rules[{index}].match: {problem}")]
    Match {
        /// Which rule.
        index: usize,
        /// Why.
        problem: String,
    },
    /// Members that contradict one another.
    #[error("rules[{index}]: {problem}")]
    Contradiction {
        /// Which rule.
        index: usize,
        /// How.
        problem: &'static str,
    },
    /// A rule that accepts tokens of an issuer that the policy does not name.
    #[error("rules[{index}].issuers[{position}]: {problem}")]
    RuleIssuer {
        /// The rule.
        index: usize,
        /// The position of the name in the rule's list.
        position: usize,
        /// The reason.
        problem: String,
    },
    /// An issuer that cannot be trusted as it is written down.
    #[error("issuers[{index}].{member}: {problem}")]
    Issuer {
        /// Which issuer.
        index: usize,
        /// Which member.
        member: &'static str,
        /// Why.
        problem: String,
    },
    /// A server that cannot be asked as it is written down.
    #[error("introspection.{member}: {problem}")]
    Introspection {
        /// Which member.
        member: &'static str,
        /// Why.
        problem: String,
    },
    /// So much that expiry would mean little.
    #[error("clock_tolerance_s: {0} is more than {MOST_TOLERANCE_S}")]
    Tolerance(u16),
    /// A header that would reach the backend with the key in it.
    #[error(
        "api_keys.header: unexpected header `{named}`, expected `{expected}` (KEY_HEADER), the only one that is \
         removed before the backend"
    )]
    Header {
        /// As the policy names it.
        named: String,
        /// As it is configured.
        expected: KeyHeader,
    },
}

impl PolicyError {
    /// A JSON Pointer (RFC 6901) to the field that is wrong. Every message begins with the field,
    /// `rules[1].match: …`.
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
    fn a_pointer_leads_to_the_field() {
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
                    member: "jwks_uri",
                    problem: problem.clone(),
                },
                "/issuers/0/jwks_uri",
            ),
            (
                PolicyError::Introspection {
                    member: "endpoint",
                    problem,
                },
                "/introspection/endpoint",
            ),
            (PolicyError::Tolerance(301), "/clock_tolerance_s"),
        ] {
            assert_eq!(error.pointer(), pointer);
        }
    }
}
