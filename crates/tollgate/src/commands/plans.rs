//! `plans`: administers usage plans.

mod delete;
mod limits_options;
mod row;
mod switch;

use std::process::ExitCode;

use admin_client::path;
use clap::{Args, Subcommand};
use declaration::parse_plan;

use super::CommandError;
use super::document::{Condition, Document, DocumentForm};
use super::input::read_document;
use super::list::ListArgs;
use crate::output::OutputArgs;
use crate::target::TargetArgs;

use delete::DeletePlan;
use limits_options::LimitOptions;
use switch::SwitchPlan;

/// The commands below `plans`.
#[derive(Debug, Subcommand)]
pub(crate) enum PlansCommand {
    /// List the plans
    List(ListArgs),
    /// Print a plan
    Get(GetPlan),
    /// Create a plan from a file or from options
    Create(CreatePlan),
    /// Replace a plan by a file, or create it
    Set(SetPlan),
    /// Accept the callers of a plan again
    Enable(SwitchPlan),
    /// Refuse all callers of a plan. Its limits and their usage are kept
    Disable(SwitchPlan),
    /// Delete a plan that no key and no policy uses
    Delete(DeletePlan),
}

/// The options of `plans get`.
#[derive(Debug, Args)]
pub(crate) struct GetPlan {
    /// Name of the plan
    #[arg(value_parser = plan_name)]
    name: String,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    form: DocumentForm,
}

/// The options of `plans create`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate plans create gold --rate 10 --burst 20 --quota month=100000
  tollgate plans create gold --from gold.yaml")]
pub(crate) struct CreatePlan {
    /// Name of the plan
    #[arg(value_parser = plan_name)]
    name: String,
    /// File with the plan in YAML or JSON; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "limits")]
    from: Option<String>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The options of `plans set`.
#[derive(Debug, Args)]
#[command(after_help = "\
The plan becomes what is in the file. Fields that are not in the file get their default.

Examples:
  tollgate plans set gold --from gold.yaml
  tollgate plans get gold > gold.json && $EDITOR gold.json && tollgate plans set gold --from gold.json")]
pub(crate) struct SetPlan {
    /// Name of the plan
    #[arg(value_parser = plan_name)]
    name: String,
    /// File with the plan in YAML or JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from: String,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs a command below `plans`.
pub(crate) fn run(command: &PlansCommand) -> ExitCode {
    match command {
        PlansCommand::List(options) => super::run(list(options)),
        PlansCommand::Get(options) => super::run(get(options)),
        PlansCommand::Create(options) => super::run(create(options)),
        PlansCommand::Set(options) => super::run(set(options)),
        PlansCommand::Enable(options) => super::run(switch::run(options, true)),
        PlansCommand::Disable(options) => super::run(switch::run(options, false)),
        PlansCommand::Delete(options) => super::run(delete::run(options)),
    }
}

async fn list(options: &ListArgs) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let pages = client.pages(&options.paged(path(&["plans"])));
    options.print(pages, row::table(), row::cells).await
}

async fn get(options: &GetPlan) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    plan(&options.name).print(&client, options.form).await
}

async fn create(options: &CreatePlan) -> Result<ExitCode, CommandError> {
    let document = match &options.from {
        Some(file) => read_document(file, parse_plan)?,
        None if options.limits.is_empty() => {
            return Err(CommandError::usage(
                "expected --from FILE, or limits such as --rate 10 --burst 20 --quota day=1000",
            ));
        }
        None => options.limits.document()?,
    };
    let client = options.target.connect().await?;
    let plan = plan(&options.name);
    plan.create(&client, &document, options.output).await
}

async fn set(options: &SetPlan) -> Result<ExitCode, CommandError> {
    let document = read_document(&options.from, parse_plan)?;
    let client = options.target.connect().await?;
    let plan = plan(&options.name);
    plan.set(&client, &document, &options.condition, options.output)
        .await
}

fn plan(name: &str) -> Document {
    Document {
        label: format!("plan {name}"),
        path: path(&["plans", name]),
    }
}

fn plan_name(name: &str) -> Result<String, String> {
    limits::check_name(name).map_err(|error| error.to_string())?;
    Ok(name.to_owned())
}
