//! `keys`: administers API keys.

mod bulk;
mod change;
mod create;
mod export_output;
mod fields;
mod files;
mod filter;
mod list;
mod rotate;
mod shown;
mod whois;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use registry::random_bytes;

use super::CommandError;
use crate::fail;
use crate::secrets::SecretsError;

/// The commands below `keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys that meet every condition
    #[command(visible_alias = "search")]
    List(list::ListKeys),
    /// Show a key
    Get(list::GetKey),
    /// Create a key, or all keys of a CSV file
    Create(create::CreateKeys),
    /// Change fields of a key
    Set(change::SetKey),
    /// Enable a key
    Enable(change::SwitchKey),
    /// Disable a key with all its secrets. Instances refuse it within 30 seconds
    Disable(change::SwitchKey),
    /// Delete a key. Its id cannot be used again for 400 days
    Delete(change::DeleteKey),
    /// Give a key a new secret
    Rotate(rotate::RotateKey),
    /// Make the same change to every key that a filter selects
    Bulk(bulk::ChangeKeys),
    /// Find the key of a secret. The secret is read from standard input; only its SHA-256 is sent
    Whois(whois::FindKey),
    /// Write all keys without their secrets as an API Gateway key file (CSV)
    Export(files::ExportKeys),
    /// Import an API Gateway key file (CSV with secrets) into the API
    ///
    /// To convert a key file into a `tollgate.yaml` for review, use `tollgate import api-keys`.
    ImportCsv(files::ImportKeys),
    /// Names the command that grants calls
    #[command(hide = true)]
    Grant(Elsewhere),
}

/// The arguments of a command that has another name.
#[derive(Debug, Args)]
pub(crate) struct Elsewhere {
    /// Arguments of the other command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _arguments: Vec<String>,
}

/// Runs a command below `keys`.
pub(crate) fn run(command: KeysCommand) -> ExitCode {
    match command {
        KeysCommand::List(options) => super::run(list::list(options)),
        KeysCommand::Get(options) => super::run(list::get(options)),
        KeysCommand::Create(options) => super::run(create::create(options)),
        KeysCommand::Set(options) => super::run(change::set(options)),
        KeysCommand::Enable(options) => super::run(change::switch(options, true)),
        KeysCommand::Disable(options) => super::run(change::switch(options, false)),
        KeysCommand::Delete(options) => super::run(change::delete(options)),
        KeysCommand::Rotate(options) => super::run(rotate::rotate(options)),
        KeysCommand::Bulk(options) => super::run(bulk::change(options)),
        KeysCommand::Whois(options) => super::run(whois::find(options)),
        KeysCommand::Export(options) => super::run(files::export(options)),
        KeysCommand::ImportCsv(options) => super::run(files::import(options)),
        KeysCommand::Grant(_) => fail(
            &"unrecognized subcommand 'grant'; did you mean `tollgate usage grant KEY_ID --quota NAME --amount CALLS`?",
        ),
    }
}

/// Returns a random `Idempotency-Key` of 32 hexadecimal digits, with at least one letter.
///
/// # Errors
/// [`CommandError`] if the random number generator fails.
pub(crate) fn idempotency_key() -> Result<String, CommandError> {
    let bytes = random_bytes::<16>().map_err(SecretsError::from)?;
    let mut key = format!("{:032x}", u128::from_be_bytes(bytes));
    // The API takes digits only for a counter. One of 3 million random numbers has no letter.
    if !key.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        key.replace_range(..1, "a");
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_keys_are_random() {
        let (one, other) = (idempotency_key().unwrap(), idempotency_key().unwrap());
        assert_ne!(one, other);
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
