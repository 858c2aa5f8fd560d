//! The resource that DynamoDB throttles: one item, or a table, an index or the account.

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{CancellationReason, ThrottlingReason};

/// The limit type of an item that is used too often. A reason is a resource, an operation and a
/// limit type in one word: `TableWriteKeyRangeThroughputExceeded`.
const OF_AN_ITEM: &str = "KeyRangeThroughputExceeded";
/// The limit types that all items of a table, an index or the account share.
const SHARED: [&str; 3] = [
    "ProvisionedThroughputExceeded",
    "MaxOnDemandThroughputExceeded",
    "AccountLimitExceeded",
];

/// The codes of reasons for a canceled transaction that other requests cause.
const CANCELED_BY_OTHERS: [&str; 3] = [
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

/// A throttle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// True if a table, an index or the account is throttled, so that the caller is not to blame.
    /// False if DynamoDB gives no reason, or one that is not known here.
    pub is_shared: bool,
    /// The decisive reason.
    pub reason: Option<String>,
}

/// An error that may be a throttle.
pub trait Throttles {
    /// Returns the throttled resource, if this is a throttle.
    fn throttle(&self) -> Throttle;

    /// Returns true if nothing was done because of a concurrent write of the same item.
    fn is_conflict(&self) -> bool;
}

impl Throttle {
    fn of(reasons: &[ThrottlingReason]) -> Self {
        let reasons = || reasons.iter().filter_map(ThrottlingReason::reason);
        let is_shared = |reason: &&str| SHARED.iter().any(|limit| reason.ends_with(limit));

        let item = reasons().find(|reason| reason.ends_with(OF_AN_ITEM));
        let other = item.or_else(|| reasons().find(|reason| !is_shared(reason)));
        let reason = other.or_else(|| reasons().next());
        Self {
            is_shared: other.is_none() && reason.is_some(),
            reason: reason.map(str::to_owned),
        }
    }
}

/// Implements the trait for an operation by its three errors of throttling.
macro_rules! throttles {
    ($($error:ident: $is_conflict:expr),+) => {$(
        impl Throttles for $error {
            fn throttle(&self) -> Throttle {
                match self {
                    Self::ProvisionedThroughputExceededException(error) => Throttle::of(error.throttling_reasons()),
                    Self::RequestLimitExceeded(error) => Throttle::of(error.throttling_reasons()),
                    Self::ThrottlingException(error) => Throttle::of(error.throttling_reasons()),
                    _ => Throttle::default(),
                }
            }

            fn is_conflict(&self) -> bool {
                let is_conflict: fn(&Self) -> bool = $is_conflict;
                is_conflict(self)
            }
        }
    )+};
}

throttles!(
    BatchGetItemError: |_| false,
    GetItemError: |_| false,
    TransactWriteItemsError: |error| match error {
        Self::TransactionCanceledException(canceled) => is_canceled_by_conflict(canceled),
        _ => false,
    },
    UpdateItemError: |error| {
        matches!(error, Self::TransactionConflictException(_) | Self::ReplicatedWriteConflictException(_))
    }
);

/// Returns true if another write, or a throttle of one of the items, canceled a transaction.
fn is_canceled_by_conflict(canceled: &TransactionCanceledException) -> bool {
    let reasons = canceled
        .cancellation_reasons()
        .iter()
        .filter_map(CancellationReason::code);
    reasons
        .into_iter()
        .any(|code| CANCELED_BY_OTHERS.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasons_that_are_known_to_be_shared_excuse_the_caller() {
        const TABLE: &str = "TableWriteProvisionedThroughputExceeded";
        const ACCOUNT: &str = "TableWriteAccountLimitExceeded";
        const INDEX: &str = "IndexWriteMaxOnDemandThroughputExceeded";
        const ITEM: &str = "TableWriteKeyRangeThroughputExceeded";
        const NEW: &str = "TableWriteSomethingNewExceeded";
        for (reasons, is_shared, decides) in [
            (&[][..], false, None),
            (&[TABLE], true, Some(TABLE)),
            (&[ACCOUNT], true, Some(ACCOUNT)),
            (&[INDEX, TABLE], true, Some(INDEX)),
            (&[ITEM], false, Some(ITEM)),
            (&[TABLE, ITEM], false, Some(ITEM)),
            (&[TABLE, NEW], false, Some(NEW)),
            (&[NEW, ITEM], false, Some(ITEM)),
        ] {
            let reason = |reason: &&str| ThrottlingReason::builder().reason(*reason).build();
            let throttle = Throttle::of(&reasons.iter().map(reason).collect::<Vec<_>>());
            assert_eq!(
                (throttle.is_shared, throttle.reason.as_deref()),
                (is_shared, decides),
                "{reasons:?}"
            );
        }
    }
}
