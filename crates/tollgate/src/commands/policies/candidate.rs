//! `policies candidate`: administers candidates.

use std::process::ExitCode;

use admin_client::AdminRequest;
use clap::{Args, Subcommand};

use super::{GetPolicy, SetPolicy, candidate, policy_name};
use crate::commands::document::{Condition, Deletion};
use crate::commands::{self, CommandError};
use crate::target::TargetArgs;

/// The commands below `policies candidate`.
#[derive(Debug, Subcommand)]
pub(crate) enum CandidateCommand {
    /// Print the candidate of a policy
    Get(GetPolicy),
    /// Replace the candidate of a policy by a file, or create it
    Set(SetPolicy),
    /// Delete the candidate of a policy
    Delete(DeleteCandidate),
}

/// The options of `policies candidate delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteCandidate {
    /// Name of the policy
    #[arg(value_parser = policy_name)]
    name: String,
    /// Delete without a question
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) fn run(command: &CandidateCommand) -> ExitCode {
    match command {
        CandidateCommand::Get(options) => {
            commands::run(super::get(options, candidate(&options.name)))
        }
        CandidateCommand::Set(options) => {
            commands::run(super::set(options, candidate(&options.name)))
        }
        CandidateCommand::Delete(options) => commands::run(delete(options)),
    }
}

async fn delete(options: &DeleteCandidate) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let candidate = candidate(&options.name);
    let request = AdminRequest::delete(&*candidate.path);
    let request = options.condition.apply(request);

    match candidate.delete(&client, request, options.yes).await? {
        Deletion::Done => Ok(ExitCode::SUCCESS),
        Deletion::Declined => Ok(ExitCode::FAILURE),
        Deletion::Conflict(error) => Err(candidate.failed(error)),
    }
}
