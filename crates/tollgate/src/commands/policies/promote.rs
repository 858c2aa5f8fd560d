//! `policies promote`.

use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use clap::Args;
use serde_json::json;

use super::{candidate, policy_name};
use crate::commands::document::Condition;
use crate::commands::{CommandError, answer};
use crate::output::{OutputArgs, print_json, print_line, until_closed};
use crate::target::TargetArgs;

/// The options of `policies promote`.
#[derive(Debug, Args)]
#[command(after_help = "\
The entity tag for --if-match is that of the candidate. With it, no other candidate than the one
that you have reviewed is put in force:
  tollgate policies candidate get main --etag
  tollgate policies promote main --if-match ETAG")]
pub(crate) struct PromoteCandidate {
    /// Name of the policy
    #[arg(value_parser = policy_name)]
    name: String,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(options: &PromoteCandidate) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let path = path(&["policies", &options.name, "promote"]);
    let request = options
        .condition
        .apply(AdminRequest::post(&*path, &json!({})));

    let response = client.send(request).await;
    let response = response.map_err(|error| candidate(&options.name).failed(error))?;
    let policy = answer::object(&response)?;
    if options.output.json {
        until_closed(print_json(&policy))?;
    } else {
        let line = format!("promoted the candidate of policy {}", options.name);
        until_closed(print_line(&line))?;
    }
    Ok(ExitCode::SUCCESS)
}
