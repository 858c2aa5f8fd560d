//! `blocks delete`.

use std::process::ExitCode;

use admin_client::AdminRequest;
use clap::Args;

use super::BlockedCaller;
use crate::commands::CommandError;
use crate::commands::document::Deletion;
use crate::target::TargetArgs;

/// The options of `blocks delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteBlock {
    #[command(flatten)]
    caller: BlockedCaller,
    /// Delete without a question
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn run(options: &DeleteBlock) -> Result<ExitCode, CommandError> {
    let block = options.caller.document()?;
    let client = options.target.connect().await?;
    let request = AdminRequest::delete(&*block.path);

    match block.delete(&client, request, options.yes).await? {
        Deletion::Done => Ok(ExitCode::SUCCESS),
        Deletion::Declined => Ok(ExitCode::FAILURE),
        Deletion::Conflict(error) => Err(block.failed(error)),
    }
}
