//! `blocks`: stops callers at once, and releases them.

mod delete;
mod set;
mod target;
mod until;

use std::process::ExitCode;

use admin_client::path;
use clap::{Args, Subcommand, ValueEnum};
use registry::BlockTarget;
use serde_json::Value;

use super::document::Document;
use super::list::{ListArgs, cell, instant_cell};
use super::{CommandError, answer};
use crate::output::{Table, print_json, until_closed};
use crate::target::TargetArgs;

use delete::DeleteBlock;
use set::SetBlock;

/// The commands below `blocks`.
#[derive(Debug, Subcommand)]
pub(crate) enum BlocksCommand {
    /// List the blocks that are in force
    List(ListArgs),
    /// Print a block as JSON
    Get(GetBlock),
    /// Refuse the requests of a caller with 403, within 30 seconds on every instance
    Set(SetBlock),
    /// Remove a block
    Delete(DeleteBlock),
}

/// The caller that a block is about.
#[derive(Debug, Args)]
pub(crate) struct BlockedCaller {
    /// Kind of the caller
    #[arg(value_enum)]
    kind: Kind,
    /// The id of a key; the 64 hexadecimal digits of a sub or cert, as logs show them; an address or
    /// a network such as 192.0.2.0/24; or the `iss` of tokens
    id: String,
}

/// The kind of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// An API key, by its id
    Key,
    /// The subject of a token
    Sub,
    /// The holder of a client certificate
    Cert,
    /// All requests from an address or a network
    Ip,
    /// All tokens of an issuer
    Issuer,
}

/// The options of `blocks get`.
#[derive(Debug, Args)]
pub(crate) struct GetBlock {
    #[command(flatten)]
    caller: BlockedCaller,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs a command below `blocks`.
pub(crate) fn run(command: &BlocksCommand) -> ExitCode {
    match command {
        BlocksCommand::List(options) => super::run(list(options)),
        BlocksCommand::Get(options) => super::run(get(options)),
        BlocksCommand::Set(options) => super::run(set::run(options)),
        BlocksCommand::Delete(options) => super::run(delete::run(options)),
    }
}

async fn list(options: &ListArgs) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    // The API returns all blocks in one page.
    let pages = client.pages(&path(&["blocks"]));
    let table = Table::new(&["KIND", "CALLER", "UNTIL", "CREATED_AT", "NOTE"]);
    options.print(pages, table, cells).await
}

fn cells(block: &Value) -> Vec<String> {
    let until = match &block["until"] {
        Value::Null => "no end".to_owned(),
        _ => instant_cell(block, "until"),
    };
    vec![
        cell(block, "kind"),
        cell(block, "target"),
        until,
        instant_cell(block, "created_at"),
        cell(block, "note"),
    ]
}

async fn get(options: &GetBlock) -> Result<ExitCode, CommandError> {
    let block = options.caller.document()?;
    let client = options.target.connect().await?;
    let response = client.get(&block.path).await;
    let response = response.map_err(|error| block.failed(error))?;

    until_closed(print_json(&answer::object(&response)?))?;
    Ok(ExitCode::SUCCESS)
}

impl BlockedCaller {
    /// Returns the caller.
    ///
    /// # Errors
    /// [`CommandError`] with exit code 2 if the id does not have the form of its kind.
    fn target(&self) -> Result<BlockTarget, CommandError> {
        target::parse(self.kind, &self.id)
    }

    /// Returns the block of this caller in the API.
    ///
    /// # Errors
    /// See [`Self::target`].
    fn document(&self) -> Result<Document, CommandError> {
        Ok(document(&self.target()?))
    }
}

fn document(target: &BlockTarget) -> Document {
    let kind = target.kind().as_str();
    Document {
        label: format!("block of {kind} {target}"),
        path: path(&["blocks", kind, &target.id()]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn block_is_a_row() {
        let mut block = json!({"kind": "ip", "id": "MTkyLjAuMi4wLzI0", "target": "192.0.2.0/24",
            "until": "2026-11-29T21:00:00Z", "note": null, "created_at": "2026-11-29T20:00:00Z"});
        let row = |block: &Value| cells(block).join(" | ");
        assert_eq!(
            row(&block),
            "ip | 192.0.2.0/24 | 2026-11-29T21:00:00Z | 2026-11-29T20:00:00Z | "
        );
        block["until"] = Value::Null;
        assert_eq!(cells(&block)[2], "no end");
    }
}
