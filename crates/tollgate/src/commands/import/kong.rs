//! `import kong`: converts declarative configuration of Kong.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{ResultArgs, finish, source};
use crate::commands::CommandError;

/// The end of the output of `import kong --help`.
const AFTER_HELP: &str = "\
Routes and their plugins become a policy, consumers become keys and issuers, and rate limits become
plans. The report on standard error says what became what, and what has no equivalent. Secrets of
tokens are never written. The result contains SHA-256 hashes of keys, so keep it confidential.

Exit codes: 0 success, 1 the result would admit more than Kong or refuses requests until you decide,
2 invalid input

Examples:
  deck gateway dump -o kong.yaml && tollgate import kong kong.yaml --out tollgate.yaml
  tollgate import kong services.yaml consumers.yaml --out tollgate.yaml --report report.json
  tollgate import kong - --out tollgate.yaml < kong.yaml";

/// The options of `import kong`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ImportKong {
    /// YAML or JSON in the format 1.1, 2.1 or 3.0; several files are one configuration, and `-` is
    /// standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    result: ResultArgs,
}

/// Converts the files.
///
/// # Errors
/// [`CommandError`] with exit code 2 if a file cannot be read or written, or is not a configuration.
pub(super) async fn import(options: &ImportKong) -> Result<ExitCode, CommandError> {
    let mut files = Vec::with_capacity(options.files.len());
    for path in &options.files {
        files.push(source::read(path)?);
    }

    let migration =
        migration::kong::import(&files).map_err(|error| CommandError::usage(error.to_string()))?;
    finish(&migration, "import kong", &options.result)
}
