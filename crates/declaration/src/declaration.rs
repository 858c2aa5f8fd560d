//! The content of a file: plans, policies, compositions and keys.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The largest file, in bytes. 100,000 keys take about half of it.
pub const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

/// The name of a declaration without `name`.
pub const DEFAULT_NAME: &str = "default";

/// The plans, policies, compositions and keys of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declaration {
    /// Marks the objects that an `apply` of this file creates, so that `--prune` deletes only those.
    /// `None` is [`DEFAULT_NAME`], which all files without a name share.
    pub name: Option<String>,
    /// Plans by name, as in the API.
    pub plans: BTreeMap<String, Value>,
    /// Policies by name, as in the API.
    pub policies: BTreeMap<String, Value>,
    /// Compositions by name, as in the API. The order of their fields is that of the file.
    pub compositions: BTreeMap<String, Value>,
    /// Keys, in the order of the file.
    pub keys: Vec<DeclaredKey>,
}

/// A declared key. Its secret is never in the file.
#[derive(Clone, PartialEq)]
pub struct DeclaredKey {
    /// The id of the key.
    pub key_id: String,
    /// The other fields of a `PUT` of the key, except `hash`.
    pub fields: Map<String, Value>,
    /// The SHA-256 of a secret to take over, as 64 hexadecimal digits.
    pub hash: Option<String>,
}

impl Declaration {
    /// Returns the name that marks the objects of this file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(DEFAULT_NAME)
    }

    /// True if the file contains hashes of secrets, and is therefore confidential.
    #[must_use]
    pub fn has_hashes(&self) -> bool {
        self.keys.iter().any(|key| key.hash.is_some())
    }
}

/// Shows the id only. The hash of a secret that is easy to guess reveals it.
impl std::fmt::Debug for DeclaredKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DeclaredKey")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
