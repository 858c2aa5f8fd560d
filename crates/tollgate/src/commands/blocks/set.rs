//! `blocks set`.

use std::process::ExitCode;

use admin_client::AdminRequest;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{BlockedCaller, target, until};
use crate::commands::list::{cell, instant_cell};
use crate::commands::{CommandError, answer};
use crate::output::{OutputArgs, confirm, note, print_json, print_line, until_closed};
use crate::target::TargetArgs;

/// The options of `blocks set`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate blocks set key acme --note 'leaked, ticket 4711'
  tollgate blocks set ip 192.0.2.0/24 --until 1h
  tollgate blocks set issuer https://login.example.com --until 2026-11-30T08:00:00Z")]
pub(crate) struct SetBlock {
    #[command(flatten)]
    caller: BlockedCaller,
    /// End of the block: a duration such as 1h, 30m or 7d, or an instant in RFC 3339. Default: no end
    #[arg(long, value_name = "TIME", value_parser = until::parse, allow_hyphen_values = true)]
    until: Option<Timestamp>,
    /// Reason, for administrators. At most 256 characters
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Block a very large network without a question
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(options: &SetBlock) -> Result<ExitCode, CommandError> {
    let target = options.caller.target()?;
    let document = super::document(&target);
    let client = options.target.connect().await?;
    if target::is_very_large(&target) {
        let question = format!("Block all requests from {target} to {}?", client.target());
        if !confirm(&question, options.yes)? {
            note("nothing was blocked");
            return Ok(ExitCode::FAILURE);
        }
    }
    let request = AdminRequest::put(&*document.path, &options.body());

    let response = client.send(request).await;
    let response = response.map_err(|error| document.failed(error))?;

    let block = answer::object(&response)?;
    // An emergency stop that is reported has to exist.
    let is_blocked = block["kind"] == target.kind().as_str() && block["id"] == target.id();
    if !is_blocked {
        return Err(answer::unexpected(&response, "the block"));
    }
    if options.output.json {
        until_closed(print_json(&block))?;
    } else {
        until_closed(print_line(&summary(&block)))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl SetBlock {
    fn body(&self) -> Value {
        let mut body = json!({});
        if let Some(until) = self.until {
            body["until"] = limits::instant_text(until).into();
        }
        if let Some(note) = &self.note {
            body["note"] = note.as_str().into();
        }
        body
    }
}

fn summary(block: &Value) -> String {
    let end = match &block["until"] {
        Value::Null => "without an end".to_owned(),
        _ => format!("until {}", instant_cell(block, "until")),
    };
    format!(
        "blocked {} {} {end}",
        cell(block, "kind"),
        cell(block, "target")
    )
}
