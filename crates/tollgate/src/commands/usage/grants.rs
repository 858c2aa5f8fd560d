//! `usage grant`, `grants` and `revoke`.

use std::io::Write as _;
use std::process::ExitCode;

use admin_client::AdminRequest;
use clap::Args;
use serde_json::{Value, json};

use super::caller::Caller;
use crate::commands::CommandError;
use crate::commands::keys::idempotency_key;
use crate::commands::list::instant_cell;
use crate::commands::value_text::text;
use crate::output::{OutputArgs, Table, print_json};
use crate::target::TargetArgs;

/// The caller of a grant.
#[derive(Debug, Args)]
pub(crate) struct GranteeArgs {
    /// Key id, or a caller as in logs: group/NAME, sub/ID, cert/ID or ip/ADDRESS
    #[arg(value_name = "KEY_ID|CALLER", value_parser = Caller::parse)]
    caller: Caller,
    /// Plan of a caller that is not a key
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
}

/// The options of `usage grant`.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    #[command(flatten)]
    grantee: GranteeArgs,
    /// Name of the quota, such as day or month
    #[arg(long, value_name = "NAME")]
    quota: String,
    /// Number of calls to add. A negative number removes calls
    #[arg(long, value_name = "CALLS", allow_negative_numbers = true, value_parser = amount)]
    amount: i64,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

fn amount(text: &str) -> Result<i64, &'static str> {
    text.parse()
        .map_err(|_| "expected a whole number, such as 500 or -20")
}

/// The options of `usage grants`.
#[derive(Debug, Args)]
pub(crate) struct ListGrants {
    #[command(flatten)]
    grantee: GranteeArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// The options of `usage revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    grantee: GranteeArgs,
    /// Id of the grant, as `usage grants` shows it
    grant_id: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl GranteeArgs {
    /// Returns the path of a resource of the caller.
    ///
    /// # Errors
    /// [`CommandError`] if the plan is missing, or given for a key.
    fn path(&self, resource: &[&str]) -> Result<String, CommandError> {
        let path = self.caller.path(resource);
        match (&self.caller, &self.plan) {
            (Caller::Key(_), None) => Ok(path.to_string()),
            (Caller::Other { .. }, Some(plan)) => Ok(path.query(&[("plan", plan)]).to_string()),
            (Caller::Key(_), Some(_)) => Err(CommandError::usage(
                "--plan is for callers that are not keys; a key has its own plan",
            )),
            (Caller::Other { .. }, None) => Err(CommandError::usage(
                "--plan is required for a caller that is not a key",
            )),
        }
    }
}

/// Grants calls. A repetition by the client has the same `Idempotency-Key`, so that it grants once.
pub(super) async fn grant(options: Grant) -> Result<ExitCode, CommandError> {
    let path = options.grantee.path(&["usage"])?;
    let client = options.target.connect().await?;
    let body = json!({"quota": options.quota, "grant": options.amount});
    let request = AdminRequest::patch(path, &body).idempotency_key(idempotency_key()?);
    let granted = match client.send(request).await {
        Ok(response) => response.json()?,
        Err(error) if error.exit_code() == 1 => return Err(error.into()),
        Err(error) => {
            let advice = "The calls may have been granted. Check `tollgate usage grants` before you repeat the command.";
            return Err(CommandError::usage(format!("{error}\n{advice}")));
        }
    };

    if options.output.json {
        print_json(&granted)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["GRANT_ID", "QUOTA", "GRANTED", "USED", "REMAINING"]);
    table = table.numeric(&["GRANTED", "USED", "REMAINING"]);
    table.row([
        text(&granted["id"]),
        text(&granted["quota"]),
        text(&granted["granted"]),
        text(&granted["usage"][0]),
        text(&granted["usage"][1]),
    ]);
    table.print()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the grants of the current periods, the newest first.
pub(super) async fn list(options: ListGrants) -> Result<ExitCode, CommandError> {
    let path = options.grantee.path(&["grants"])?;
    let client = options.target.connect().await?;
    let grants = client.get(&path).await?.json()?;

    if options.output.json {
        print_json(&grants["items"])?;
    } else {
        show(&grants["items"])?;
    }
    if let Some(unlisted @ 1..) = grants["unlisted"].as_u64() {
        let line = format!("{unlisted} earlier grants are in force, but not listed.");
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn show(grants: &Value) -> Result<(), CommandError> {
    let columns = [
        "GRANT_ID",
        "QUOTA",
        "AMOUNT",
        "AT",
        "PERIOD_ENDS",
        "REVOKED",
    ];
    let mut table = Table::new(&columns).numeric(&["AMOUNT"]);
    for grant in grants.as_array().into_iter().flatten() {
        let cell = |name: &str| text(&grant[name]);
        let revoked = match instant_cell(grant, "revoked_at").as_str() {
            "" => String::new(),
            at => format!("{} at {at}", cell("revoked")),
        };
        table.row([
            cell("id"),
            cell("quota"),
            cell("amount"),
            instant_cell(grant, "at"),
            instant_cell(grant, "window_end"),
            revoked,
        ]);
    }
    Ok(table.print()?)
}

/// Revokes a grant.
pub(super) async fn revoke(options: Revoke) -> Result<ExitCode, CommandError> {
    let path = options.grantee.path(&["grants", &options.grant_id])?;
    let client = options.target.connect().await?;
    client.send(AdminRequest::delete(path)).await?;
    Ok(ExitCode::SUCCESS)
}
