//! The administration of the registry: plans, policies and keys, with optimistic concurrency.
//!
//! The version of a document is a hash of it. Every change states which version it replaces, so
//! that concurrent changes never overwrite each other. A key has one item per secret. The item of
//! the current secret contains the record and the hashes of the earlier secrets. An item of an
//! earlier secret contains the same key with an expiry, and the hash of its successor. The item of
//! an ended secret is kept for 400 days. All writes of one change are one transaction.
//!
//! Keys are found and listed through indexes that may be a moment behind. An index only says where
//! to look: the items are then read consistently, and every write requires that they are unchanged.
//! An index that lags therefore only shows a new key late.

use crate::ManagedBy;
use crate::audit::AuditTrail;
use crate::dynamodb::DynamoDbRegistry;
use crate::embedded::EmbeddedRegistry;
use crate::table::Table;

/// The administration of a registry.
#[derive(Clone, Debug)]
pub struct Admin<'s> {
    pub(crate) table: Table<'s>,
    /// Records each change, if there is one.
    pub(crate) trail: Option<&'s dyn AuditTrail>,
    /// The program that creates plans and policies.
    pub(crate) creator: Option<&'s ManagedBy>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The entries of the page.
    pub items: Vec<T>,
    /// The entry after which the next page begins, if there is one.
    pub next: Option<String>,
}

impl<'s> Admin<'s> {
    /// Returns the administration of a registry in memory.
    #[must_use]
    pub fn embedded(registry: &'s EmbeddedRegistry) -> Self {
        Self {
            table: Table::Embedded(registry),
            trail: None,
            creator: None,
        }
    }

    /// Returns the administration of a registry in DynamoDB. Its requests have the timeouts of the
    /// registry's client.
    #[must_use]
    pub fn dynamodb(registry: &'s DynamoDbRegistry) -> Self {
        Self {
            table: Table::DynamoDb(registry.table()),
            trail: None,
            creator: None,
        }
    }

    /// Returns this administration, which stores `creator` with each plan and policy that it
    /// creates. For a key, set [`crate::KeyRecord::managed_by`].
    #[must_use]
    pub fn created_by(self, creator: Option<&'s ManagedBy>) -> Self {
        Self { creator, ..self }
    }
}

impl Admin<'_> {
    pub(crate) fn indexes_lag(&self) -> bool {
        matches!(self.table, Table::DynamoDb(_))
    }
}
