//! `apply`: gives an API the plans, policies, compositions and keys of a file.

mod interruption;
mod new_secrets;
mod outcome;
mod writer;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use declaration::Differences;

use super::diff::{check, print, print_warnings, unless_closed, warn_without_name};
use super::remote::Remote;
use super::{CommandError, declaration_file};
use crate::output::confirm;
use crate::target::TargetArgs;
use writer::Writer;

/// The end of the output of `apply --help`.
const AFTER_HELP: &str = "\
Secrets of new keys are generated here and stored in the file of --secrets-out before a request is
sent. The API gets their hashes only. After an error or an interruption, run the same command again.

Exit codes: 0 success, 1 the API refused a change, 2 invalid input, 130 interrupted

Examples:
  tollgate apply tollgate.yaml --secrets-out secrets.csv
  tollgate apply tollgate.yaml --yes --prune --stack tollgate-production";

/// The options of `apply`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ApplyOptions {
    /// File with plans, policies, compositions and keys; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Make the changes without asking
    #[arg(long)]
    yes: bool,
    /// Delete objects that an earlier `apply` of a file with the same `name` created and that are
    /// not in this file. Files without `name` count as one
    #[arg(long)]
    prune: bool,
    /// File for the secrets of new keys, with mode 0600. The secrets of an earlier run are kept
    #[arg(long, value_name = "FILE")]
    secrets_out: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs `apply`.
pub(crate) fn run(options: &ApplyOptions) -> ExitCode {
    super::run(apply(options))
}

async fn apply(options: &ApplyOptions) -> Result<ExitCode, CommandError> {
    let declaration = declaration_file::read(&options.file)?;
    warn_without_name(&declaration, options.prune);
    let client = options.target.connect().await?;
    let mut remote = Remote::new(&client);
    let mut differences = remote.compare(&declaration, options.prune).await?;

    check(&differences)?;
    print_warnings(&differences);
    show(&differences, options.yes)?;
    check_refusals(&differences)?;
    if differences.items.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let secrets_out = options.secrets_out.as_deref();
    new_secrets::check(&differences, secrets_out)?;

    let question = format!("Make these changes at {}?", client.target());
    if !confirm(&question, options.yes)? {
        return Err(CommandError::refused("nothing was changed"));
    }

    let stored = new_secrets::add(&mut differences, secrets_out)?;
    if let Some(stored) = &stored {
        stored.print_reuse();
    }
    let name = declaration.name();
    let mut writer = Writer::new(&client, name, differences.items.len(), stored);
    writer.write(differences.items).await;
    writer.finish(remote.requests)
}

/// Prints the differences. Without `--yes`, they must be readable.
fn show(differences: &Differences, yes: bool) -> Result<(), CommandError> {
    match print(differences) {
        Err(error) if error.is_closed() && !yes => Err(CommandError::usage(
            "nothing was changed, because standard output is closed and the changes cannot be shown",
        )),
        printed => Ok(unless_closed(printed)?),
    }
}

/// Checks that the file has no difference that `apply` does not write.
fn check_refusals(differences: &Differences) -> Result<(), CommandError> {
    match differences.refusals.len() {
        0 => Ok(()),
        1 => Err(CommandError::refused(
            "nothing was changed, because the secret of a key would change",
        )),
        keys => Err(CommandError::refused(format!(
            "nothing was changed, because the secrets of {keys} keys would change"
        ))),
    }
}
