//! `keys whois`.

use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::shown;
use crate::commands::CommandError;
use crate::commands::value_text::text;
use crate::output::{OutputArgs, Table, print_json};
use crate::secrets::{Secret, read_secret};
use crate::target::TargetArgs;

/// The options of `keys whois`.
#[derive(Debug, Args)]
pub(crate) struct FindKey {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Prints the key of a secret.
pub(super) async fn find(options: FindKey) -> Result<ExitCode, CommandError> {
    let input = read_secret("Secret: ")?;
    let secret = Secret::from_text(&input).ok_or_else(|| {
        let problem = "not a secret, expected 20 to 128 visible ASCII characters without a comma";
        CommandError::usage(format!("standard input: {problem}"))
    })?;

    let client = options.target.connect().await?;
    let lookup = json!({"hash": secret.hash()});
    let response = client.send(AdminRequest::post(path(&["keys", "lookup"]), &lookup));
    let key = match response.await {
        Ok(response) => response.json()?,
        Err(error) if error.is_not_found() => {
            let problem = "no key has this secret; the secrets of deleted keys are not found";
            return Err(CommandError::refused(problem));
        }
        Err(error) => return Err(error.into()),
    };

    if options.output.json {
        print_json(&key)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["KEY_ID", "NAME", "PLAN", "STATUS", "SECRET"]);
    let [key_id, name, plan, _, status, ..] = shown::row(&key, Timestamp::now());
    table.row([key_id, name, plan, status, text(&key["secret"])]);
    table.print()?;
    Ok(ExitCode::SUCCESS)
}
