//! `plans`: administers usage plans.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CommandError;
use crate::escaped;
use crate::target::TargetArgs;

/// The commands below `plans`.
#[derive(Debug, Subcommand)]
pub(crate) enum PlansCommand {
    /// List the plans
    List(ListPlans),
}

/// The options of `plans list`.
#[derive(Debug, Args)]
pub(crate) struct ListPlans {
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs a command below `plans`.
pub(crate) fn run(command: &PlansCommand) -> ExitCode {
    match command {
        PlansCommand::List(options) => super::run(list(options)),
    }
}

async fn list(options: &ListPlans) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let mut pages = client.pages("/plans");
    let mut plans = Vec::new();
    while let Some(page) = pages.next().await? {
        plans.extend(page);
    }

    let mut output = std::io::stdout();
    if options.json {
        let text = serde_json::to_string_pretty(&plans).unwrap_or_default();
        let _ = writeln!(output, "{text}");
        return Ok(ExitCode::SUCCESS);
    }
    for plan in &plans {
        let name = plan["name"].as_str().or(plan.as_str());
        let _ = writeln!(output, "{}", escaped(name.unwrap_or_default()));
    }
    Ok(ExitCode::SUCCESS)
}
