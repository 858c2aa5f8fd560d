//! The writes of the administration: single writes and transactions.
//!
//! IAM: dynamodb:PutItem, dynamodb:DeleteItem, dynamodb:ConditionCheckItem on RegistryTable

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use dynamodb::RequestError;

use crate::RegistryError;
use crate::item::{CommitOutcome, Guard, Item, Write};

use super::item::{DOCUMENT, KEY, MANAGED_BY, TTL, attributes, key_attributes};
use super::table::RegistryTable;

const CONDITION_FAILED: &str = "ConditionalCheckFailed";
const CONFLICTS: [&str; 3] = [
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// A condition expression with its names and values.
#[derive(Default)]
struct Condition {
    text: Option<&'static str>,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
}

impl From<Guard> for Condition {
    fn from(guard: Guard) -> Self {
        let new = |text, names: &[(&str, &str)], value: Option<AttributeValue>| Self {
            text: Some(text),
            names: Some(
                names
                    .iter()
                    .map(|(short, name)| ((*short).to_owned(), (*name).to_owned()))
                    .collect(),
            ),
            values: value.map(|value| HashMap::from([(":x".to_owned(), value)])),
        };
        match guard {
            Guard::None => Self::default(),
            Guard::Absent => new("attribute_not_exists(#p)", &[("#p", KEY[0])], None),
            Guard::AbsentOrOver(second) => {
                let names = [("#p", KEY[0]), ("#t", TTL)];
                new(
                    "attribute_not_exists(#p) OR #t < :x",
                    &names,
                    Some(AttributeValue::N(second.to_string())),
                )
            }
            Guard::Unchanged(document) => new(
                "#d = :x",
                &[("#d", DOCUMENT)],
                Some(AttributeValue::S(document)),
            ),
            Guard::UnchangedObject(document, managed_by) => {
                let names = [("#d", DOCUMENT), ("#m", MANAGED_BY)];
                let text = if managed_by.is_some() {
                    "#d = :x AND #m = :m"
                } else {
                    "#d = :x AND attribute_not_exists(#m)"
                };
                let mut condition = new(text, &names, Some(AttributeValue::S(document)));
                let name = managed_by.map(|name| AttributeValue::S(name.as_str().to_owned()));
                if let Some((values, name)) = condition.values.as_mut().zip(name) {
                    values.insert(":m".to_owned(), name);
                }
                condition
            }
        }
    }
}

impl RegistryTable<'_> {
    /// A single write costs half as much outside a transaction.
    pub(crate) async fn commit(
        &self,
        mut writes: Vec<Write>,
    ) -> Result<CommitOutcome, RegistryError> {
        let committed = match (writes.len(), writes.pop()) {
            (1, Some(Write::Put(item, guard))) => self.put(item, guard.into()).await?,
            (1, Some(Write::Delete(key, guard))) => {
                self.delete(key_attributes(&key), guard.into()).await?
            }
            (_, last) => {
                writes.extend(last);
                self.transact(writes).await?
            }
        };
        if committed == CommitOutcome::No(Vec::new()) {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(20..80))).await;
        }
        Ok(committed)
    }

    pub(super) async fn put_item(
        &self,
        item: Item,
        guard: Guard,
    ) -> Result<CommitOutcome, RegistryError> {
        self.put(item, guard.into()).await
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<CommitOutcome, RegistryError> {
        let request = self
            .client
            .put_item()
            .table_name(self.table)
            .set_item(Some(attributes(item)));
        let request = request.set_condition_expression(condition.text.map(str::to_owned));
        let request = request.set_expression_attribute_names(condition.names);
        single(
            "PutItem",
            self.table,
            request
                .set_expression_attribute_values(condition.values)
                .send()
                .await,
        )
    }

    async fn delete(
        &self,
        key: HashMap<String, AttributeValue>,
        condition: Condition,
    ) -> Result<CommitOutcome, RegistryError> {
        let request = self
            .client
            .delete_item()
            .table_name(self.table)
            .set_key(Some(key));
        let request = request.set_condition_expression(condition.text.map(str::to_owned));
        let request = request.set_expression_attribute_names(condition.names);
        single(
            "DeleteItem",
            self.table,
            request
                .set_expression_attribute_values(condition.values)
                .send()
                .await,
        )
    }

    /// Each transaction has a token of the SDK, so that a repeated attempt is the same transaction.
    async fn transact(&self, writes: Vec<Write>) -> Result<CommitOutcome, RegistryError> {
        let writes = writes
            .into_iter()
            .map(|write| self.transacted(write))
            .collect::<Result<Vec<_>, _>>()?;
        match self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await
        {
            Ok(_) => Ok(CommitOutcome::Yes),
            Err(error) => canceled(&error).ok_or_else(|| {
                RequestError::of_sdk("TransactWriteItems", self.table, &error).into()
            }),
        }
    }

    pub(crate) fn transacted(&self, write: Write) -> Result<TransactWriteItem, RegistryError> {
        let failed = |error| RegistryError::request("TransactWriteItems", error);
        let item = TransactWriteItem::builder();
        Ok(match write {
            Write::Put(put, guard) => {
                let (builder, condition) = (
                    Put::builder().table_name(self.table),
                    Condition::from(guard),
                );
                let builder = builder.set_item(Some(attributes(put)));
                let builder = builder.set_condition_expression(condition.text.map(str::to_owned));
                let builder = builder.set_expression_attribute_names(condition.names);
                item.put(
                    builder
                        .set_expression_attribute_values(condition.values)
                        .build()
                        .map_err(failed)?,
                )
            }
            Write::Delete(key, guard) => {
                let (builder, condition) = (
                    Delete::builder().table_name(self.table),
                    Condition::from(guard),
                );
                let builder = builder.set_key(Some(key_attributes(&key)));
                let builder = builder.set_condition_expression(condition.text.map(str::to_owned));
                let builder = builder.set_expression_attribute_names(condition.names);
                item.delete(
                    builder
                        .set_expression_attribute_values(condition.values)
                        .build()
                        .map_err(failed)?,
                )
            }
            Write::Check(key) => {
                let builder = ConditionCheck::builder()
                    .table_name(self.table)
                    .set_key(Some(key_attributes(&key)));
                let builder = builder.condition_expression("attribute_exists(#p)");
                item.condition_check(
                    builder
                        .expression_attribute_names("#p", KEY[0])
                        .build()
                        .map_err(failed)?,
                )
            }
        }
        .build())
    }
}

