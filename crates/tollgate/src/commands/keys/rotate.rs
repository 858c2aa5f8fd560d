//! `keys rotate`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use admin_client::{AdminRequest, path};
use clap::Args;
use serde_json::{Map, Value};

use super::idempotency_key;
use crate::commands::CommandError;
use crate::instant::seconds;
use crate::output::{OutputArgs, escaped, print_json};
use crate::secrets::{Secret, SecretsOutput};
use crate::target::TargetArgs;

/// The options of `keys rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateKey {
    /// Id of the key
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

/// Gives a key a new secret.
pub(super) async fn rotate(options: RotateKey) -> Result<ExitCode, CommandError> {
    let mut secrets = SecretsOutput::open(options.secrets_out.as_deref())?;
    let client = options.target.connect().await?;

    let mut rotation = Map::from_iter([("grace_s".to_owned(), Value::from(options.grace))]);
    if let Some(prefix) = &options.prefix {
        rotation.insert("prefix".to_owned(), prefix.clone().into());
    }
    let request = AdminRequest::post(path(&["keys", &options.key_id, "rotate"]), &rotation.into());
    // With the key, the client can repeat the request until it has the secret.
    let request = request.idempotency_key(idempotency_key()?);
    let mut key = client.send(request).await?.json()?;

    let secret = key["key"].take();
    let secret = secret.as_str().and_then(Secret::from_text);
    let secret = secret.ok_or_else(|| CommandError::usage("the response has no secret"))?;
    if let Some(fields) = key.as_object_mut() {
        fields.remove("key");
    }
    secrets.put(&options.key_id, &secret)?;

    if options.output.json {
        print_json(&key)?;
    } else {
        let text = summary(&options, &secrets);
        let _ = writeln!(std::io::stderr(), "{}", escaped(&text));
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(options: &RotateKey, secrets: &SecretsOutput) -> String {
    let earlier = match options.grace {
        0 => "earlier secrets are revoked within 30 s".to_owned(),
        seconds => format!("the previous one works for {}", duration(seconds)),
    };
    let place = match secrets {
        SecretsOutput::File(file) => format!(" It is in {}.", file.path().display()),
        SecretsOutput::Terminal => String::new(),
    };
    format!("key {} has a new secret; {earlier}.{place}", options.key_id)
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
