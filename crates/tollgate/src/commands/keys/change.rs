//! `keys set`, `enable`, `disable` and `delete`.

use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use clap::Args;
use serde_json::{Map, Value, json};

use super::fields::KeyFields;
use super::shown;
use crate::commands::CommandError;
use crate::key_id;
use crate::output::{OutputArgs, confirm, print_json};
use crate::target::TargetArgs;

/// The fields that can be removed.
const REMOVABLE: [&str; 8] = [
    "name",
    "description",
    "group",
    "subject",
    "expires_at",
    "not_before",
    "allowed_ips",
    "scopes",
];

/// The options of `keys set`.
#[derive(Debug, Args)]
pub(crate) struct SetKey {
    /// Id of the key
    #[arg(value_parser = key_id::parse)]
    key_id: String,
    /// Field to remove, such as `expires_at` or `metadata.NAME`; may be repeated
    #[arg(long, value_name = "FIELD")]
    unset: Vec<String>,
    /// Change the key only if it has this entity tag, as `keys get` shows it
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    fields: KeyFields,
    #[command(flatten)]
    target: TargetArgs,
}

/// The options of `keys enable` and `keys disable`.
#[derive(Debug, Args)]
pub(crate) struct SwitchKey {
    /// Id of the key
    #[arg(value_parser = key_id::parse)]
    key_id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// The options of `keys delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteKey {
    /// Id of the key
    #[arg(value_parser = key_id::parse)]
    key_id: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Delete the key only if it has this entity tag, as `keys get` shows it
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Changes fields of a key, and leaves the others unchanged.
pub(super) async fn set(options: SetKey) -> Result<ExitCode, CommandError> {
    let changes =
        changes(options.fields.document(), &options.unset).map_err(CommandError::usage)?;
    if changes.is_empty() {
        let problem = "there is no change, expected at least one field such as --plan, or --unset";
        return Err(CommandError::usage(problem));
    }

    let target = &options.target;
    let etag = options.if_match.as_deref();
    patch(
        target,
        &options.key_id,
        &changes.into(),
        etag,
        options.output,
    )
    .await
}

/// Enables or disables a key.
pub(super) async fn switch(options: SwitchKey, enabled: bool) -> Result<ExitCode, CommandError> {
    let changes = json!({"enabled": enabled});
    patch(
        &options.target,
        &options.key_id,
        &changes,
        None,
        options.output,
    )
    .await
}

async fn patch(
    target: &TargetArgs,
    key_id: &str,
    changes: &Value,
    etag: Option<&str>,
    output: OutputArgs,
) -> Result<ExitCode, CommandError> {
    let client = target.connect().await?;
    let request = AdminRequest::patch(path(&["keys", key_id]), changes);
    let request = match etag {
        Some(etag) => request.if_match(etag),
        None => request,
    };
    let response = client.send(request).await?;

    let key = response.json()?;
    if output.json {
        print_json(&key)?;
    } else {
        shown::print(&key, response.etag())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds the fields to remove to the fields to set.
///
/// # Errors
/// The first field that cannot be removed, or is also set.
fn changes(mut fields: Map<String, Value>, unset: &[String]) -> Result<Map<String, Value>, String> {
    for name in unset {
        let place = match name.strip_prefix("metadata.") {
            Some(entry) if !entry.is_empty() => fields
                .entry("metadata")
                .or_insert_with(|| json!({}))
                .as_object_mut()
                .map(|metadata| (metadata, entry)),
            _ if REMOVABLE.contains(&name.as_str()) => Some((&mut fields, name.as_str())),
            _ => None,
        };
        let (object, field) = place.ok_or_else(|| {
            let removable = REMOVABLE.join(", ");
            format!("--unset {name}: expected {removable} or metadata.NAME")
        })?;
        if object.get(field).is_some_and(|value| !value.is_null()) {
            return Err(format!(
                "--unset {name}: another option sets the same field"
            ));
        }
        object.insert(field.to_owned(), Value::Null);
    }
    Ok(fields)
}

/// Deletes a key.
pub(super) async fn delete(options: DeleteKey) -> Result<ExitCode, CommandError> {
    let key_id = &options.key_id;
    let question = format!(
        "Delete key {key_id}? Its secrets stop working, and its id cannot be used again for 400 days."
    );
    if !confirm(&question, options.yes)? {
        return Err(CommandError::refused(format!(
            "key {key_id} was not deleted"
        )));
    }

    let client = options.target.connect().await?;
    let request = AdminRequest::delete(path(&["keys", key_id]));
    let request = match &options.if_match {
        Some(etag) => request.if_match(etag),
        None => request,
    };
    client.send(request).await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unset(fields: Value, names: &[&str]) -> Result<Value, String> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let fields = fields.as_object().cloned().unwrap_or_default();
        changes(fields, &names).map(Value::from)
    }

    #[test]
    fn removed_fields_are_null() {
        let changes = unset(
            json!({"plan": "pro", "metadata": {"a": "1"}}),
            &["expires_at", "metadata.b"],
        );
        assert_eq!(
            changes.unwrap(),
            json!({"plan": "pro", "expires_at": null, "metadata": {"a": "1", "b": null}})
        );
    }

    #[test]
    fn required_unknown_and_contradictory_fields_are_errors() {
        for (name, problem) in [
            ("plan", "expected name, description"),
            ("enabled", "expected name"),
            ("metadata.", "expected name"),
            ("group", "another option sets the same field"),
            ("metadata.a", "another option sets the same field"),
        ] {
            let fields = json!({"group": "acme", "metadata": {"a": "1"}});
            let error = unset(fields, &[name]).unwrap_err();
            assert!(error.starts_with(&format!("--unset {name}: ")), "{error}");
            assert!(error.contains(problem), "{error}");
        }
    }
}
