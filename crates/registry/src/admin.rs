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

use crate::dynamodb::DynamoDbRegistry;
use crate::embedded::EmbeddedRegistry;
use crate::table::Table;

/// Administrates a store's registry.
#[derive(Clone, Debug)]
pub struct Admin<'s> {
    pub(crate) table: Table<'s>,
}

/// Some of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// These.
    pub items: Vec<T>,
    /// After which the next page begins, where there is one.
    pub next: Option<String>,
}

impl<'s> Admin<'s> {
    /// Returns the administration of a registry in memory.
    #[must_use]
    pub fn embedded(registry: &'s EmbeddedRegistry) -> Self {
        Self {
            table: Table::Embedded(registry),
        }
    }

    /// Returns the administration of a registry in DynamoDB. Its requests have the timeouts of the
    /// registry's client.
    #[must_use]
    pub fn dynamodb(registry: &'s DynamoDbRegistry) -> Self {
        Self {
            table: Table::DynamoDb(registry.table()),
        }
    }
}

impl Admin<'_> {
    pub(crate) fn indexes_lag(&self) -> bool {
        matches!(self.table, Table::DynamoDb(_))
    }
}
