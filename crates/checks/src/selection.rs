//! The checks of one run.

use crate::catalogue;
use crate::check::{Check, Group};

/// The checks that a run makes: all, or those of `only`, without those of `skip`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    only: Vec<String>,
    skip: Vec<String>,
}

/// A name that is neither a check nor a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown check or group `{name}`")]
pub struct UnknownCheck {
    /// The name.
    pub name: String,
}

impl Selection {
    /// Returns a selection. Names are ids of checks and names of groups. An empty `only` selects
    /// all checks.
    ///
    /// # Errors
    /// [`UnknownCheck`] for the first name that is neither.
    pub fn new(only: Vec<String>, skip: Vec<String>) -> Result<Self, UnknownCheck> {
        let unknown = only.iter().chain(&skip).find(|name| !is_known(name));
        match unknown {
            Some(name) => Err(UnknownCheck { name: name.clone() }),
            None => Ok(Self { only, skip }),
        }
    }

    /// Returns the selection without the checks of a group.
    #[must_use]
    pub fn without(&self, group: Group) -> Self {
        let mut selection = self.clone();
        selection.skip.push(group.name().to_owned());
        selection
    }

    /// True if the run makes the check.
    #[must_use]
    pub fn includes(&self, check: &Check) -> bool {
        let names = |list: &[String]| {
            list.iter()
                .any(|name| name == check.id || name == check.group.name())
        };
        (self.only.is_empty() || names(&self.only)) && !names(&self.skip)
    }

    /// True if the run makes at least one check of one of the groups.
    #[must_use]
    pub fn includes_any_of_groups(&self, groups: &[Group]) -> bool {
        groups.iter().any(|group| self.includes_any_of(*group))
    }

    /// True if the run makes at least one check of the group.
    #[must_use]
    pub fn includes_any_of(&self, group: Group) -> bool {
        catalogue::all().any(|check| check.group == group && self.includes(check))
    }
}

fn is_known(name: &str) -> bool {
    catalogue::all().any(|check| check.id == name || check.group.name() == name)
}
