//! `import api-keys`: converts a key file of API Gateway.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use migration::{KeyFilePlans, migrate_key_file};

use super::{ResultArgs, finish, source};
use crate::commands::CommandError;

/// The end of the output of `import api-keys --help`.
const AFTER_HELP: &str = "\
The file has a header with the column `Key`, and optionally `Name`, `Description`, `Enabled`,
`UsagePlanIds`, and the other columns of an export of Tollgate. An id of a usage plan is replaced by
the plan in --plans, or else by --plan. Without both, it is the name of a plan. The result contains
hashes of keys, so keep it confidential.

Exit codes: 0 success, 1 some keys are refused until you decide, 2 invalid input

Examples:
  tollgate import api-keys keys.csv --plan basic --out tollgate.yaml
  tollgate import api-keys keys.csv --plans c7y23b=basic,glvrsr=premium --out tollgate.yaml
  tollgate import api-keys - --plan basic --out tollgate.yaml < keys.csv";

/// The options of `import api-keys`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ImportApiKeys {
    /// Key file of API Gateway: CSV in UTF-8 with a header. `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Plan of the keys without an entry in --plans
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// Plan of the keys of the usage plan `ID`; may be repeated
    #[arg(long, value_name = "ID=NAME", value_delimiter = ',', value_parser = plan_of_id)]
    plans: Vec<(String, String)>,
    #[command(flatten)]
    result: ResultArgs,
}

/// Converts the file.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the file cannot be read, its header is invalid, or a result
/// cannot be written.
pub(super) async fn import(options: &ImportApiKeys) -> Result<ExitCode, CommandError> {
    let plans = plans(options)?;
    let (name, bytes) = source::read_bytes(&options.file)?;
    let migration = migrate_key_file(&name, &bytes, &plans)
        .map_err(|error| CommandError::usage(error.to_string()))?;
    finish(&migration, "import api-keys", &options.result)
}

fn plans(options: &ImportApiKeys) -> Result<KeyFilePlans, CommandError> {
    let mut plans = KeyFilePlans {
        default: options.plan.clone(),
        ..KeyFilePlans::default()
    };
    for (id, plan) in &options.plans {
        let earlier = plans.by_id.insert(id.clone(), plan.clone());
        if earlier.is_some_and(|earlier| earlier != *plan) {
            let problem = format!("--plans: the usage plan `{id}` has two plans");
            return Err(CommandError::usage(problem));
        }
    }
    Ok(plans)
}

fn plan_of_id(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((id, plan)) if !id.is_empty() && !plan.is_empty() => {
            Ok((id.to_owned(), plan.to_owned()))
        }
        _ => Err("expected ID=NAME, such as c7y23b=basic".to_owned()),
    }
}
