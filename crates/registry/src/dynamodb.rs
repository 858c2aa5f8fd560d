//! The registry in DynamoDB, shared by all instances.

mod block_cache;
mod documents;
mod flights;
mod item;
mod reader;
mod table;
mod writes;

use ::dynamodb::TableSchema;

use item::{KEY, KEY_ID, PLAN, SHARD};
pub use reader::DynamoDbRegistry;
pub(crate) use table::RegistryTable;
use table::{BY_ID, BY_PLAN};

/// The keys of the table and of its two indexes.
pub const TABLE_SCHEMA: TableSchema<'static> = TableSchema {
    keys: &KEY,
    indexes: &[(BY_ID, [SHARD, KEY_ID]), (BY_PLAN, [PLAN, KEY_ID])],
};
