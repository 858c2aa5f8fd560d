//! `dump`: prints the plans, policies, compositions and keys of an API as a file for `apply`.

mod dump_file;

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use declaration::{Declaration, DeclaredKey, ObjectKind, declared_fields};

use super::CommandError;
use super::remote::Remote;
use crate::output::escaped;
use crate::progress::Progress;
use crate::target::TargetArgs;
use dump_file::DumpFile;

/// The end of the output of `dump --help`.
const AFTER_HELP: &str = "\
Examples:
  tollgate dump --out tollgate.yaml
  tollgate dump --with-hashes --out move.yaml && tollgate apply move.yaml --stack tollgate-new";

/// The first lines of a file.
const COMMENT: &str = "Plans, policies, compositions and keys, written by `tollgate dump`. `tollgate apply` reads this file.";
/// The next lines of a file.
const NAME_COMMENT: &str = "\
Before you use --prune, add `name: NAME`. It marks what this file creates, and files without it share one mark.";
/// The first line of a file with hashes.
const CONFIDENTIAL: &str = "\
CONFIDENTIAL: the hash of a secret that is easy to guess reveals the secret. Do not commit this file.";

/// The options of `dump`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DumpOptions {
    /// File to write or to replace, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Add the hashes of the secrets, so that `apply` on another API takes over the secrets. The
    /// file is confidential and has mode 0600
    #[arg(long)]
    with_hashes: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs `dump`.
pub(crate) fn run(options: &DumpOptions) -> ExitCode {
    super::run(dump(options))
}

async fn dump(options: &DumpOptions) -> Result<ExitCode, CommandError> {
    let file = DumpFile::open(options.out.as_deref(), options.with_hashes)?;
    let client = options.target.connect().await?;
    let mut remote = Remote::new(&client);

    let declaration = documents(&mut remote).await?;
    let mut comments = vec![COMMENT.to_owned(), NAME_COMMENT.to_owned()];
    if options.with_hashes {
        comments.insert(0, CONFIDENTIAL.to_owned());
    }
    let mut text = declaration.to_yaml(&comments);

    let keys = keys(&mut remote, options.with_hashes).await?;
    if !keys.is_empty() {
        text.push_str("\nkeys:\n");
    }
    text.extend(keys.into_values());
    file.write(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns everything but the keys.
async fn documents(remote: &mut Remote<'_>) -> Result<Declaration, CommandError> {
    let plans = remote.plans().await?.into_iter();
    let policies = remote.policies(|_| true).await?;
    let compositions = remote.compositions(|_| true).await?.into_iter();

    let candidates = policies.iter().filter(|(_, policy)| policy.has_candidate);
    for (name, _) in candidates {
        let name = escaped(name);
        warn(&format!("policy {name}: its candidate is not written"));
    }
    Ok(Declaration {
        plans: plans.map(|(name, plan)| (name, plan.document)).collect(),
        policies: policies
            .into_iter()
            .map(|(name, policy)| (name, policy.object.document))
            .collect(),
        compositions: compositions
            .map(|(name, composition)| (name, composition.document))
            .collect(),
        ..Declaration::default()
    })
}

/// Returns the text of each key by its id. The API lists keys in an order of its own, so that all
/// texts are in memory, to write two dumps of the same keys alike.
async fn keys(
    remote: &mut Remote<'_>,
    with_hashes: bool,
) -> Result<BTreeMap<String, String>, CommandError> {
    let hashes = if with_hashes {
        all_hashes(remote).await?
    } else {
        HashMap::new()
    };

    let mut keys = BTreeMap::new();
    let mut pages = remote.list(ObjectKind::Key.plural());
    let mut progress = Progress::new("Reading keys", None);
    while let Some(page) = remote.next(&mut pages).await? {
        progress.advance(page.len());
        for item in page {
            let key_id = item["key_id"].as_str().unwrap_or_default();
            let hash = hashes.get(key_id);
            if with_hashes && hash.is_none() {
                progress.clear();
                let key_id = escaped(key_id);
                warn(&format!(
                    "key {key_id}: it was created during the dump, so its hash is not written"
                ));
            }
            let key = DeclaredKey {
                key_id: key_id.to_owned(),
                fields: item.as_object().map(declared_fields).unwrap_or_default(),
                hash: hash.cloned(),
            };
            keys.insert(key.key_id.clone(), key.to_yaml());
        }
    }
    Ok(keys)
}

async fn all_hashes(remote: &mut Remote<'_>) -> Result<HashMap<String, String>, CommandError> {
    let mut hashes = HashMap::new();
    let mut pages = remote.hashes();
    let mut progress = Progress::new("Reading hashes", None);
    while let Some(page) = remote.next(&mut pages).await? {
        progress.advance(page.len());
        for item in page {
            if let (Some(key_id), Some(hash)) = (item["key_id"].as_str(), item["hash"].as_str()) {
                hashes.insert(key_id.to_owned(), hash.to_owned());
            }
        }
    }
    Ok(hashes)
}

fn warn(warning: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(std::io::stderr(), "warning: {warning}");
}
