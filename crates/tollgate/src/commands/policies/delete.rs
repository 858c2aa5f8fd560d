//! `policies delete`.

use std::process::ExitCode;

use admin_client::AdminRequest;
use clap::Args;

use super::{policy, policy_name};
use crate::commands::CommandError;
use crate::commands::document::{Condition, Deletion};
use crate::target::TargetArgs;

/// The options of `policies delete`.
#[derive(Debug, Args)]
pub(crate) struct DeletePolicy {
    /// Name of the policy
    #[arg(value_parser = policy_name)]
    name: String,
    /// Delete without a question
    #[arg(long)]
    yes: bool,
    /// Delete the policy although the authorizer uses it. Running instances keep it; no new instance
    /// can start
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(options: &DeletePolicy) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let policy = policy(&options.name);
    let path = match options.force {
        true => policy.path.clone().query(&[("force", "true")]),
        false => policy.path.clone(),
    };
    let request = options.condition.apply(AdminRequest::delete(&*path));

    match policy.delete(&client, request, options.yes).await? {
        Deletion::Done => Ok(ExitCode::SUCCESS),
        Deletion::Declined => Ok(ExitCode::FAILURE),
        Deletion::Conflict(error) => Err(CommandError::refused(format!(
            "{error}\n--force deletes it although it is in use; no new instance of the \
             authorizer can then start"
        ))),
    }
}
