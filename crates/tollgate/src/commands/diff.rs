//! `diff`: compares a file with an API.

mod json;
mod text;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use declaration::{Declaration, Differences};

use super::remote::Remote;
use super::{CommandError, declaration_file};
use crate::output::{OutputArgs, OutputError, print_json};
use crate::target::TargetArgs;

pub(super) use text::{print, print_warnings};

/// The exit code if there are differences.
const DIFFERENT: u8 = 3;
/// The most mistakes that are listed.
const MAX_LISTED: usize = 20;

/// The end of the output of `diff --help`.
const AFTER_HELP: &str = "\
Exit codes: 0 no differences, 1 the API refused a request, 2 invalid input, 3 differences

Examples:
  tollgate diff tollgate.yaml
  tollgate diff tollgate.yaml --prune --stack tollgate-production";

/// The options of `diff`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DiffOptions {
    /// File with plans, policies, compositions and keys; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// List what `apply --prune` would delete: objects that an earlier `apply` of a file with the
    /// same `name` created and that are not in this file. Files without `name` count as one
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs `diff`.
pub(crate) fn run(options: &DiffOptions) -> ExitCode {
    super::run(diff(options))
}

async fn diff(options: &DiffOptions) -> Result<ExitCode, CommandError> {
    let declaration = declaration_file::read(&options.file)?;
    warn_without_name(&declaration, options.prune);
    let client = options.target.connect().await?;
    let mut remote = Remote::new(&client);
    let differences = remote.compare(&declaration, options.prune).await?;
    check(&differences)?;

    let printed = if options.output.json {
        print_json(&json::document(
            client.target(),
            declaration.name(),
            &differences,
        ))
    } else {
        print_warnings(&differences);
        print(&differences)
    };
    // The exit code counts, also for a reader such as `head` that has closed the pipe.
    unless_closed(printed)?;
    Ok(if differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENT)
    })
}

/// Returns the result of printing. If the reader has closed standard output, the command goes on, so
/// that its exit code shows what it has found or done.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written for another reason.
pub(super) fn unless_closed(printed: Result<(), OutputError>) -> Result<(), OutputError> {
    match printed {
        Err(error) if error.is_closed() => Ok(()),
        other => other,
    }
}

/// Warns about `--prune` with a file that has no name, because such files share one mark.
pub(super) fn warn_without_name(declaration: &Declaration, prunes: bool) {
    if prunes && declaration.name.is_none() {
        let warning = "the file has no `name`: --prune also deletes what other files without a name have created. \
                       Add a line such as `name: shop`";
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
}

/// Checks that the file names existing plans only.
///
/// # Errors
/// [`CommandError`] with exit code 2 and the first mistakes.
pub(super) fn check(differences: &Differences) -> Result<(), CommandError> {
    let mistakes = &differences.mistakes;
    if mistakes.is_empty() {
        return Ok(());
    }

    let mut lines: Vec<_> = mistakes.iter().take(MAX_LISTED).cloned().collect();
    if let Some(more @ 1..) = mistakes.len().checked_sub(MAX_LISTED) {
        lines.push(format!("{more} more mistakes"));
    }
    Err(CommandError::usage(lines.join("\n")))
}
