//! `keys list` and `keys get`.

use std::process::ExitCode;

use admin_client::path;
use clap::Args;
use jiff::Timestamp;

use super::filter::ListFilter;
use super::shown;
use crate::commands::CommandError;
use crate::commands::list::ListArgs;
use crate::key_id;
use crate::output::{OutputArgs, Table, print_json};
use crate::target::TargetArgs;

/// The options of `keys list`.
#[derive(Debug, Args)]
pub(crate) struct ListKeys {
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    filter: ListFilter,
}

/// The options of `keys get`.
#[derive(Debug, Args)]
pub(crate) struct GetKey {
    /// Id of the key
    #[arg(value_parser = key_id::parse)]
    key_id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Prints the keys that meet the conditions.
pub(super) async fn list(options: ListKeys) -> Result<ExitCode, CommandError> {
    let client = options.list.target.connect().await?;
    let parameters = options.filter.parameters();
    let parameters = parameters.iter().map(|(name, value)| (&**name, &**value));
    let path = path(&["keys"]).query(&parameters.collect::<Vec<_>>());

    let pages = client.pages(&options.list.paged(path));
    let now = Timestamp::now();
    let row = |key: &_| shown::row(key, now).to_vec();
    options
        .list
        .print(pages, Table::new(&shown::COLUMNS), row)
        .await
}

/// Prints a key.
pub(super) async fn get(options: GetKey) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let response = client.get(&path(&["keys", &options.key_id])).await?;
    let key = response.json()?;

    if options.output.json {
        print_json(&key)?;
    } else {
        shown::print(&key, response.etag())?;
    }
    Ok(ExitCode::SUCCESS)
}
