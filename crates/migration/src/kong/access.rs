//! The access that a route requires, and which of two requires more.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// A scope that no key has. A rule that requires it refuses every request.
pub(super) const CLOSED_SCOPE: &str = "closed-by-import";

/// The access that a route requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// No credential. `plan` limits each address.
    Open {
        plan: Option<String>,
    },
    Guarded(Guard),
    /// No request is accepted.
    Closed,
}

/// The credentials and permissions of a route that is not public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Guard {
    pub(super) keys: bool,
    pub(super) tokens: bool,
    /// The scopes of which a caller needs all.
    pub(super) scopes: BTreeSet<String>,
    /// The names of the issuers whose tokens are accepted. `None` for all.
    pub(super) issuers: Option<BTreeSet<String>>,
}

impl Access {
    pub(super) const OPEN: Self = Self::Open { plan: None };

    /// True if everyone who has this access also has `other`.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Closed, _) | (_, Self::Open { .. }) => true,
            (Self::Open { .. }, _) | (_, Self::Closed) => false,
            (Self::Guarded(one), Self::Guarded(other)) => one.covers(other),
        }
    }

    /// Returns the least access that both require.
    pub(super) fn combined(&self, other: &Self) -> Self {
        match (self, other) {
            (one, other) if one.covers(other) => one.clone(),
            (one, other) if other.covers(one) => other.clone(),
            (Self::Guarded(one), Self::Guarded(other)) => one.combined(other),
            _ => Self::Closed,
        }
    }

    /// True if the rule of this access demands anything that the rule of `other` does not demand.
    /// This is the comparison of the authorizer, in which two rules can each demand more.
    pub(super) fn demands_more_than(&self, other: &Self) -> bool {
        match (self.rule_guard(), other.rule_guard()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(one), Some(other)) => {
                let is_any = one.keys && one.tokens;
                let has_other_kind = !is_any && one.auth() != other.auth();
                let has_fewer_issuers = one.issuers.as_ref().is_some_and(|accepted| {
                    other
                        .issuers
                        .as_ref()
                        .is_none_or(|others| !others.is_subset(accepted))
                });
                has_other_kind || has_fewer_issuers || !one.scopes.is_subset(&other.scopes)
            }
        }
    }

    /// Returns the guard that the rule expresses.
    fn rule_guard(&self) -> Option<Guard> {
        match self {
            Self::Open { .. } => None,
            Self::Guarded(guard) => Some(guard.clone()),
            Self::Closed => Some(Guard {
                keys: true,
                scopes: [CLOSED_SCOPE.to_owned()].into(),
                ..Guard::default()
            }),
        }
    }

    /// Returns the rule of a policy.
    pub(super) fn rule(&self, route: &str) -> Value {
        match self {
            Self::Closed => json!({"match": route, "auth": "api_key", "scopes": [CLOSED_SCOPE]}),
            Self::Open { plan: None } => json!({"match": route, "auth": "none"}),
            Self::Open { plan: Some(plan) } => {
                json!({"match": route, "auth": "none", "limit_by": "ip", "plan": plan})
            }
            Self::Guarded(guard) => guard.rule(route),
        }
    }

    /// Returns a short description for the report.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Closed => "refuses every request".to_owned(),
            Self::Open { plan: None } => "`auth: none`".to_owned(),
            Self::Open { plan: Some(plan) } => {
                format!("`auth: none`, limited by address on plan {plan}")
            }
            Self::Guarded(guard) => guard.text(),
        }
    }
}

impl Guard {
    fn covers(&self, other: &Self) -> bool {
        let has_kinds = (other.keys || !self.keys) && (other.tokens || !self.tokens);
        let has_issuers = match (&self.issuers, &other.issuers) {
            _ if !self.tokens => true,
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(one), Some(other)) => one.is_subset(other),
        };
        has_kinds && has_issuers && self.scopes.is_superset(&other.scopes)
    }

    fn combined(&self, other: &Self) -> Access {
        let issuers = match (&self.issuers, &other.issuers) {
            (Some(one), Some(other)) => Some(one.intersection(other).cloned().collect()),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        let guard = Self {
            keys: self.keys && other.keys,
            tokens: self.tokens && other.tokens,
            scopes: self.scopes.union(&other.scopes).cloned().collect(),
            issuers,
        };
        guard.access()
    }

    /// Returns the access, which is closed if no credential is left.
    pub(super) fn access(mut self) -> Access {
        if self.issuers.as_ref().is_some_and(BTreeSet::is_empty) {
            self.tokens = false;
        }
        if !self.tokens {
            self.issuers = None;
        }
        if self.keys || self.tokens {
            Access::Guarded(self)
        } else {
            Access::Closed
        }
    }

    fn auth(&self) -> &'static str {
        match (self.keys, self.tokens) {
            (true, true) => "any",
            (false, true) => "jwt",
            _ => "api_key",
        }
    }

    fn rule(&self, route: &str) -> Value {
        let mut rule = json!({"match": route, "auth": self.auth()});
        if !self.scopes.is_empty() {
            rule["scopes"] = json!(self.scopes);
        }
        if let Some(issuers) = &self.issuers {
            rule["issuers"] = json!(issuers);
        }
        rule
    }

    fn text(&self) -> String {
        let mut text = format!("`auth: {}`", self.auth());
        if !self.scopes.is_empty() {
            let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
            text.push_str(&format!(", scopes {}", scopes.join(", ")));
        }
        if let Some(issuers) = &self.issuers {
            let issuers: Vec<&str> = issuers.iter().map(String::as_str).collect();
            text.push_str(&format!(", issuers {}", issuers.join(", ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(keys: bool, tokens: bool, scopes: &[&str], issuers: Option<&[&str]>) -> Access {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Access::Guarded(Guard {
            keys,
            tokens,
            scopes: owned(scopes),
            issuers: issuers.map(owned),
        })
    }

    #[test]
    fn stricter_access_covers_a_weaker_one() {
        let key = guard(true, false, &[], None);
        let any = guard(true, true, &[], None);
        let scoped = guard(true, false, &["a"], None);
        let issued = guard(false, true, &[], Some(&["i"]));
        for (strict, weak) in [
            (&Access::Closed, &key),
            (&key, &Access::OPEN),
            (&key, &any),
            (&scoped, &key),
            (&issued, &any),
        ] {
            assert!(
                strict.covers(weak) && !weak.covers(strict),
                "{strict:?} {weak:?}"
            );
            assert_eq!(weak.combined(strict), *strict);
        }
    }

    #[test]
    fn combination_requires_what_both_require() {
        let one = guard(true, true, &["a"], None);
        let other = guard(true, false, &["b"], None);
        assert_eq!(one.combined(&other), guard(true, false, &["a", "b"], None));
        let token = guard(false, true, &[], None);
        assert_eq!(other.combined(&token), Access::Closed);
        let (first, second) = (
            guard(false, true, &[], Some(&["i"])),
            guard(false, true, &[], Some(&["j"])),
        );
        assert_eq!(first.combined(&second), Access::Closed);
    }
}
