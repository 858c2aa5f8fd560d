//! Secrets of new keys.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use declaration::{Change, Difference, Differences, ObjectKind};

use crate::commands::CommandError;
use crate::output::escaped;
use crate::secrets::{KeyToCreate, SecretsError, SecretsFile};

const HASH: &str = "hash";

/// The file with the secrets of the new keys.
pub(super) struct StoredSecrets {
    pub(super) path: PathBuf,
    file: SecretsFile,
    key_ids: HashSet<String>,
    /// The number of secrets that were in the file before.
    reused: usize,
}

impl StoredSecrets {
    /// True if the file has the secret of this new key.
    pub(super) fn has(&self, difference: &Difference) -> bool {
        difference.kind == ObjectKind::Key && self.key_ids.contains(&difference.name)
    }

    /// Removes the secrets of these keys from the file.
    ///
    /// # Errors
    /// [`SecretsError`] if the file cannot be written. It is unchanged then.
    pub(super) fn remove(&mut self, key_ids: &[String]) -> Result<(), SecretsError> {
        self.file.remove(key_ids)
    }

    /// Says that secrets of an earlier run are used. They should not be those of another API.
    pub(super) fn print_reuse(&self) {
        if self.reused > 0 {
            let path = escaped(&self.path.display().to_string());
            let note = format!(
                "{} secrets were in {path} already and are used. Use another file for another API",
                self.reused
            );
            let _ = writeln!(std::io::stderr(), "warning: {note}");
        }
    }
}

/// Checks that there is a place for the secrets of new keys.
///
/// # Errors
/// [`CommandError`] with exit code 2 if there is none.
pub(super) fn check(
    differences: &Differences,
    secrets_out: Option<&Path>,
) -> Result<(), CommandError> {
    let mut keys = differences.items.iter().filter(|item| needs_secret(item));
    let Some(first) = keys.next().filter(|_| secrets_out.is_none()) else {
        return Ok(());
    };

    let name = &first.name;
    let others = match keys.count() {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    Err(CommandError::usage(format!(
        "new keys need secrets: {name}{others}. Add --secrets-out FILE for the secrets, or `hash` to these keys"
    )))
}

/// Stores a secret of each new key without `hash`, and adds its hash to the request. A key whose
/// secret an earlier run has stored gets that one.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the secrets cannot be stored.
pub(super) fn add(
    differences: &mut Differences,
    secrets_out: Option<&Path>,
) -> Result<Option<StoredSecrets>, CommandError> {
    let new: Vec<&mut Difference> = differences
        .items
        .iter_mut()
        .filter(|item| needs_secret(item))
        .collect();
    let Some(path) = secrets_out.filter(|_| !new.is_empty()) else {
        return Ok(None);
    };

    let failed = |error: SecretsError| CommandError::usage(error.to_string());
    let mut file = SecretsFile::create(path).map_err(failed)?;
    let keys: Vec<_> = new.iter().map(|item| key_to_create(item)).collect();
    let key_ids = keys.iter().map(|key| key.key_id.to_owned()).collect();
    let reused = keys.iter().filter(|key| file.has(key.key_id)).count();
    let secrets = file.secrets(&keys).map_err(failed)?;
    for (item, secret) in new.into_iter().zip(secrets) {
        if let Change::Create { body } = &mut item.change {
            body[HASH] = secret.hash().into();
        }
    }
    Ok(Some(StoredSecrets {
        path: path.to_owned(),
        file,
        key_ids,
        reused,
    }))
}

fn needs_secret(difference: &Difference) -> bool {
    let is_new = matches!(&difference.change, Change::Create { body } if body[HASH].is_null());
    difference.kind == ObjectKind::Key && is_new
}

fn key_to_create(difference: &Difference) -> KeyToCreate<'_> {
    let prefix = match &difference.change {
        Change::Create { body } => body["prefix"].as_str(),
        _ => None,
    };
    KeyToCreate {
        key_id: &difference.name,
        prefix,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::read_to_string;

    use serde_json::{Value, json};

    use super::*;

    fn new_keys() -> Differences {
        let create = |name: &str, body: Value| Difference {
            kind: ObjectKind::Key,
            name: name.to_owned(),
            change: Change::Create { body },
            fields: Vec::new(),
        };
        Differences {
            items: vec![
                create("acme", json!({"plan": "free", "prefix": "acme_live_"})),
                create("moved", json!({"plan": "free", "hash": "ab"})),
                create("beta", json!({"plan": "free"})),
            ],
            ..Differences::default()
        }
    }

    fn hashes(differences: &Differences) -> Vec<String> {
        let bodies = differences.items.iter().map(|item| match &item.change {
            Change::Create { body } => body[HASH].as_str().unwrap_or_default().to_owned(),
            other => panic!("{other:?}"),
        });
        bodies.collect()
    }

    #[test]
    fn keys_without_a_hash_need_a_file() {
        let error = check(&new_keys(), None).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("acme and 1 more"), "{error}");
        check(&new_keys(), Some(Path::new("a"))).unwrap();
        check(&Differences::default(), None).unwrap();
    }

    #[test]
    fn repeated_run_uses_the_stored_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.csv");
        let (mut first, mut second) = (new_keys(), new_keys());
        let stored = add(&mut first, Some(&path)).unwrap().unwrap();
        assert_eq!((stored.key_ids.len(), stored.reused), (2, 0));
        let text = read_to_string(&path).unwrap();
        drop(stored);
        let again = add(&mut second, Some(&path)).unwrap().unwrap();
        assert_eq!(again.reused, 2);

        assert_eq!(hashes(&first), hashes(&second));
        assert_eq!(hashes(&first)[1], "ab");
        assert_eq!(read_to_string(&path).unwrap(), text);
        assert!(text.contains("acme,acme_live_") && text.contains("beta,tg_"));
        assert!(!text.contains("moved"), "{text}");
    }

    #[test]
    fn no_file_is_created_without_new_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.csv");
        assert!(
            add(&mut Differences::default(), Some(&path))
                .unwrap()
                .is_none()
        );
        assert!(!path.exists());
    }
}
