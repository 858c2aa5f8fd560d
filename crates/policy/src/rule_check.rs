//! The check of an identified caller against the requirements of a rule.

use crate::rule::Rule;

/// The facts about an identified caller that rules can require.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallerFacts<'c, S> {
    /// The name of the token's issuer. Several if it may be one of them: the rule must then accept
    /// all. Empty for an issuer that the policy does not have. `None` without a token.
    pub issuer_names: Option<&'c [&'c str]>,
    /// The scopes of the token, or else of the key.
    pub scopes: &'c [S],
    /// The roles of the token.
    pub roles: &'c [S],
}

/// A requirement of a rule that a caller does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmetRequirement<'r> {
    /// The rule does not accept tokens of this issuer.
    Issuer,
    /// The caller lacks this scope.
    Scope(&'r str),
    /// The caller has none of these roles.
    Roles(&'r [String]),
}

impl Rule {
    /// Checks the issuer, the scopes and the roles of a caller whose credentials the rule accepts.
    ///
    /// # Errors
    /// The first requirement that is not met.
    pub fn check<S: AsRef<str>>(
        &self,
        caller: &CallerFacts<'_, S>,
    ) -> Result<(), UnmetRequirement<'_>> {
        if let (Some(accepted), Some(names)) = (&self.issuers, caller.issuer_names) {
            let is_accepted = |name: &&str| accepted.iter().any(|accepted| accepted == name);
            if names.is_empty() || !names.iter().all(is_accepted) {
                return Err(UnmetRequirement::Issuer);
            }
        }

        let has = |values: &[S], wanted: &str| values.iter().any(|value| value.as_ref() == wanted);
        if let Some(scope) = self.scopes.iter().find(|scope| !has(caller.scopes, scope)) {
            return Err(UnmetRequirement::Scope(scope));
        }

        let has_role = self.roles.iter().any(|role| has(caller.roles, role));
        if !self.roles.is_empty() && !has_role {
            return Err(UnmetRequirement::Roles(&self.roles));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Auth;

    fn rule() -> Rule {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Rule {
            route: "GET /".to_owned(),
            auth: Auth::Any,
            scopes: names(&["read", "list"]),
            roles: names(&["admin", "support"]),
            issuers: Some(names(&["main", "partner"])),
            cost: 1,
            address_plan: None,
        }
    }

    #[test]
    fn every_scope_one_role_and_an_accepted_issuer_are_required() {
        let rule = rule();
        let roles = UnmetRequirement::Roles(&rule.roles);
        for (issuers, scopes, has_roles, expected) in [
            (
                Some(&["main"][..]),
                &["list", "read"][..],
                &["support"][..],
                Ok(()),
            ),
            (
                Some(&["main", "partner"]),
                &["list", "read"],
                &["x", "admin"],
                Ok(()),
            ),
            // A caller without a token has no issuer.
            (None, &["list", "read"], &["admin"], Ok(())),
            (
                Some(&["other"]),
                &["list", "read"],
                &["admin"],
                Err(UnmetRequirement::Issuer),
            ),
            (
                Some(&["main", "other"]),
                &["list", "read"],
                &["admin"],
                Err(UnmetRequirement::Issuer),
            ),
            (
                Some(&[]),
                &["list", "read"],
                &["admin"],
                Err(UnmetRequirement::Issuer),
            ),
            (
                None,
                &["read"],
                &["admin"],
                Err(UnmetRequirement::Scope("list")),
            ),
            (None, &["list", "read"], &["Admin"], Err(roles)),
            (None, &["list", "read"], &[], Err(roles)),
        ] {
            let caller = CallerFacts {
                issuer_names: issuers,
                scopes,
                roles: has_roles,
            };
            assert_eq!(rule.check(&caller), expected, "{caller:?}");
        }
    }

    #[test]
    fn rule_without_requirements_accepts_every_caller() {
        let rule = Rule {
            scopes: Vec::new(),
            roles: Vec::new(),
            issuers: None,
            ..rule()
        };
        assert_eq!(rule.check(&CallerFacts::<&str>::default()), Ok(()));
    }
}
