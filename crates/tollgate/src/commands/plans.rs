//! `plans`: administers usage plans.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CommandError;
use crate::output::{JsonList, OutputArgs, Table};
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
    #[command(flatten)]
    output: OutputArgs,
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

    if options.output.json {
        let mut list = JsonList::new();
        while let Some(page) = pages.next().await? {
            for plan in &page {
                list.push(plan)?;
            }
        }
        list.finish()?;
        return Ok(ExitCode::SUCCESS);
    }

    let mut table = Table::new(&["NAME"]);
    while let Some(page) = pages.next().await? {
        for plan in &page {
            table.row([plan["name"].as_str().or(plan.as_str()).unwrap_or_default()]);
        }
        table.print()?;
    }
    Ok(ExitCode::SUCCESS)
}
