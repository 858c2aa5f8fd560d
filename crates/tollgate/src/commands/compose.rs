//! `compose`: checks compositions.

mod check;

use std::process::ExitCode;

use clap::Subcommand;

use check::CheckCompositions;

/// The default of the template's parameter `CompositionsPrefix`.
const DEFAULT_PREFIX: &str = "/bff";

/// The commands below `compose`.
#[derive(Debug, Subcommand)]
pub(crate) enum ComposeCommand {
    /// Check a file of compositions, and show its routes and parts
    Check(CheckCompositions),
}

/// Runs a command below `compose`.
pub(crate) fn run(command: &ComposeCommand) -> ExitCode {
    match command {
        ComposeCommand::Check(options) => super::run(check::run(options)),
    }
}
