//! The groups of checks that a command line is about.

use checks::{Group, Selection, catalogue};

use super::CheckOptions;
use crate::commands::CommandError;

/// The subjects of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// True if there is a parameter file.
    pub(super) has_parameters: bool,
    /// True if there is an API.
    pub(super) has_api: bool,
    /// The stack of the API.
    pub(super) stack: Option<String>,
}

impl Scope {
    /// Returns the scope of the options. A target in the environment does not count if there is a
    /// parameter file.
    ///
    /// # Errors
    /// [`CommandError`] if the targets contradict each other, or a name of `--only` has no check in
    /// the scope.
    pub(super) fn of(options: &CheckOptions, selection: &Selection) -> Result<Self, CommandError> {
        let target = options.target.options();
        let is_named = target.url.is_some() || target.stack.is_some();
        let has_parameters = options.parameters.is_some();
        let has_api = is_named || !has_parameters;
        let stack = if has_api {
            target.selected_stack()?
        } else {
            None
        };

        let scope = Self {
            has_parameters,
            has_api,
            stack,
        };
        if options.api_id.is_some() && scope.stack.is_none() {
            return Err(CommandError::usage("--api-id needs --stack NAME"));
        }
        scope.check_only(&options.only)?;
        scope.check_selection(selection)?;
        Ok(scope)
    }

    /// True if the checks of the group can be made.
    pub(super) fn includes(&self, group: Group) -> bool {
        if Group::OF_FILE.contains(&group) {
            self.has_parameters
        } else if Group::OF_STACK.contains(&group) {
            self.stack.is_some()
        } else {
            self.has_api
        }
    }

    /// Checks that each name of `--only` has a check in the scope.
    fn check_only(&self, only: &[String]) -> Result<(), CommandError> {
        for name in only {
            let mut groups = catalogue::all()
                .filter(|check| check.id == name || check.group.name() == name)
                .map(|check| check.group);
            if let Some(group) = groups.next()
                && !self.includes(group)
            {
                let option = needed_option(group);
                return Err(CommandError::usage(format!("--only {name} needs {option}")));
            }
        }
        Ok(())
    }

    fn check_selection(&self, selection: &Selection) -> Result<(), CommandError> {
        let mut checks = catalogue::all();
        if checks.any(|check| selection.includes(check) && self.includes(check.group)) {
            Ok(())
        } else {
            Err(CommandError::usage("the options select no check"))
        }
    }
}

/// Returns the option without which a group cannot be checked.
fn needed_option(group: Group) -> &'static str {
    if Group::OF_FILE.contains(&group) {
        "--parameters FILE"
    } else if Group::OF_STACK.contains(&group) {
        "--stack NAME"
    } else {
        "--stack NAME or --url URL, if there is a parameter file"
    }
}
