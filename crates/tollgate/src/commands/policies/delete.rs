//! `policies delete`.

use std::process::ExitCode;

use clap::Args;

use super::{policy, policy_name};
use crate::commands::CommandError;
use crate::commands::document::Condition;
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
    let flags = (options.force, options.yes);
    policy(&options.name)
        .delete_although_used(&client, &options.condition, flags, "authorizer")
        .await
}