fn single<T, E>(
    operation: &'static str,
    table: &str,
    outcome: Result<T, SdkError<E>>,
) -> Result<CommitOutcome, RegistryError>
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match outcome {
        Ok(_) => Ok(CommitOutcome::Yes),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
            Ok(CommitOutcome::No(vec![0]))
        }
        Err(error) if error.code().is_some_and(|code| CONFLICTS.contains(&code)) => {
            Ok(CommitOutcome::No(Vec::new()))
        }
        Err(error) => Err(RequestError::of_sdk(operation, table, &error).into()),
    }
}

/// Returns which conditions failed, or `None` for another error.
fn canceled(error: &SdkError<TransactWriteItemsError>) -> Option<CommitOutcome> {
    if error.code().is_some_and(|code| CONFLICTS.contains(&code)) {
        return Some(CommitOutcome::No(Vec::new()));
    }
    let TransactWriteItemsError::TransactionCanceledException(canceled) =
        error.as_service_error()?
    else {
        return None;
    };
    let codes: Vec<_> = canceled
        .cancellation_reasons()
        .iter()
        .map(|reason| reason.code().unwrap_or_default())
        .collect();
    let failed: Vec<_> = (0..)
        .zip(&codes)
        .filter(|(_, code)| **code == CONDITION_FAILED)
        .map(|(at, _)| at)
        .collect();
    let conflict = codes.iter().any(|code| CONFLICTS.contains(code));
    (conflict || !failed.is_empty()).then_some(CommitOutcome::No(failed))
}
