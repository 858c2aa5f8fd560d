//! `keys create`.

mod batch;
mod differences;
mod file;
mod new_key;
mod rows;
mod slug;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use admin_client::{AdminClient, AdminRequest, path};
use clap::Args;
use serde_json::{Map, Value};

use super::fields::KeyFields;
use super::idempotency_key;
use crate::commands::CommandError;
use crate::commands::value_text::text;
use crate::output::{OutputArgs, escaped, print_json};
use crate::secrets::{KeyToCreate, Secret, SecretsFile, SecretsOutput};
use crate::target::TargetArgs;

use differences::warning;
use new_key::{Outcome, put};

const AFTER_HELP: &str = "\
Columns of --from: key_id, name, plan, description, enabled, expires_at, not_before, allowed_ips,
group, subject, scopes, prefix, and metadata.NAME. Lists are separated by spaces. A row needs a
key_id or a name, from which the id is derived. Options such as --plan apply to rows without the
value. All rows are checked before the first request.

With --secrets-out, secrets are generated here, stored in the file first, and only their SHA-256 is
sent. After an interruption, run the same command again: it uses the secrets in the file.

Examples:
  tollgate keys create acme --plan pro --name 'Acme Inc.' --metadata email=ops@acme.example
  tollgate keys create --from names.csv --plan free --secrets-out secrets.csv";

/// The options of `keys create`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CreateKeys {
    /// Id of the key: 2 to 64 lower-case letters, digits, `_` and `-`. Default: a new id
    #[arg(conflicts_with = "from")]
    key_id: Option<String>,
    /// CSV file with a row per key; `-` for standard input
    #[arg(
        long,
        value_name = "FILE",
        requires = "secrets_out",
        conflicts_with = "name"
    )]
    from: Option<PathBuf>,
    /// File of mode 0600 to which the secrets are written. Default: the terminal
    #[arg(long, value_name = "FILE")]
    secrets_out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    fields: KeyFields,
    /// Beginning of the key's secrets: letters, digits and `_`, with `_` at the end. Default: `tg_`
    #[arg(long, value_name = "PREFIX", help_heading = "Fields of the key")]
    prefix: Option<String>,
    /// Create the key disabled
    #[arg(long, help_heading = "Fields of the key")]
    disabled: bool,
    #[command(flatten)]
    target: TargetArgs,
}

impl CreateKeys {
    fn document(&self) -> Map<String, Value> {
        let mut document = self.fields.document();
        if let Some(prefix) = &self.prefix {
            document.insert("prefix".to_owned(), prefix.clone().into());
        }
        if self.disabled {
            document.insert("enabled".to_owned(), false.into());
        }
        document
    }
}

/// Creates one key, or the keys of a file.
pub(super) async fn create(options: CreateKeys) -> Result<ExitCode, CommandError> {
    if let Some(file) = &options.from {
        return batch::create(&options, file).await;
    }
    if options.fields.plan.is_none() {
        return Err(CommandError::usage("--plan is required to create a key"));
    }

    // Nothing is created before there is a place for the secret.
    match SecretsOutput::open(options.secrets_out.as_deref())? {
        SecretsOutput::File(secrets) => create_with_file(&options, secrets).await,
        SecretsOutput::Terminal => create_on_terminal(&options).await,
    }
}

/// Stores a secret, and creates the key with its hash.
async fn create_with_file(
    options: &CreateKeys,
    mut secrets: SecretsFile,
) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let key_id = match &options.key_id {
        Some(key_id) => key_id.clone(),
        None => new_key::new_id(options.fields.name.as_deref())?,
    };
    new_key::check_id(&key_id).map_err(CommandError::usage)?;

    let key = KeyToCreate {
        key_id: &key_id,
        prefix: options.prefix.as_deref(),
    };
    let is_new = !secrets.has(&key_id);
    let secret = secrets.secrets(&[key])?;
    let secret = secret.first().map(Secret::hash).unwrap_or_default();
    let outcome = put(&client, &key_id, options.document(), &secret).await?;

    let place = secrets.path().display();
    let (key, text) = match outcome {
        Outcome::Created(key) => (
            key,
            format!("created key {key_id}; its secret is in {place}"),
        ),
        Outcome::Existed(key) => {
            let warning = warning(&key_id, &options.document(), &key);
            let text = format!("key {key_id} existed already, with the secret in {place}");
            (
                key,
                [text]
                    .into_iter()
                    .chain(warning)
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        }
        Outcome::Conflict => {
            // A secret of an earlier call may be that of the same key in another API.
            if is_new {
                secrets.remove(std::slice::from_ref(&key_id))?;
            }
            return Err(CommandError::refused(new_key::other_secret(&key_id)));
        }
    };
    print(options, &key, &text)
}

/// Creates a key whose secret the API generates, and shows the secret.
async fn create_on_terminal(options: &CreateKeys) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let mut key = created(&client, options).await?;
    let key_id = text(&key["key_id"]);
    let secret = key["key"].take();
    if let Some(fields) = key.as_object_mut() {
        fields.remove("key");
    }

    print(options, &key, &format!("created key {key_id}"))?;
    let secret = secret.as_str().and_then(Secret::from_text);
    let secret = secret.ok_or_else(|| CommandError::usage("the response has no secret"))?;
    SecretsOutput::Terminal.put(&key_id, &secret)?;
    Ok(ExitCode::SUCCESS)
}

async fn created(client: &AdminClient, options: &CreateKeys) -> Result<Value, CommandError> {
    let document = options.document().into();
    let request = match &options.key_id {
        Some(key_id) => AdminRequest::put(path(&["keys", key_id]), &document).if_none_match_any(),
        None => AdminRequest::post(path(&["keys"]), &document),
    };
    let request = request.idempotency_key(idempotency_key()?);
    match client.send(request).await {
        Ok(response) => Ok(response.json()?),
        Err(error) if error.is_precondition_failed() => {
            let key_id = options.key_id.as_deref().unwrap_or_default();
            Err(CommandError::refused(format!(
                "key {key_id} exists already; change it with `tollgate keys set`, or give it a new secret with \
                 `tollgate keys rotate`"
            )))
        }
        Err(error) => Err(error.into()),
    }
}

fn print(options: &CreateKeys, key: &Value, text: &str) -> Result<ExitCode, CommandError> {
    if options.output.json {
        print_json(key)?;
    } else {
        for line in text.lines() {
            let _ = writeln!(std::io::stderr(), "{}", escaped(line));
        }
    }
    Ok(ExitCode::SUCCESS)
}
