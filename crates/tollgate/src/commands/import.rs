//! `import`: converts the configuration of other products to a file for `apply`.

mod api_keys;
mod kong;
mod result_file;
mod source;
mod usage_plans;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use declaration::Declaration;
use migration::{Migration, Outcome};

use super::{CommandError, REFUSED};
use crate::output::escaped;

/// The commands below `import`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Convert usage plans and API keys of API Gateway
    UsagePlans(usage_plans::ImportUsagePlans),
    /// Convert a key file of API Gateway
    ApiKeys(api_keys::ImportApiKeys),
    /// Convert declarative configuration of Kong
    Kong(kong::ImportKong),
}

/// The options for the result of a conversion.
#[derive(Debug, Args)]
pub(super) struct ResultArgs {
    /// File to write, instead of standard output. It must not exist
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// File to write the report to as JSON. It must not exist
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Runs a command below `import`.
pub(crate) fn run(command: &ImportCommand) -> ExitCode {
    match command {
        ImportCommand::UsagePlans(options) => super::run(usage_plans::import(options)),
        ImportCommand::ApiKeys(options) => super::run(api_keys::import(options)),
        ImportCommand::Kong(options) => super::run(kong::import(options)),
    }
}

/// Writes the result and the report. `command` names the command in the first line of the result.
///
/// The exit code is 1 if the result would admit more than before, or refuses requests until someone
/// decides.
///
/// # Errors
/// [`CommandError`] with exit code 2 if there is nothing to write, or if a file exists or cannot be
/// written.
fn finish(
    migration: &Migration,
    command: &str,
    options: &ResultArgs,
) -> Result<ExitCode, CommandError> {
    // Nothing is written if one of the files cannot be.
    for path in [&options.report, &options.out].into_iter().flatten() {
        result_file::check(path)?;
    }
    if let Some(path) = &options.report {
        let report = format!("{:#}\n", migration.report.to_json());
        result_file::write(Some(path), &report, true)?;
    }
    print_report(migration);

    let has_hashes = migration.declaration.has_hashes();
    let text = migration
        .declaration
        .to_yaml(&comments(command, has_hashes));
    check(migration, &text)?;
    result_file::write(options.out.as_deref(), &text, has_hashes)?;

    let needs_decision = migration.report.is_laxer() || migration.report.count(Outcome::Closed) > 0;
    Ok(if needs_decision {
        ExitCode::from(REFUSED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Prints the report to standard error. Text of the files is escaped.
fn print_report(migration: &Migration) {
    let mut stderr = std::io::stderr().lock();
    for line in migration.report.to_string().lines() {
        // A closed standard error is no reason to fail.
        let _ = writeln!(stderr, "{}", escaped(line));
    }
}

/// Checks that `apply` can read the result.
fn check(migration: &Migration, text: &str) -> Result<(), CommandError> {
    let Migration { declaration, .. } = migration;
    if declaration.plans.is_empty()
        && declaration.policies.is_empty()
        && declaration.keys.is_empty()
    {
        let problem = "there is nothing to import, so that no file is written";
        return Err(CommandError::usage(problem));
    }

    let read = Declaration::parse("the result", text);
    read.map(drop).map_err(|error| {
        let problem = "the result is invalid, so that it is not written. Please report this";
        CommandError::usage(format!("{problem}:\n{error}"))
    })
}

fn comments(command: &str, has_hashes: bool) -> Vec<String> {
    let mut comments = vec![format!(
        "Written by `tollgate {command}`. Review it, compare it by `tollgate diff` and then `tollgate apply` it."
    )];
    if has_hashes {
        comments.insert(
            0,
            "CONFIDENTIAL: the hash of a secret that is easy to guess reveals the secret. Do not commit this file."
                .to_owned(),
        );
    }
    comments
}
