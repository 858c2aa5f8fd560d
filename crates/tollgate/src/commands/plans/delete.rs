//! `plans delete`.

use std::process::ExitCode;

use admin_client::AdminRequest;
use clap::Args;

use super::{plan, plan_name};
use crate::commands::CommandError;
use crate::commands::document::{Condition, Deletion};
use crate::target::TargetArgs;

/// The options of `plans delete`.
#[derive(Debug, Args)]
pub(crate) struct DeletePlan {
    /// Name of the plan
    #[arg(value_parser = plan_name)]
    name: String,
    /// Delete without a question
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(options: &DeletePlan) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let plan = plan(&options.name);
    let request = options.condition.apply(AdminRequest::delete(&*plan.path));

    match plan.delete(&client, request, options.yes).await? {
        Deletion::Done => Ok(ExitCode::SUCCESS),
        Deletion::Declined => Ok(ExitCode::FAILURE),
        Deletion::Conflict(error) => {
            let keys = format!("tollgate keys list --plan {}", options.name);
            Err(CommandError::refused(format!(
                "{error}\n`{keys}` lists the keys of the plan"
            )))
        }
    }
}
