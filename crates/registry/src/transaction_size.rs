//! The limits of one transaction that changes several keys.

use crate::item::Write;

/// The most writes and checks of one transaction. DynamoDB has the same limit.
pub(crate) const MAX_WRITES: usize = 100;
/// The most bytes of documents in one transaction. DynamoDB has a limit of 4 MB, which includes the
/// documents of the conditions.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 1_000_000;

/// Returns the bytes of the documents that are written.
pub(crate) fn document_bytes(writes: &[Write]) -> usize {
    let documents = writes.iter().map(|write| match write {
        Write::Put(item, _) => item.document.len(),
        Write::Delete(..) | Write::Check(_) => 0,
    });
    documents.sum()
}
