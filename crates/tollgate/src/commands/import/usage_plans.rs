//! `import usage-plans`: converts usage plans and API keys of API Gateway.

mod arguments;

use std::process::ExitCode;

use admin_client::{ApiGatewayReader, TargetOptions};
use clap::Args;
use migration::{Account, ImportError};
use serde_json::Value;

use super::{ResultArgs, finish, source};
use crate::commands::CommandError;
use crate::progress::Progress;

use arguments::{PlanKeys, Source};

/// The end of the output of `import usage-plans --help`.
const AFTER_HELP: &str = "\
Usage plans become plans, and API keys become keys with the SHA-256 of their value. The report on
standard error says what became what, and what has no equivalent. Nothing is changed in API Gateway
or Tollgate. The result contains hashes of keys, so keep it confidential.

Exit codes: 0 success, 1 limits would become laxer or keys are refused until you decide, 2 invalid input

Examples:
  aws apigateway get-usage-plans > plans.json
  aws apigateway get-api-keys --include-values > keys.json
  aws apigateway get-usage-plan-keys --usage-plan-id c7y23b > c7y23b.json
  tollgate import usage-plans plans.json keys.json c7y23b=c7y23b.json --out tollgate.yaml
  tollgate import usage-plans --from-account --profile shop --region eu-west-1 --out tollgate.yaml";

/// The options of `import usage-plans`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ImportUsagePlans {
    /// JSON of `aws apigateway get-usage-plans`, `get-api-keys --include-values`, or with the id of
    /// the plan, `get-usage-plan-keys`. `-` is standard input
    #[arg(value_name = "FILE|PLAN_ID=FILE", required_unless_present_any = ["from_account", "plan_keys"])]
    files: Vec<String>,
    /// JSON of `get-usage-plan-keys` of the usage plan `PLAN_ID`; may be repeated
    #[arg(long, value_name = "PLAN_ID=FILE")]
    plan_keys: Vec<PlanKeys>,
    /// Import only what belongs to this stage, such as `a1b2c3d4e5/prod`; may be repeated
    #[arg(long = "stage", value_name = "API_ID/STAGE")]
    stages: Vec<String>,
    /// Read usage plans and API keys from the account, with the permission apigateway:GET
    #[arg(long, conflicts_with_all = ["files", "plan_keys"])]
    from_account: bool,
    /// Profile of the AWS configuration files
    #[arg(long, value_name = "NAME", requires = "from_account", conflicts_with_all = ["files", "plan_keys"])]
    profile: Option<String>,
    /// AWS region of the usage plans
    #[arg(long, value_name = "REGION", requires = "from_account", conflicts_with_all = ["files", "plan_keys"])]
    region: Option<String>,
    #[command(flatten)]
    result: ResultArgs,
}

/// Converts the files, or the account.
///
/// # Errors
/// [`CommandError`] with exit code 2 if a file cannot be read or written, or is not an export of API
/// Gateway. An account that refuses a request has exit code 1.
pub(super) async fn import(options: &ImportUsagePlans) -> Result<ExitCode, CommandError> {
    let account = if options.from_account {
        read_account(options).await?
    } else {
        read_files(options)?
    };
    let migration = account.migrate(&options.stages).map_err(usage)?;
    finish(&migration, "import usage-plans", &options.result)
}

fn read_files(options: &ImportUsagePlans) -> Result<Account, CommandError> {
    let named = options.plan_keys.iter().map(|plan_keys| Source {
        plan_id: Some(&plan_keys.plan_id),
        path: &plan_keys.path,
    });
    let files = options.files.iter().map(|file| Source::of(file));

    let mut account = Account::default();
    for Source { plan_id, path } in files.chain(named) {
        let (name, bytes) = source::read_bytes(path)?;
        account.add_text(&name, &bytes, plan_id).map_err(usage)?;
    }
    Ok(account)
}

async fn read_account(options: &ImportUsagePlans) -> Result<Account, CommandError> {
    let target = TargetOptions {
        profile: options.profile.clone(),
        region: options.region.clone(),
        ..TargetOptions::default()
    };
    let reader = ApiGatewayReader::connect(&target).await?;
    let place = |list: &str| format!("{list} of {}", reader.region());

    let mut account = Account::default();
    let mut add = |list: &str, document: Value, plan_id: Option<&str>| {
        account.add(&place(list), document, plan_id).map_err(usage)
    };
    let plans = reader.usage_plans().await?;
    let ids = ids(&plans);
    add("usage plans", plans, None)?;
    add("API keys", reader.api_keys().await?, None)?;

    let mut progress = Progress::new("usage plans", Some(ids.len()));
    for id in &ids {
        let keys = reader.usage_plan_keys(id).await?;
        add(&format!("keys of {id}"), keys, Some(id))?;
        progress.advance(1);
    }
    progress.clear();
    Ok(account)
}

/// Returns the ids of the usage plans.
fn ids(plans: &Value) -> Vec<String> {
    let items = plans["items"].as_array().into_iter().flatten();
    let ids = items.filter_map(|plan| plan["id"].as_str());
    ids.map(str::to_owned).collect()
}

fn usage(error: ImportError) -> CommandError {
    CommandError::usage(error.to_string())
}
