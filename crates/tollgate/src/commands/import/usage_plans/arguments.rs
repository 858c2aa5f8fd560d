//! Files of the command line, and the usage plans that they belong to.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A file with the keys of a usage plan: `PLAN_ID=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlanKeys {
    pub(super) plan_id: String,
    pub(super) path: PathBuf,
}

/// A file to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source<'a> {
    /// The usage plan whose keys the file has.
    pub(super) plan_id: Option<&'a str>,
    pub(super) path: &'a Path,
}

impl FromStr for PlanKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (plan_id, path) =
            split(text).ok_or("expected PLAN_ID=FILE, such as c7y23b=keys.json")?;
        Ok(Self {
            plan_id: plan_id.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl<'a> Source<'a> {
    /// Reads `FILE` or `PLAN_ID=FILE`. The name of an existing file is one.
    pub(super) fn of(text: &'a str) -> Self {
        match split(text) {
            Some((plan_id, path)) if !Path::new(text).exists() => Self {
                plan_id: Some(plan_id),
                path,
            },
            _ => Self {
                plan_id: None,
                path: Path::new(text),
            },
        }
    }
}

/// Splits the id of a usage plan, which has letters and digits, from a file.
fn split(text: &str) -> Option<(&str, &Path)> {
    let (plan_id, path) = text.split_once('=')?;
    let is_id = !plan_id.is_empty() && plan_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_id && !path.is_empty()).then(|| (plan_id, Path::new(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_ids_are_split_from_files() {
        for (text, plan_id, path) in [
            ("keys.json", None, "keys.json"),
            ("c7y23b=keys.json", Some("c7y23b"), "keys.json"),
            ("c7y23b=a=b.json", Some("c7y23b"), "a=b.json"),
            ("./a=b.json", None, "./a=b.json"),
            ("-", None, "-"),
        ] {
            let path = Path::new(path);
            assert_eq!(Source::of(text), Source { plan_id, path }, "{text}");
        }
        assert!("keys.json".parse::<PlanKeys>().is_err());
        assert!("=keys.json".parse::<PlanKeys>().is_err());
    }

    #[test]
    fn name_of_an_existing_file_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a=b.json");
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(Source::of(path.to_str().unwrap()).plan_id, None);
    }
}
