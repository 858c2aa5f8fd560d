//! Warnings about a policy that is valid but probably does not do what its author intended.

use std::fmt;

/// A warning about a valid policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWarning {
    /// The field, such as `rules[3].match`.
    pub place: String,
    /// The effect, in a sentence that can be understood without the field.
    pub message: String,
}

/// A plan that a policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPlan {
    /// The field, such as `rules[3].plan`.
    pub place: String,
    /// The name of the plan.
    pub plan: String,
}

impl PolicyWarning {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl NamedPlan {
    pub(crate) fn new(place: impl Into<String>, plan: &str) -> Self {
        Self {
            place: place.into(),
            plan: plan.to_owned(),
        }
    }

    /// Returns the warning for a plan that does not exist.
    #[must_use]
    pub fn unknown(&self) -> PolicyWarning {
        let message = format!(
            "plan `{}` does not exist; requests that need it are refused with 403",
            self.plan
        );
        PolicyWarning::new(self.place.clone(), message)
    }
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}
