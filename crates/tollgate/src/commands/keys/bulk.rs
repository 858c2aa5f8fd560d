//! `keys bulk`.

use std::io::Write as _;
use std::process::ExitCode;

use admin_client::{AdminClient, AdminRequest, path};
use clap::Args;
use serde_json::{Map, Value, json};

use super::filter::bulk_filter;
use crate::commands::CommandError;
use crate::commands::value_text::text;
use crate::instant::instant;
use crate::output::{OutputArgs, Table, confirm, escaped, print_json};
use crate::target::TargetArgs;

const EXAMPLES: &str = "\
Examples:
  tollgate keys bulk --filter plan=trial --filter unused_since=90d --set enabled=false
  tollgate keys bulk --filter metadata.email=ops@acme.example --set plan=pro --yes
  tollgate keys bulk --filter all --set expires_at=2027-01-01 --dry-run";

/// The options of `keys bulk`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ChangeKeys {
    /// Condition of the keys, such as plan=trial, unused_since=90d or metadata.email=a@b.example;
    /// may be repeated. `all` selects every key
    #[arg(long = "filter", value_name = "NAME=VALUE", required = true)]
    filter: Vec<String>,
    /// Change, such as plan=pro, enabled=false or metadata.tier=2; may be repeated. `null` removes
    /// the value
    #[arg(long = "set", value_name = "FIELD=VALUE", required = true)]
    set: Vec<String>,
    /// Only show what would be changed
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Shows the dry run, asks, and makes the change to exactly the keys of the dry run.
pub(super) async fn change(options: ChangeKeys) -> Result<ExitCode, CommandError> {
    let filter = bulk_filter(&options.filter).map_err(CommandError::usage)?;
    let set = changes(&options.set).map_err(CommandError::usage)?;
    let client = options.target.connect().await?;

    let preview = send(&client, &json!({"filter": filter, "set": set})).await?;
    if options.dry_run && options.output.json {
        print_json(&preview)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !options.output.json {
        show(&preview)?;
    }
    if options.dry_run || preview["changing"] == 0 {
        if options.output.json {
            print_json(&preview)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !confirm(
        &format!("Make these changes? ({} in total)", preview["changing"]),
        options.yes,
    )? {
        return Err(CommandError::refused("nothing was changed"));
    }

    let order = json!({"filter": filter, "set": set, "token": preview["token"]});
    let result = send(&client, &order).await?;
    if options.output.json {
        print_json(&result)?;
    }
    finish(&result)
}

async fn send(client: &AdminClient, body: &Value) -> Result<Value, CommandError> {
    let request = AdminRequest::post(path(&["keys", "bulk"]), body);
    Ok(client.send(request).await?.json()?)
}

/// Prints the changes of the dry run, of which the API shows the first 20 keys.
fn show(preview: &Value) -> Result<(), CommandError> {
    let mut table = Table::new(&["KEY_ID", "FIELD", "OLD", "NEW"]);
    let keys = preview["changes"].as_array().map_or(&[][..], Vec::as_slice);
    for key in keys {
        for (field, change) in key["changes"].as_object().into_iter().flatten() {
            // Values of metadata are not shown, only that they would change.
            let (old, new) = match change {
                Value::Object(values) => (
                    values.get("old").map(text).unwrap_or_default(),
                    values.get("new").map(text).unwrap_or_default(),
                ),
                _ => (String::new(), text(change)),
            };
            let field = field.trim_start_matches('/').replace('/', ".");
            table.row([text(&key["key_id"]), field, old, new]);
        }
    }
    if !keys.is_empty() {
        table.print()?;
    }

    let (matched, changing) = (&preview["matched"], &preview["changing"]);
    let shown = keys.len();
    let more = match changing.as_u64() {
        Some(changing) if changing > shown as u64 => format!("; the first {shown} are shown"),
        _ => String::new(),
    };
    let _ = writeln!(
        std::io::stderr(),
        "{matched} matching, {changing} to be changed{more}."
    );
    Ok(())
}

/// Prints the result. Keys that were not changed make the command fail.
fn finish(result: &Value) -> Result<ExitCode, CommandError> {
    let mut errors = std::io::stderr();
    let _ = writeln!(
        errors,
        "{} changed, {} already had the values.",
        result["changed"], result["unchanged"]
    );

    let failed = result["failed"].as_array().map_or(&[][..], Vec::as_slice);
    for failure in failed {
        let line = format!(
            "key {}: {}",
            text(&failure["key_id"]),
            text(&failure["reason"])
        );
        let _ = writeln!(errors, "{}", escaped(&line));
    }
    let remaining = result["remaining"].as_u64().unwrap_or_default();
    if failed.is_empty() && remaining == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    Err(CommandError::refused(format!(
        "{} failed and {remaining} not reached in time; run the same command again",
        failed.len()
    )))
}

/// Returns the changes as a merge patch.
///
/// # Errors
/// The change that is invalid, and what was expected.
fn changes(changes: &[String]) -> Result<Value, String> {
    let mut set = Map::new();
    let mut metadata = Map::new();
    for change in changes {
        let (name, text) = change
            .split_once('=')
            .ok_or_else(|| format!("--set {change}: expected FIELD=VALUE"))?;
        let invalid = |problem: String| format!("--set {change}: {problem}");

        let (place, name, value) = match name.strip_prefix("metadata.") {
            Some(entry) => (&mut metadata, entry, or_null(text, text.into())),
            None => (&mut set, name, value(name, text).map_err(invalid)?),
        };
        if place.insert(name.to_owned(), value).is_some() {
            return Err(format!("--set {change}: the field is set twice"));
        }
    }
    if !metadata.is_empty() {
        set.insert("metadata".to_owned(), metadata.into());
    }
    Ok(set.into())
}

fn value(name: &str, text: &str) -> Result<Value, String> {
    let list = || Value::from(text.split_whitespace().collect::<Vec<_>>());
    match name {
        "plan" | "name" | "description" | "group" | "subject" => Ok(or_null(text, text.into())),
        "enabled" => match text {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err("expected true or false".to_owned()),
        },
        "expires_at" | "not_before" if text == "null" => Ok(Value::Null),
        "expires_at" | "not_before" => Ok(instant(text)?.to_string().into()),
        "allowed_ips" | "scopes" => Ok(or_null(text, list())),
        _ => Err(
            "unknown field, expected plan, name, description, group, subject, enabled, expires_at, not_before, \
             allowed_ips, scopes or metadata.NAME"
                .to_owned(),
        ),
    }
}

fn or_null(text: &str, value: Value) -> Value {
    if text == "null" { Value::Null } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(given: &[&str]) -> Result<Value, String> {
        let given: Vec<_> = given.iter().map(ToString::to_string).collect();
        changes(&given)
    }

    #[test]
    fn changes_have_the_types_of_the_api() {
        let given = [
            "plan=pro",
            "enabled=false",
            "expires_at=2027-01-01",
            "not_before=null",
            "scopes=a b",
            "metadata.tier=2",
            "metadata.old=null",
        ];
        assert_eq!(
            set(&given).unwrap(),
            json!({"plan": "pro", "enabled": false, "expires_at": "2027-01-01T00:00:00Z", "not_before": null,
                "scopes": ["a", "b"], "metadata": {"tier": "2", "old": null}})
        );
    }

    #[test]
    fn invalid_change_is_named() {
        for (change, problem) in [
            ("plan", "expected FIELD=VALUE"),
            ("enabled=off", "expected true or false"),
            ("expires_at=soon", "expected an instant"),
            ("key_id=a", "unknown field, expected plan"),
        ] {
            let error = set(&[change]).unwrap_err();
            assert!(error.starts_with(&format!("--set {change}: ")), "{error}");
            assert!(error.contains(problem), "{error}");
        }
        assert!(
            set(&["plan=a", "plan=b"])
                .unwrap_err()
                .contains("set twice")
        );
    }
}
