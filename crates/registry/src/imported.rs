//! A key of a file, and the outcome of its import.

use std::collections::BTreeMap;

use addresses::Network;
use jiff::Timestamp;

use crate::KeyHash;

use crate::KeyRecord;

/// A key of a file. A field that is `None` stays as it is, or has the default if the key is new.
#[derive(Clone, Debug)]
pub struct ImportedKey {
    /// The hash of the secret.
    pub hash: KeyHash,
    /// See [`KeyRecord::hint`](crate::KeyRecord::hint). Used if the key is new or changed.
    pub hint: Option<String>,
    /// The id in the file. An existing key must have this id.
    pub key_id: Option<String>,
    /// The id of a new key if the file has none.
    pub new_key_id: String,
    /// See [`KeyRecord::name`](crate::KeyRecord::name).
    pub name: Option<String>,
    /// See [`KeyRecord::description`](crate::KeyRecord::description).
    pub description: Option<String>,
    /// See [`ApiKey::plan`](crate::ApiKey::plan).
    pub plan: Option<String>,
    /// See [`ApiKey::enabled`](crate::ApiKey::enabled).
    pub enabled: Option<bool>,
    /// See [`ApiKey::expires_at`](crate::ApiKey::expires_at).
    pub expires_at: Option<Timestamp>,
    /// See [`ApiKey::not_before`](crate::ApiKey::not_before).
    pub not_before: Option<Timestamp>,
    /// See [`ApiKey::allowed_ips`](crate::ApiKey::allowed_ips).
    pub allowed_ips: Option<Vec<Network>>,
    /// See [`ApiKey::group`](crate::ApiKey::group).
    pub group: Option<String>,
    /// See [`ApiKey::subject`](crate::ApiKey::subject).
    pub subject: Option<String>,
    /// See [`ApiKey::scopes`](crate::ApiKey::scopes).
    pub scopes: Option<Vec<String>>,
    /// See [`KeyRecord::metadata`](crate::KeyRecord::metadata). All of it is replaced.
    pub metadata: Option<BTreeMap<String, String>>,
    /// See [`KeyRecord::created_at`](crate::KeyRecord::created_at). Used only for a new key.
    pub created_at: Option<Timestamp>,
}

/// The outcome of importing a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportedRow {
    /// The key exists now.
    Key {
        /// The id of the key.
        key_id: String,
        /// The change that the import made.
        change: ImportChange,
        /// Notes for the operator.
        notes: Vec<ImportNote>,
        /// The key before and after, if it was written.
        written: Option<Box<WrittenKey>>,
    },
    /// The key was not imported.
    Refused(ImportRefusal),
}

impl ImportedRow {
    /// Returns the key before and after, if it was written.
    #[must_use]
    pub fn written(&self) -> Option<&WrittenKey> {
        match self {
            Self::Key { written, .. } => written.as_deref(),
            Self::Refused(_) => None,
        }
    }
}

/// A key that an import wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenKey {
    /// The key before; `None` if it is new.
    pub before: Option<KeyRecord>,
    /// The key now.
    pub after: KeyRecord,
}

/// The change that an import made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportChange {
    /// The key is new.
    Created,
    /// The key existed and was changed.
    Updated,
    /// The key existed and is unchanged.
    Unchanged,
}

/// A note on an imported key for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportNote {
    /// The file would enable a disabled key.
    #[error("the key is disabled and stays disabled; enable it with PATCH if that is intended")]
    StaysDisabled,
    /// The file would give an expired key more time.
    #[error(
        "the key has expired and stays expired; change `expires_at` with PATCH if that is intended"
    )]
    StaysExpired,
    /// The file puts the key on another plan.
    #[error("the key moves from plan `{from}` to plan `{to}`")]
    Moves {
        /// The plan before.
        from: String,
        /// The plan of the file.
        to: String,
    },
}

/// The reason why a key was not imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefusal {
    /// The secret was rotated and is in its grace period.
    #[error("this is an earlier secret of the rotated key `{key_id}`")]
    EarlierSecret {
        /// The id of the key.
        key_id: String,
    },
    /// The secret has ended.
    #[error("this secret of key `{key_id}` ended at {ended_at} and cannot be used again")]
    EndedSecret {
        /// The id of the key, which may be deleted.
        key_id: String,
        /// The instant of the end.
        ended_at: Timestamp,
    },
    /// A new key has no plan.
    #[error("it has no plan, and the request names none")]
    NoPlan,
    /// The plan does not exist.
    #[error("there is no plan `{0}`")]
    UnknownPlan(String),
    /// The key exists with another id.
    #[error("`KeyId` differs from the id of the key with this secret, which is `{key_id}`")]
    OtherKeyId {
        /// The id of the key.
        key_id: String,
    },
    /// Another key has or had this id.
    #[error("`KeyId` is the id of another key")]
    KeyIdInUse,
    /// A deleted key had this id.
    #[error("`KeyId` is the id of a deleted key; it can be used again from {until} on")]
    KeyIdDeleted {
        /// The instant from which on the id can be used again.
        until: Timestamp,
    },
    /// The id in the file cannot be the id of a new key.
    #[error(
        "`KeyId`: expected 1 to 128 letters, digits, `.`, `_` or `-`, beginning with a letter or digit, \
         and not `import`, `export`, `bulk`, `hashes` or `lookup`"
    )]
    KeyIdForm,
    /// Other requests changed the key at the same time.
    #[error("other requests change this key at the same time; import the row again")]
    Busy,
}
