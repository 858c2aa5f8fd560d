//! Stored compositions, for composers whose `Compositions` is `table:NAME`.

use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use bytes::Bytes;
use clap::Args;
use declaration::parse_composition;
use http::Method;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::commands::CommandError;
use crate::commands::document::{Condition, Document, DocumentForm};
use crate::commands::input::TextFile;
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
    let composition = composition(&options.name);
    if options.form.is_json() {
        return composition.print_text(&client).await;
    }
    composition.print(&client, options.form).await
}

pub(super) async fn create(options: &CreateComposition) -> Result<ExitCode, CommandError> {
    let json = read(&options.from)?;
    let client = options.target.connect().await?;
    let composition = composition(&options.name);
    let put = put(&composition, json);
    composition.create_by(&client, put, options.output).await
}

pub(super) async fn set(options: &SetComposition) -> Result<ExitCode, CommandError> {
    let json = read(&options.from)?;
    let client = options.target.connect().await?;
    let composition = composition(&options.name);
    let put = put(&composition, json);
    composition
        .set_by(&client, put, &options.condition, options.output)
        .await
}

pub(super) async fn delete(options: &DeleteComposition) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let flags = (options.force, options.yes);
    composition(&options.name)
        .delete_although_used(&client, &options.condition, flags, "composer")
        .await
}

/// Reads a file, and returns the JSON to send. A JSON file is sent as it is, because the composer
/// passes the numbers of a fallback on as they are written.
fn read(path: &str) -> Result<String, CommandError> {
    let file = TextFile::read(path)?;
    let document = parse_composition(&file.name, &file.text)
        .map_err(|error| CommandError::usage(error.to_string()))?;

    let is_json = serde_json::from_str::<&RawValue>(&file.text).is_ok();
    Ok(if is_json {
        file.text
    } else {
        document.to_string()
    })
}

fn put(composition: &Document, json: String) -> AdminRequest {
    let path = &*composition.path;
    AdminRequest::text(Method::PUT, path, "application/json", Bytes::from(json))
}

fn composition(name: &str) -> Document {
    Document {
        label: format!("composition {name}"),
        path: path(&["compositions", name]),
    }
}
