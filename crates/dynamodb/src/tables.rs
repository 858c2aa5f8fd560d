//! Creates tables on a local server. Deployed tables belong to the template.
//!
//! IAM: none; nothing that is deployed calls this

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableStatus,
};
use tokio::time::{Instant, sleep};

use crate::RequestError;

const CREATION_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The keys of a table and of its indexes. All of them are strings.
#[derive(Clone, Copy, Debug)]
pub struct TableSchema<'a> {
    /// The partition key's name and, if there is one, the sort key's name.
    pub keys: &'a [&'a str],
    /// The indexes, which hold keys alone: name, partition key and sort key.
    pub indexes: &'a [(&'a str, [&'a str; 2])],
}

/// Creates the table unless it exists, and waits until it is active.
///
/// # Errors
/// [`RequestError`] if a request fails or the table is not active within 10 s.
pub async fn create_table(
    client: &Client,
    table: &str,
    schema: TableSchema<'_>,
) -> Result<(), RequestError> {
    let TableSchema { keys, indexes } = schema;

    if is_active(client, table).await?.is_none() {
        let build = |error| RequestError::new("CreateTable", error);
        let mut names: Vec<_> = keys
            .iter()
            .chain(indexes.iter().flat_map(|(_, keys)| keys))
            .copied()
            .collect();
        names.sort_unstable();
        names.dedup();
        let definitions = names.into_iter().map(|name| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
        });
        let indexes = indexes.iter().map(|(name, keys)| {
            let keys_only = Projection::builder()
                .projection_type(ProjectionType::KeysOnly)
                .build();
            let index = GlobalSecondaryIndex::builder()
                .index_name(*name)
                .projection(keys_only);
            index.set_key_schema(Some(key_schema(keys)?)).build()
        });
        let indexes = indexes.collect::<Result<Vec<_>, _>>().map_err(build)?;
        let request = client
            .create_table()
            .table_name(table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(key_schema(keys).map_err(build)?))
            .set_attribute_definitions(Some(definitions.collect::<Result<_, _>>().map_err(build)?))
            .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes));
        match request.send().await {
            // Another process created it first.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_in_use_exception()) => {}
            outcome => {
                drop(outcome.map_err(|error| RequestError::of_sdk("CreateTable", table, &error))?)
            }
        }
    }
    wait_until_active(client, table).await
}

fn key_schema(keys: &[&str]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let kinds = keys.iter().zip([KeyType::Hash, KeyType::Range]);
    kinds
        .map(|(key, kind)| {
            KeySchemaElement::builder()
                .attribute_name(*key)
                .key_type(kind)
                .build()
        })
        .collect()
}

async fn wait_until_active(client: &Client, table: &str) -> Result<(), RequestError> {
    let end = Instant::now() + CREATION_TIMEOUT;
    while is_active(client, table).await? != Some(true) {
        if Instant::now() >= end {
            return Err(RequestError::new(
                "CreateTable",
                format!("{table} is not active after {CREATION_TIMEOUT:?}"),
            ));
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// `None` where there is no such table.
async fn is_active(client: &Client, table: &str) -> Result<Option<bool>, RequestError> {
    match client.describe_table().table_name(table).send().await {
        Ok(output) => Ok(Some(
            output.table.and_then(|table| table.table_status) == Some(TableStatus::Active),
        )),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(error) => Err(RequestError::of_sdk("DescribeTable", table, &error)),
    }
}
