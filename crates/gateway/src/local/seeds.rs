//! The plans and keys at startup.

use std::path::Path;

use registry::{Seeds, SeedsError};

use super::{StartError, file};

/// The built-in plans and keys. The secrets are public, so they are of use locally only.
const BUILT_IN_SEEDS: &str = r#"{
  "plans": {
    "free": {"throttle": {"rate": 1, "burst": 5}, "quotas": [{"limit": 100, "period": "day"}]},
    "pro": {"throttle": {"rate": 100, "burst": 200}, "quotas": [{"limit": 1000000, "period": "month"}]}
  },
  "keys": [
    {"key": "local-free-key-000000000001", "key_id": "local-free", "plan": "free"},
    {"key": "local-pro-key-0000000000001", "key_id": "local-pro", "plan": "pro"}
  ]
}"#;

/// Returns the seeds of a file, or the built-in ones. True if their keys may be shown.
pub(super) fn read(path: Option<&Path>) -> Result<(Seeds, bool), StartError> {
    let text = path.map_or_else(|| Ok(BUILT_IN_SEEDS.to_owned()), file::read)?;
    let invalid = |error: SeedsError| StartError::Document {
        path: path.unwrap_or(Path::new("built-in seeds")).to_owned(),
        position: error.position(&text),
        problem: error.without_position(),
    };

    let seeds = Seeds::parse(&text).map_err(invalid)?;
    seeds.check().map_err(invalid)?;
    Ok((seeds, path.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry::KeyHash;
    use store::EmbeddedStore;

    #[test]
    fn built_in_keys_are_the_documented_ones() {
        let (seeds, shown) = read(None).unwrap();
        let store = EmbeddedStore::new(&seeds).unwrap();
        for (key, plan) in [
            ("local-free-key-000000000001", "free"),
            ("local-pro-key-0000000000001", "pro"),
        ] {
            assert_eq!(
                store
                    .registry()
                    .key(&KeyHash::of(key).unwrap())
                    .unwrap()
                    .plan,
                plan
            );
        }
        assert!(shown);
    }
}
