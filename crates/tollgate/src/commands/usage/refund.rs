//! `usage refund`.

use std::io::Write as _;
use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use clap::Args;
use serde_json::json;

use crate::commands::CommandError;
use crate::commands::value_text::text;
use crate::output::{OutputArgs, escaped, print_json};
use crate::secrets::read_secret;
use crate::target::TargetArgs;

/// The options of `usage refund`.
#[derive(Debug, Args)]
pub(crate) struct Refund {
    /// Field `charge` of the decision. Default: read from standard input
    charge: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Gives back a charge. A repetition gives back nothing more.
pub(super) async fn refund(options: Refund) -> Result<ExitCode, CommandError> {
    let charge = match options.charge {
        Some(charge) => charge,
        None => read_secret("Charge: ")?,
    };
    let client = options.target.connect().await?;
    let body = json!({"mode": "refund", "charge": charge});
    let response = client.send(AdminRequest::post(path(&["decisions"]), &body));
    let result = response.await?.json()?;

    if options.output.json {
        print_json(&result)?;
    }
    let reason = text(&result["reason"]);
    let is_refunded = result["refunded"] == true || reason == "already_refunded";
    if !is_refunded {
        return Err(CommandError::refused(problem(&reason)));
    }
    if !options.output.json {
        let line = match reason.as_str() {
            "already_refunded" => "the charge was given back earlier",
            _ => "the charge was given back",
        };
        let _ = writeln!(std::io::stderr(), "{}", escaped(line));
    }
    Ok(ExitCode::SUCCESS)
}

fn problem(reason: &str) -> String {
    match reason {
        "not_found" => "the charge is unknown, so nothing was given back".to_owned(),
        "window_over" => "the period of the charge is over, so nothing was given back".to_owned(),
        other => format!("nothing was given back: {other}"),
    }
}
