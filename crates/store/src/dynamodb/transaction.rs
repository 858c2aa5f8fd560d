//! Transactions over several usage items.
//!
//! A charge is never a transaction, but it can conflict with one: DynamoDB then refuses the charge,
//! and it is retried.
//!
//! IAM: dynamodb:UpdateItem on UsageTable key#*, sub#*, cert#*, ip#*, plan#*, group#*, history#*

use aws::Deadline;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::time::timeout_at;

use super::expression::{Clause, expression};
use super::usage_item::{self, UsageItem};
use super::usage_table::{UsageTable, key, numbers};
use dynamodb::{Attempt, Call, Outage};

/// The codes of the reasons why a transaction is canceled.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";
const NO_REASON: &str = "None";

/// The write of one item in a transaction.
#[derive(Debug)]
pub(super) struct ItemWrite {
    pub(super) id: String,
    pub(super) clauses: Vec<Clause>,
}

/// The outcome of a transaction.
#[derive(Debug)]
pub(super) enum TransactionOutcome {
    /// All writes were made.
    Done,
    /// No write was made, because conditions failed: one entry per write, in their order.
    Refused(Vec<Refusal>),
}

/// The outcome of one write of a refused transaction.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Its condition did not fail.
    None,
    /// Its condition failed. Contains the item if the store returned it.
    Condition(Option<Box<UsageItem>>),
}

impl TransactionOutcome {
    /// Returns a refused transaction as a conflict, so that it is prepared again from what is
    /// stored now.
    pub(super) fn accepted(self) -> Result<(), Outage> {
        match self {
            Self::Done => Ok(()),
            Self::Refused(_) => Err(Outage {
                may_pass: true,
                ..Outage::CONFLICT
            }),
        }
    }
}

impl UsageTable {
    /// Makes all writes or none, in one attempt. `record` is the write of an audit record. It is
    /// the last one of the transaction.
    pub(super) async fn transact(
        &self,
        writes: &[ItemWrite],
        record: Option<TransactWriteItem>,
        deadline: Deadline,
        attempt: Attempt,
    ) -> Result<TransactionOutcome, Outage> {
        let items = writes
            .iter()
            .map(|write| self.transacted(write))
            .chain(record.map(Ok))
            .collect::<Result<Vec<_>, _>>()?;
        let call = Call::begin("TransactWriteItems", self.table(), self.breaker(), deadline)?;

        let request = self
            .client()
            .transact_write_items()
            .set_transact_items(Some(items))
            .send();
        let outcome = match timeout_at(deadline.instant().into(), request).await {
            Ok(Ok(_)) => Some(Ok(TransactionOutcome::Done)),
            Ok(Err(error)) => Some(match refusals(&error) {
                Some(refusals) => Ok(TransactionOutcome::Refused(refusals)),
                None => Err(error),
            }),
            Err(_) => None,
        };
        call.settle(outcome, attempt)
    }

    fn transacted(&self, write: &ItemWrite) -> Result<TransactWriteItem, Outage> {
        let expression = expression(&write.clauses);
        let update = Update::builder()
            .table_name(self.table())
            .set_key(Some(key(&write.id)))
            .update_expression(expression.update)
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(Some(expression.names.into_iter().collect()))
            .set_expression_attribute_values(Some(numbers(expression.values)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();

        let update = update.map_err(|_| Outage::UNSENT)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// Returns `None` unless only failed conditions canceled the transaction. After a conflict or a
/// throttle of another item, the conditions are unknown.
fn refusals(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Option<Vec<Refusal>> {
    let TransactWriteItemsError::TransactionCanceledException(canceled) =
        error.as_service_error()?
    else {
        return None;
    };

    let refusal = |reason: &CancellationReason| match reason.code() {
        None | Some(NO_REASON) => Some(Refusal::None),
        Some(CONDITION_FAILED) => {
            let item = reason.item.as_ref().filter(|item| !item.is_empty());
            Some(Refusal::Condition(
                item.map(|item| Box::new(usage_item::read(item))),
            ))
        }
        Some(_) => None,
    };
    let refusals = canceled
        .cancellation_reasons()
        .iter()
        .map(refusal)
        .collect::<Option<Vec<_>>>()?;
    refusals
        .iter()
        .any(|refusal| matches!(refusal, Refusal::Condition(_)))
        .then_some(refusals)
}
