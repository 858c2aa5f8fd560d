//! A key of a file, and what an import makes of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::KeyHash;

use crate::KeyRecord;

/// A key of a file. What is `None` stays as it is, and is the default of a new key.
#[derive(Clone, Debug)]
pub struct ImportedKey {
    /// The hash of its secret.
    pub hash: KeyHash,
    /// The id in the file. A key that exists has to have this id.
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
    /// See [`ApiKey::subject`](crate::ApiKey::subject).
    pub subject: Option<String>,
    /// See [`ApiKey::scopes`](crate::ApiKey::scopes).
    pub scopes: Option<Vec<String>>,
    /// See [`KeyRecord::metadata`](crate::KeyRecord::metadata), all of it.
    pub metadata: Option<BTreeMap<String, String>>,
    /// See [`KeyRecord::created_at`](crate::KeyRecord::created_at); for a new key alone.
    pub created_at: Option<Timestamp>,
}

/// What became of a key of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportedRow {
    /// It is a key.
    Key {
        /// Its id.
        key_id: String,
        /// What the import changed.
        change: ImportChange,
        /// What the operator should know.
        notes: Vec<ImportNote>,
        /// The key before and after, if it was written.
        written: Option<Box<WrittenKey>>,
    },
    /// It was not imported.
    Refused(ImportRefusal),
}

/// A key that an import wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenKey {
    /// The key before; `None` if it is new.
    pub before: Option<KeyRecord>,
    /// The key now.
    pub after: KeyRecord,
}

/// What an import did with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportChange {
    /// The key is new.
    Created,
    /// The key existed, and has changed.
    Updated,
    /// The key existed, and is as it was.
    Unchanged,
}

/// What an operator should know of a key that was imported.
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

/// Why a key of a file was not imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefusal {
    /// The secret was rotated, and is in its grace.
    #[error("this is an earlier secret of the rotated key `{key_id}`")]
    EarlierSecret {
        /// The key.
        key_id: String,
    },
    /// The secret has ended.
    #[error("this secret of key `{key_id}` ended at {ended_at} and cannot be used again")]
    EndedSecret {
        /// The key, which may be deleted.
        key_id: String,
        /// When it ended.
        ended_at: Timestamp,
    },
    /// A new key without a plan.
    #[error("it has no plan, and the request names none")]
    NoPlan,
    /// The plan does not exist.
    #[error("there is no plan `{0}`")]
    UnknownPlan(String),
    /// The key exists under another id.
    #[error("`KeyId` differs from the id of the key with this secret, which is `{key_id}`")]
    OtherKeyId {
        /// The id that it has.
        key_id: String,
    },
    /// Another key has this id, or had it.
    #[error("`KeyId` is the id of another key")]
    KeyIdInUse,
    /// The id in the file cannot be the id of a new key.
    #[error(
        "`KeyId`: expected 1 to 128 letters, digits, `.`, `_` or `-`, beginning with a letter or digit, \
         and not `import`, `export` or `bulk`"
    )]
    KeyIdForm,
    /// Other requests changed the key at the same time.
    #[error("other requests change this key at the same time; import the row again")]
    Busy,
}
