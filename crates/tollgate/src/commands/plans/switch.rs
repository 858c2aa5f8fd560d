//! `plans enable` and `plans disable`.

use std::process::ExitCode;

use admin_client::AdminRequest;
use clap::Args;
use serde_json::Value;

use super::{plan, plan_name};
use crate::commands::{CommandError, answer};
use crate::output::{OutputArgs, print_json, print_line, until_closed};
use crate::target::TargetArgs;

/// The number of times that a plan is read again, because someone else has changed it.
const MAX_ATTEMPTS: usize = 5;

/// The options of `plans enable` and `plans disable`.
#[derive(Debug, Args)]
pub(crate) struct SwitchPlan {
    /// Name of the plan
    #[arg(value_parser = plan_name)]
    name: String,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Enables or disables a plan. Its other fields stay as they are at the time of the change.
pub(super) async fn run(options: &SwitchPlan, enabled: bool) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let plan = plan(&options.name);
    let word = if enabled { "enabled" } else { "disabled" };

    for _ in 0..MAX_ATTEMPTS {
        let present = client.get(&plan.path).await;
        let present = present.map_err(|error| plan.failed(error))?;
        let mut document = answer::object(&present)?;
        if is_enabled(&document) == enabled {
            return finish(
                options,
                &document,
                &format!("{} was {word} before", plan.label),
            );
        }

        document["enabled"] = Value::Bool(enabled);
        let request = AdminRequest::put(&*plan.path, &document);
        let request = request.if_match(answer::etag(&present, &plan.label)?);
        match client.send(request).await {
            Ok(response) => {
                return finish(
                    options,
                    &answer::object(&response)?,
                    &format!("{word} {}", plan.label),
                );
            }
            Err(error) if error.is_precondition_failed() => {}
            Err(error) => return Err(plan.failed(error)),
        }
    }

    Err(CommandError::refused(format!(
        "{} was changed by others {MAX_ATTEMPTS} times in the meantime; it is not {word}",
        plan.label
    )))
}

fn is_enabled(plan: &Value) -> bool {
    plan["enabled"] != false
}

fn finish(options: &SwitchPlan, document: &Value, result: &str) -> Result<ExitCode, CommandError> {
    if options.output.json {
        until_closed(print_json(document))?;
    } else {
        until_closed(print_line(result))?;
    }
    Ok(ExitCode::SUCCESS)
}
