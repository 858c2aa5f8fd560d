//! `usage top`.

use std::process::ExitCode;

use admin_client::path;
use clap::Args;
use serde_json::Value;

use super::report::{COLUMNS, NUMBERS, row};
use super::watch::WatchArgs;
use crate::commands::CommandError;
use crate::instant::{Month, month};
use crate::output::{OutputArgs, Table, print_json};
use crate::target::TargetArgs;

/// The options of `usage top`.
#[derive(Debug, Args)]
pub(crate) struct TopKeys {
    /// Month such as 2026-11. Default: the current month to date
    #[arg(long, value_name = "MONTH", value_parser = month)]
    month: Option<Month>,
    /// Number of keys, at most 100
    #[arg(long, value_name = "KEYS", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
    /// Keys on this plan only
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Keys of this group only
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Prints the keys with the most calls, once or repeatedly.
pub(super) async fn top(options: TopKeys) -> Result<ExitCode, CommandError> {
    let mut parameters = vec![
        ("order", "calls".to_owned()),
        ("limit", options.limit.to_string()),
    ];
    if let Some(month) = options.month {
        parameters.push(("from", month.first.to_string()));
        parameters.push(("to", month.last.to_string()));
    }
    for (name, value) in [("plan", &options.plan), ("group", &options.group)] {
        parameters.extend(value.clone().map(|value| (name, value)));
    }
    let parameters = parameters.iter().map(|(name, value)| (*name, &**value));
    let path = path(&["usage"]).query(&parameters.collect::<Vec<_>>());

    let client = options.target.connect().await?;
    let read = async || {
        let mut list = client.get(&path).await?.json()?;
        Ok(list["items"].take())
    };
    let is_json = options.output.json;
    let print = |keys: &Value| match is_json {
        true => Ok(print_json(keys)?),
        false => show(keys),
    };
    options.watch.show(read, print).await
}

fn show(keys: &Value) -> Result<(), CommandError> {
    let mut table = Table::new(&COLUMNS).numeric(&NUMBERS);
    for key in keys.as_array().into_iter().flatten() {
        table.row(row(key));
    }
    Ok(table.print()?)
}
