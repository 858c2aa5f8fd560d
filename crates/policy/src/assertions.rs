//! The limits on what an issuer may assert about its users.

use crate::error::FieldProblem;

/// The scopes, roles and plans that tokens of one issuer may name. `None` allows any.
#[derive(Clone, Debug, Default)]
pub struct Assertions {
    /// The scopes that tokens may contain.
    pub scopes: Option<Vec<String>>,
    /// The roles that tokens may contain.
    pub roles: Option<Vec<String>>,
    /// The plans that tokens may name.
    pub plans: Option<Vec<String>>,
}

impl Assertions {
    /// True if anything is limited at all.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        [&self.scopes, &self.roles, &self.plans]
            .into_iter()
            .any(Option::is_some)
    }

    /// True if the policy itself names this plan as one that tokens may name.
    #[must_use]
    pub fn lists_plan(&self, plan: &str) -> bool {
        self.plans
            .as_ref()
            .is_some_and(|plans| contains(plans, plan))
    }

    /// True if tokens may name this plan.
    pub(crate) fn allows_plan(&self, plan: &str) -> bool {
        allows(self.plans.as_ref(), plan)
    }

    /// Checks the limits, given the plan of tokens that name none.
    ///
    /// # Errors
    /// The invalid field and the problem.
    pub(crate) fn check(&self, default_plan: Option<&str>) -> Result<(), FieldProblem> {
        for (field, list) in [
            ("allowed_scopes", &self.scopes),
            ("allowed_roles", &self.roles),
            ("allowed_plans", &self.plans),
        ] {
            if list.iter().flatten().any(String::is_empty) {
                return Err((field, "contains an empty string".to_owned()));
            }
        }

        match (&self.plans, default_plan) {
            (Some(plans), Some(plan)) if !plans.is_empty() && !contains(plans, plan) => Err((
                "default_plan",
                format!("`{plan}` is missing in `allowed_plans`"),
            )),
            (Some(plans), None) if plans.is_empty() => Err((
                "allowed_plans",
                "is empty, and `default_plan` is missing: no token would have a plan".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

/// True if the list allows the value, or there is no list.
#[must_use]
pub fn allows(list: Option<&Vec<String>>, value: &str) -> bool {
    list.is_none_or(|list| contains(list, value))
}

fn contains(list: &[String], value: &str) -> bool {
    list.iter().any(|allowed| allowed == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans(plans: &[&str]) -> Assertions {
        Assertions {
            plans: Some(plans.iter().map(|&plan| plan.to_owned()).collect()),
            ..Assertions::default()
        }
    }

    #[test]
    fn without_a_list_every_value_is_allowed() {
        let list = vec!["reader".to_owned()];
        assert!(allows(None, "admin") && allows(Some(&list), "reader"));
        assert!(!allows(Some(&list), "admin") && !allows(Some(&Vec::new()), "reader"));
    }

    #[test]
    fn default_plan_must_be_allowed() {
        assert_eq!(plans(&["free"]).check(Some("free")), Ok(()));
        assert_eq!(plans(&["free"]).check(None), Ok(()));
        let (field, problem) = plans(&["free"]).check(Some("pro")).unwrap_err();
        assert_eq!(
            (field, problem.as_str()),
            ("default_plan", "`pro` is missing in `allowed_plans`")
        );
    }

    #[test]
    fn empty_list_of_plans_needs_a_default_plan() {
        assert_eq!(plans(&[]).check(Some("free")), Ok(()));
        assert_eq!(plans(&[]).check(None).unwrap_err().0, "allowed_plans");
    }

    #[test]
    fn empty_strings_are_invalid() {
        for (field, assertions) in [
            ("allowed_plans", plans(&["free", ""])),
            (
                "allowed_scopes",
                Assertions {
                    scopes: Some(vec![String::new()]),
                    ..Assertions::default()
                },
            ),
            (
                "allowed_roles",
                Assertions {
                    roles: Some(vec![String::new()]),
                    ..Assertions::default()
                },
            ),
        ] {
            assert_eq!(assertions.check(None).unwrap_err().0, field);
        }
    }
}
