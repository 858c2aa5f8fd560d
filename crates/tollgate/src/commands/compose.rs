//! `compose`: checks and tries compositions, and administers the stored ones of an API.

mod attempt;
mod check;
mod stored;

use std::process::ExitCode;

use clap::Subcommand;

use super::CommandError;
use super::input::TextFile;
use super::list::ListArgs;

use attempt::TryComposition;
use check::CheckCompositions;
use stored::{CreateComposition, DeleteComposition, GetComposition, SetComposition};

/// The default of the template's parameter `CompositionsPrefix`.
const DEFAULT_PREFIX: &str = "/bff";

/// Reads a file of compositions, or standard input if the path is `-`.
///
/// # Errors
/// [`CommandError`] with exit code 2 if it cannot be read, or is YAML by its name.
fn compositions_file(path: &str) -> Result<TextFile, CommandError> {
    if [".yaml", ".yml"].iter().any(|end| path.ends_with(end)) {
        let problem = format!("{path}: expected JSON; only `create` and `set` also read YAML");
        return Err(CommandError::usage(problem));
    }
    TextFile::read(path)
}

/// The commands below `compose`.
#[derive(Debug, Subcommand)]
pub(crate) enum ComposeCommand {
    /// Check a file of compositions, and show its routes and parts
    Check(CheckCompositions),
    /// Compose one response on this machine, and show the call, time and result of each part
    Try(Box<TryComposition>),
    /// List the stored compositions
    List(ListArgs),
    /// Print a stored composition
    Get(GetComposition),
    /// Store a composition from a file. It must not exist
    Create(CreateComposition),
    /// Replace a stored composition by a file, or create it
    Set(SetComposition),
    /// Delete a stored composition
    Delete(DeleteComposition),
}

/// Runs a command below `compose`.
pub(crate) fn run(command: &ComposeCommand) -> ExitCode {
    match command {
        ComposeCommand::Check(options) => super::run(check::run(options)),
        ComposeCommand::Try(options) => super::run(attempt::run(options)),
        ComposeCommand::List(options) => super::run(stored::list(options)),
        ComposeCommand::Get(options) => super::run(stored::get(options)),
        ComposeCommand::Create(options) => super::run(stored::create(options)),
        ComposeCommand::Set(options) => super::run(stored::set(options)),
        ComposeCommand::Delete(options) => super::run(stored::delete(options)),
    }
}
