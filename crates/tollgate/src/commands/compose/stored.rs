//! Stored compositions, for composers whose `Compositions` is `table:NAME`.

use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use clap::Args;
use declaration::parse_composition;
use serde_json::Value;

use crate::commands::CommandError;
use crate::commands::document::{Condition, Deletion, Document, DocumentForm};
use crate::commands::input::read_document;
use crate::commands::list::{ListArgs, cell};
use crate::commands::policies::policy_name;
use crate::output::{OutputArgs, Table};
use crate::target::TargetArgs;

/// The options of `compose get`.
#[derive(Debug, Args)]
pub(crate) struct GetComposition {
    /// Name of the stored composition
    #[arg(value_parser = policy_name)]
    name: String,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    form: DocumentForm,
}

/// The options of `compose create`.
#[derive(Debug, Args)]
pub(crate) struct CreateComposition {
    /// Name of the stored composition
    #[arg(value_parser = policy_name)]
    name: String,
    /// File with the composition in YAML or JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from: String,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The options of `compose set`.
#[derive(Debug, Args)]
pub(crate) struct SetComposition {
    /// Name of the stored composition
    #[arg(value_parser = policy_name)]
    name: String,
    /// File with the composition in YAML or JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from: String,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The options of `compose delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteComposition {
    /// Name of the stored composition
    #[arg(value_parser = policy_name)]
    name: String,
    /// Delete without a question
    #[arg(long)]
    yes: bool,
    /// Delete the composition although the composer uses it. Running instances keep it; no new
    /// instance can start
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) async fn list(options: &ListArgs) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let pages = client.pages(&options.paged(path(&["compositions"])));
    let table = Table::new(&["NAME", "MANAGED_BY"]);

    let row = |item: &Value| vec![cell(item, "name"), cell(item, "managed_by")];
    options.print(pages, table, row).await
}

pub(super) async fn get(options: &GetComposition) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let document = composition(&options.name);
    document.print(&client, options.form).await
}

pub(super) async fn create(options: &CreateComposition) -> Result<ExitCode, CommandError> {
    let document = read_document(&options.from, parse_composition)?;
    let client = options.target.connect().await?;
    let composition = composition(&options.name);
    composition.create(&client, &document, options.output).await
}

pub(super) async fn set(options: &SetComposition) -> Result<ExitCode, CommandError> {
    let document = read_document(&options.from, parse_composition)?;
    let client = options.target.connect().await?;
    let composition = composition(&options.name);
    composition
        .set(&client, &document, &options.condition, options.output)
        .await
}

pub(super) async fn delete(options: &DeleteComposition) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let composition = composition(&options.name);
    let path = match options.force {
        true => composition.path.clone().query(&[("force", "true")]),
        false => composition.path.clone(),
    };
    let request = options.condition.apply(AdminRequest::delete(&*path));

    match composition.delete(&client, request, options.yes).await? {
        Deletion::Done => Ok(ExitCode::SUCCESS),
        Deletion::Declined => Ok(ExitCode::FAILURE),
        Deletion::Conflict(error) => Err(CommandError::refused(format!(
            "{error}\n--force deletes it although it is in use; no new instance of the composer \
             can then start"
        ))),
    }
}

fn composition(name: &str) -> Document {
    Document {
        label: format!("composition {name}"),
        path: path(&["compositions", name]),
    }
}
