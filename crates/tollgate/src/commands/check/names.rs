//! The names of checks and groups in options.

use checks::{Group, Selection, catalogue};
use clap::builder::PossibleValuesParser;

use super::CheckOptions;
use crate::commands::CommandError;

/// Returns the parser of a name. Shells complete names, and errors suggest similar ones.
pub(super) fn parser() -> PossibleValuesParser {
    let groups = Group::ALL.into_iter().map(Group::name);
    let ids = catalogue::all().map(|check| check.id);
    PossibleValuesParser::new(groups.chain(ids))
}

/// Returns the checks that the options select.
///
/// # Errors
/// [`CommandError`] if a name is unknown, or no check is left.
pub(super) fn selection(options: &CheckOptions) -> Result<Selection, CommandError> {
    let mut skip = options.skip.clone();
    if options.no_requests {
        skip.push(Group::Requests.name().to_owned());
    }
    let selection = Selection::new(options.only.clone(), skip)
        .map_err(|error| CommandError::usage(error.to_string()))?;

    if catalogue::all().any(|check| selection.includes(check)) {
        Ok(selection)
    } else {
        Err(CommandError::usage("the options select no check"))
    }
}
