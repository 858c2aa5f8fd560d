//! Audit records of changes of remaining calls, as parts of the transactions of these changes.

use aws_sdk_dynamodb::types::TransactWriteItem;
use limits::GrantId;
use registry::{AuditTrail, DynamoDbRegistry};

use crate::StoreError;
use crate::grant_request::record_of_calls;

/// Writes records, if there is a trail.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordWrites<'r> {
    pub(super) registry: &'r DynamoDbRegistry,
    pub(super) trail: Option<&'r dyn AuditTrail>,
}

impl RecordWrites<'_> {
    /// Returns the write of the record of a change by `amount` calls.
    pub(super) fn write(
        &self,
        quota: &str,
        amount: i64,
        id: GrantId,
    ) -> Result<Option<TransactWriteItem>, StoreError> {
        let record = record_of_calls(self.trail, quota, amount, id);
        let write = record.map(|record| self.registry.record_write(record));
        Ok(write.transpose()?)
    }
}
