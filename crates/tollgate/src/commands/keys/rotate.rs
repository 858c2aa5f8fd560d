//! `keys rotate`.

use std::path::PathBuf;
use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use clap::Args;
use serde_json::{Map, Value};

use super::idempotency_key;
use crate::commands::CommandError;
use crate::instant::seconds;
use crate::key_id;
use crate::output::{OutputArgs, note, print_json};
use crate::secrets::{KeyToCreate, Secret, SecretsError, SecretsOutput};
use crate::target::TargetArgs;

/// The options of `keys rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateKey {
    /// Id of the key
    #[arg(value_parser = key_id::parse)]
    key_id: String,
    /// Time for which the previous secret continues to work, such as 7d. 0s revokes all earlier
    /// secrets at once. At most 90d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = seconds)]
    grace: u32,
    /// Beginning of the new secret. Default: that of the key
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// File of mode 0600 to which the secret is appended, instead of the terminal
    #[arg(long, value_name = "FILE")]
    secrets_out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Gives a key a new secret. It is generated and stored here first, and only its hash is sent, so that
/// a lost response loses no secret.
pub(super) async fn rotate(options: RotateKey) -> Result<ExitCode, CommandError> {
    let mut secrets = SecretsOutput::open(options.secrets_out.as_deref())?;
    let client = options.target.connect().await?;
    let key = client
        .get(&path(&["keys", &options.key_id]))
        .await?
        .json()?;

    let prefix = options.prefix.as_deref().or(key["prefix"].as_str());
    let secret = Secret::generate(prefix).map_err(SecretsError::from)?;
    let earlier = store(&mut secrets, &options.key_id, &secret)?;
    let request = request(&options, &secret.hash())?;
    match client.send(request).await {
        Ok(response) => finish(&options, &mut secrets, &secret, &response.json()?),
        Err(error) if error.exit_code() == 1 => {
            restore(&mut secrets, &options.key_id, earlier)?;
            Err(error.into())
        }
        Err(error) => {
            let place = place(&mut secrets, &options.key_id, &secret)?;
            Err(CommandError::usage(format!(
                "{error}\nThe key may have the new secret {place}. Check it with `tollgate keys whois`. If no key has \
                 it, run the command again."
            )))
        }
    }
}

fn request(options: &RotateKey, hash: &str) -> Result<AdminRequest, CommandError> {
    let mut rotation = Map::new();
    rotation.insert("grace_s".to_owned(), options.grace.into());
    rotation.insert("hash".to_owned(), hash.into());
    if let Some(prefix) = &options.prefix {
        rotation.insert("prefix".to_owned(), prefix.clone().into());
    }

    let path = path(&["keys", &options.key_id, "rotate"]);
    let request = AdminRequest::post(path, &rotation.into());
    // With the header, the client can repeat the request.
    Ok(request.idempotency_key(idempotency_key()?))
}

/// Stores the new secret in a file, and returns the one that the file had.
fn store(
    secrets: &mut SecretsOutput,
    key_id: &str,
    secret: &Secret,
) -> Result<Option<Secret>, CommandError> {
    let SecretsOutput::File(file) = secrets else {
        return Ok(None);
    };
    let earlier = if file.has(key_id) {
        let key = KeyToCreate {
            key_id,
            prefix: None,
        };
        file.secrets(&[key])?.pop()
    } else {
        None
    };
    file.append(&[(key_id, secret.clone())])?;
    Ok(earlier)
}

/// Makes the earlier secret the last one of the file again after a refused rotation.
fn restore(
    secrets: &mut SecretsOutput,
    key_id: &str,
    earlier: Option<Secret>,
) -> Result<(), CommandError> {
    let SecretsOutput::File(file) = secrets else {
        return Ok(());
    };
    match earlier {
        Some(earlier) => file.append(&[(key_id, earlier)])?,
        None => file.remove(&[key_id.to_owned()])?,
    }
    Ok(())
}

fn finish(
    options: &RotateKey,
    secrets: &mut SecretsOutput,
    secret: &Secret,
    key: &Value,
) -> Result<ExitCode, CommandError> {
    let place = place(secrets, &options.key_id, secret)?;
    let earlier = match options.grace {
        0 => "earlier secrets are revoked within 30 s".to_owned(),
        seconds => format!("the previous one works for {}", duration(seconds)),
    };
    note(&format!(
        "key {} has the new secret {place}; {earlier}",
        options.key_id
    ));
    if options.output.json {
        print_json(key)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the secret on the terminal, or returns where it is stored.
fn place(
    secrets: &mut SecretsOutput,
    key_id: &str,
    secret: &Secret,
) -> Result<String, CommandError> {
    if let SecretsOutput::File(file) = secrets {
        return Ok(format!("at the end of {}", file.path().display()));
    }
    secrets.put(key_id, secret)?;
    Ok("above".to_owned())
}

/// Returns a duration in its largest whole unit.
fn duration(seconds: u32) -> String {
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("min", 60)] {
        if seconds.is_multiple_of(length) {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_has_its_largest_whole_unit() {
        for (seconds, expected) in [
            (172_800, "2 d"),
            (86_400, "1 d"),
            (90_000, "25 h"),
            (120, "2 min"),
            (90, "90 s"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
