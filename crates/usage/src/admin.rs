//! The registry's administration: plans, policies and keys, with versions, in whichever store they
//! are.
//!
//! A document's version is a hash of it, and every change says which document it replaces, so that
//! two who change the same thing never undo one another's work. A key has one item a secret. The
//! present secret's item holds the record and the hashes of the secrets before it; theirs hold the
//! same key with an end, and where the key is now. A secret that has ended keeps an item for 400
//! days. Whatever is written of one key is written together.
//!
//! Keys are found by their id, and listed, through indexes that may be a moment behind. They only
//! say where to look: what is there is then read as it is, and every write demands what was read.
//! So an index that lags shows a new key late, and does nothing else.

mod catalogue;
mod deleted;
mod ended;
mod error;
mod import;
mod import_decision;
mod imported;
mod item;
mod keys;
mod listing;
mod once;
mod plan_use;
mod plans;
mod record;
mod rotation;
mod shared_secret;
mod table;
mod version;

use crate::Store;

pub use deleted::DeletedKey;
pub use error::{AdminError, Refusal};
pub use import::IMPORT_BATCH;
pub use imported::{ImportChange, ImportNote, ImportRefusal, ImportedKey, ImportedRow, WrittenKey};
pub use keys::UpdatedKey;
pub use once::{KEPT_ANSWER_S, Keep, KeptAnswer, Once};
pub use plans::Put;
pub use record::{
    KeyPatch, KeyRecord, LONGEST_DESCRIPTION, LONGEST_METADATA, LONGEST_NAME, LONGEST_SCOPE,
    MOST_METADATA, MOST_SCOPES, Retiring,
};
pub use shared_secret::SECRET_BYTES;
pub use version::{Condition, Stored, Version};

pub(crate) use catalogue::Catalogue;
pub(crate) use item::{Committed, Guard, Item, ItemKey, Write};
pub(crate) use table::Table;

/// Administrates a store's registry.
#[derive(Clone, Debug)]
pub struct Admin<'s> {
    table: Table<'s>,
}

/// Some of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// These.
    pub items: Vec<T>,
    /// After which the next page begins, where there is one.
    pub next: Option<String>,
}

impl Store {
    /// The store's administration. Its calls have the time-outs of the store's AWS clients.
    #[must_use]
    pub fn admin(&self) -> Admin<'_> {
        let table = match self {
            Self::Embedded(store) => Table::Embedded(store.catalogue()),
            Self::DynamoDb(store) => Table::DynamoDb(store.registry_table()),
        };
        Admin { table }
    }
}

impl Admin<'_> {
    fn indexes_lag(&self) -> bool {
        matches!(self.table, Table::DynamoDb(_))
    }
}
